#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A path of 1,400 bytes between hub and site: large packets and transfers, with and without DF.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

one_site

interface_mtu() { local m; m=$(in_hub cat /sys/class/net/sl0-0/mtu) && echo "$m" && [ "$m" -gt 1400 ] && [ "$m" -lt 1500 ]; }
[ "$BACKEND" != xfrm ] || case_ "the tunnel's interface says what fits" interface_mtu
narrow() { local t; for t in 0 1; do ip -n "$P-inet" link set b1_$t mtu 1400 && in_b 1 link set w$t mtu 1400 && in_b 1 link set tun$t mtu 1340; done; }
must "the path is 1,400 bytes wide" narrow
big() { local out; out=$(in_ns "$1" ping -q -c 4 -i 0.3 -W 3 -M "$4" -s "$3" "$2"); echo "$out" | tail -n 2; [[ $out == *' 0% packet loss'* ]]; }
case_ "hub to site: 1,300 bytes, DF" until_true 4 big host 10.1.0.10 1272 do
case_ "hub to site: 4,000 bytes, fragments" until_true 4 big host 10.1.0.10 3972 dont
case_ "site to hub: 1,300 bytes, DF" until_true 4 big b1-h 10.0.0.10 1272 do
case_ "site to hub: 4,000 bytes, fragments" until_true 4 big b1-h 10.0.0.10 3972 dont
case_ "hub to site: 1,400 bytes, no DF" until_true 4 big host 10.1.0.10 1372 dont
case_ "TCP to the hub" tcp_between b1-h
case_ "TCP to the branch" tcp_between b1-h -R
cases_end
