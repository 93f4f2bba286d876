#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Processes of the hub are killed under traffic, one after the other; then all of it starts again.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels and BGP sessions are up" until_true 20 all_up 2
must "the branch is reached" until_true 10 reach host 10.1.0.10

pid_of() { json_of show dataplane ".processes[] | select(.name == \"$1\").pid"; }
other_pid() { local now; now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && [ "$now" != 0 ]; }
killed() { # ROLE: it comes back, and traffic goes on
	local pid; pid=$(pid_of "$1")
	train b1-h host 10.0.0.10 400000 500 12 >"$LAB/$1.json" & local t=$!
	sleep 3; kill -9 "$pid"; wait $t
	cat "$LAB/$1.json"
	until_true 10 other_pid "$1" "$pid" && until_true 20 all_up 2 && until_true 10 reach host 10.1.0.10
}
few_lost() { cat "$LAB/$1.json"; [ "$(jq .lost "$LAB/$1.json")" -le "$2" ]; }
for role in ike bgp data; do case_ "$role is killed, traffic goes on" killed $role; done
case_ "ike: nothing was lost" few_lost ike 0
case_ "bgp: nothing was lost" few_lost bgp 0
[ "$BACKEND" != xfrm ] || case_ "data: nothing was lost, the kernel goes on" few_lost data 0
again() { hub_stop && hub_start && until_true 60 all_up 2 && until_true 10 reach host 10.1.0.10; }
case_ "the daemon stops and starts, the tunnels come back" again
stops_clean() {
	local left; hub_stop && nothing_left && nothing_pinned || return 1
	left=$(in_hub ip -o link show type xfrm; in_hub ip xfrm state; in_hub ip xfrm policy); echo "$left"; [ -z "$left" ]
}
case_ "a stop leaves nothing" stops_clean
cases_end
