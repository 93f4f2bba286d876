#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Processes of the hub are killed under traffic, one after the other; then all of it stops, is killed,
# and starts again. SAs, policies and xfrm interfaces of others on the hub are left alone meanwhile.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

theirs() {
	local key="aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
	ip_batch hub <<-E
	xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0xabc reqid 7 mode tunnel $key
	xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0xabd reqid 8 mode tunnel if_id 0x42 $key
	xfrm policy add src 10.77.0.0/24 dst 10.78.0.0/24 dir out tmpl src 203.0.113.1 dst 203.0.113.2 proto esp reqid 7 mode tunnel
	link add other type xfrm dev wan0 if_id 0x42
	E
}
state=; look() { state=$(in_hub ip -o link show type xfrm && in_hub ip xfrm state && in_hub ip xfrm policy); }
there() { look && [[ $state == *0x00000abc* && $state == *0x00000abd* && $state == *10.77.0.0/24* && $state == *other@* ]]; }
must "others have SAs, policies and an interface" theirs
one_site

pid_of() { json_of show dataplane ".processes[] | select(.name == \"$1\").pid"; }
other_pid() { local now; now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && [ "$now" != 0 ]; }
killed() { # ROLE: it comes back, and traffic goes on
	local pid; pid=$(pid_of "$1")
	train b1-h host 10.0.0.10 400000 500 8 >"$LAB/$1.json" & local t=$!
	sleep 2; kill -9 "$pid"; wait $t
	cat "$LAB/$1.json"
	until_true 10 other_pid "$1" "$pid" && until_true 20 all_up 2 && until_true 10 reach host 10.1.0.10
}
few_lost() { cat "$LAB/$1.json"; [ "$(jq .lost "$LAB/$1.json")" -le "$2" ]; }
must "every tenth packet comes twice" harm duplicate 10%
for role in ike bgp data; do case_ "$role is killed, traffic goes on" killed $role; done
case_ "ike: nothing was lost" few_lost ike 0
case_ "bgp: nothing was lost" few_lost bgp 0
[ "$BACKEND" != xfrm ] || case_ "data: nothing was lost, the kernel goes on" few_lost data 0
case_ "offered is delivered plus the reasons, over all that" balance
case_ "what others have is there" there
again() { # the branch's host goes on sending all the time
	local ping status; in_ns_exec b1-h ping -q -i 0.1 10.0.0.10 >"$LAB/ping" & ping=$!; remember $ping
	hub_stop && hub_start && until_true 60 all_up 2 && until_true 10 reach host 10.1.0.10; status=$?
	kill -INT $ping; wait $ping; grep received "$LAB/ping"
	return $status
}
case_ "the daemon stops and starts, the tunnels come back" again
all_killed() { kill -9 "$(<"$LAB/sluiced.pid")"; sleep 3; hub_start && until_true 60 all_up 2; }
case_ "the daemon is killed and starts again" all_killed
ours_once() { local n; n=$(in_hub ip -o link show type xfrm | grep -c 'sl[0-9]'); echo "$n interfaces"; [ "$n" = "$([ "$BACKEND" = xfrm ] && echo 2 || echo 0)" ]; }
case_ "no interface of ours is left over" ours_once
stops_clean() { hub_stop && nothing_left && nothing_pinned && look && [[ $state != *0x51000* && $state != *sl[0-9]*-* ]]; }
case_ "a stop leaves nothing of ours" stops_clean
case_ "and all that others have" there
cases_end
