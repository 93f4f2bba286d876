#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SAs, policies and xfrm interfaces of others on the hub are left alone, from start to end.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

theirs() {
	in_hub ip xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0xabc reqid 7 mode tunnel aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 &&
		in_hub ip xfrm state add src 203.0.113.1 dst 203.0.113.2 proto esp spi 0xabd reqid 8 mode tunnel if_id 0x42 aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 &&
		in_hub ip xfrm policy add src 10.77.0.0/24 dst 10.78.0.0/24 dir out tmpl src 203.0.113.1 dst 203.0.113.2 proto esp reqid 7 mode tunnel &&
		in_hub ip link add other type xfrm dev wan0 if_id 0x42
}
there() {
	local s p l; s=$(in_hub ip xfrm state) && p=$(in_hub ip xfrm policy) && l=$(in_hub ip -o link show type xfrm) &&
		[[ $s == *0x00000abc* && $s == *0x00000abd* && $p == *10.77.0.0/24* && $l == *other@* ]]
}
must "others have SAs, policies and an interface" theirs
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels and BGP sessions are up" until_true 20 all_up 2
must "the branch is reached" until_true 10 reach host 10.1.0.10

case_ "they are there while tunnels are up" there
again() { hub_stop && hub_start && until_true 60 all_up 2; }
case_ "the daemon starts again" again
case_ "they are there" there
killed() { kill -9 "$(<"$LAB/sluiced.pid")"; sleep 3; hub_start && until_true 60 all_up 2; }
case_ "the daemon is killed and starts again" killed
case_ "they are there after that" there
ours_once() { local n; n=$(in_hub ip -o link show type xfrm | grep -c 'sl[0-9]'); echo "$n interfaces"; [ "$n" = "$([ "$BACKEND" = xfrm ] && echo 2 || echo 0)" ]; }
case_ "no interface of ours is left over" ours_once
case_ "the daemon stops" hub_stop
case_ "they are there at the end" there
cases_end
