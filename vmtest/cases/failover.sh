#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One uplink of the site is cut silently, and heals: traffic moves to the other tunnel and back.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels and BGP sessions are up" until_true 20 all_up 2
must "the branch is reached" until_true 10 reach host 10.1.0.10

route_tunnel() { [ "$(json_of show routes '.routes[] | select(.prefix == "10.1.0.0/24").tunnel')" = "$1" ]; }
must "tunnel 0 is the first choice" until_true 10 route_tunnel 0
cut_on 1 0
case_ "the route moves to tunnel 1" until_true 10 route_tunnel 1
case_ "hub to site over tunnel 1" until_true 10 reach host 10.1.0.10
case_ "site to hub over tunnel 1" until_true 10 reach b1-h 10.0.0.10
cut_off 1 0
case_ "both tunnels are up again" until_true 30 all_up 2
case_ "the route is on tunnel 0 again" until_true 20 route_tunnel 0
case_ "hub to site" until_true 10 reach host 10.1.0.10
cases_end
