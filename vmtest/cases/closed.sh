#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the hub itself sends to a prefix that the site has withdrawn: somebody outside has the address too. And what hosts
# behind the hub send to the outside device and to a VLAN of it. Then what a site with valid SAs sends to harm its
# neighbour, or the hub.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

default_via hub 198.51.100.2 2001:db8:a::2
printf '%s\n' "addr add 10.1.0.10/32 dev lo" "addr add fd00:10:1::10/128 dev lo nodad" "route add 10.0.0.0/24 via 198.51.100.1" \
	"route add fd00:10::/64 via 2001:db8:a::1" | ip_batch inet
pings() { in_ns hub ping -q -c 3 -i 0.3 -W 2 -I 10.0.0.1 10.1.0.10 && in_ns hub ping -q -c 3 -i 0.3 -W 2 -I fd00:10::1 fd00:10:1::10; }
case_ "before a site is there, the other one answers" pings
one_site
known=$SECONDS

echoes() { in_ns inet awk '/^Icmp: [0-9]/ { n += $10 } $1 == "Icmp6InEchos" { n += $2 } END { print n }' /proc/net/snmp /proc/net/snmp6; }
must "the hub itself reaches the branch" until_true 5 pings
routed() { [ -n "$(in_hub ip route show 10.1.0.0/24)" ] && [ -n "$(in_hub ip -6 route show fd00:10:1::/64)" ]; }
unrouted() { [ -z "$(in_hub ip route show 10.1.0.0/24)" ] && [ -z "$(in_hub ip -6 route show fd00:10:1::/64)" ]; }
birdc() { in_ns b1 birdc -s "$LAB/b1/bird.ctl" "$1" direct1; }
# A withdrawn prefix is closed for as long as it was known: for all that follows until it is announced again.
sleep $((SECONDS - known < 60 ? 60 - (SECONDS - known) : 0))
must "the site withdraws its prefixes" eval 'birdc disable && until_true 5 unrouted'
held() { local before out; before=$(echoes); out=$(pings; in_ns hub ping -q -c 3 -i 0.3 -W 2 -I fd00:10::1 fd00:10:1::10); echo "$before to $(echoes)"; [ "$(echoes)" = "$before" ] && [[ $out != *' 0% packet loss'* ]]; }
case_ "nothing leaves in clear" held
counted() { local n; n=$(json_of show dataplane .outside.clear_own.packets); echo "$n packets"; [ "$n" -ge 6 ]; }
case_ "that was counted" counted
case_ "the tunnels stay up" all_up 2
must "the site announces its prefixes again" eval 'birdc enable && until_true 5 routed'
seen=$(echoes)
case_ "the hub itself reaches the branch again" until_true 5 pings
case_ "and nobody else" test "$(echoes)" = "$seen"

# A VLAN of the outside device is another device: what the configuration does not name is inside. XDP sees the tag where
# it is in the frame, which a card with offload has taken out, and a veth has not put in.
in_ns inet ethtool -K hub0 txvlan off || exit 1
printf '%s\n' "link add link wan0 name wan0.9 type vlan id 9" "addr add 10.99.0.1/24 dev wan0.9" \
	"addr add fd00:10:99::1/64 dev wan0.9 nodad" "link set wan0.9 up" | ip_batch hub
printf '%s\n' "link add link hub0 name hub0.9 type vlan id 9" "addr add 10.99.0.2/24 dev hub0.9" \
	"addr add fd00:10:99::2/64 dev hub0.9 nodad" "link set hub0.9 up" "route replace 10.0.0.0/24 via 10.99.0.1" \
	"route replace fd00:10::/64 via fd00:10:99::1" | ip_batch inet
hears() { local before; before=$(echoes); in_ns host ping -q -c 3 -i 0.3 -W 2 "$1"; echo "$before to $(echoes)"; [ "$(echoes)" != "$before" ]; }
deaf() { ! hears "$1"; }
case_ "a host's packets do not leave by the outside device" deaf 198.51.100.2
case_ "those of IPv6 neither" deaf 2001:db8:a::2
counted_out() { local n; n=$(json_of show dataplane .outside.clear_out.packets); echo "$n packets"; [ "$n" -ge 6 ]; }
case_ "they were counted" counted_out
case_ "by a VLAN of it they do" in_ns host ping -q -c 3 -i 0.3 -W 2 10.99.0.2
case_ "so do those of IPv6" in_ns host ping -q -c 3 -i 0.3 -W 2 fd00:10:99::2

hub_config 1 2 >"$LAB/sluice.yaml"
must "a second site is applied" sluice apply
branch_kernel 2
must "it comes up" until_true 20 all_up 4
must "and reaches the host" until_true 10 reach b2-h 10.0.0.10
in_ns_exec b2-h ping -i 0.2 -W 4 10.0.0.10 >"$LAB/neighbour" 2>&1 & neighbour=$!; remember $neighbour
hostile() { in_ns b1 python3 tests/net/hostile_site.py "$@"; }
dropped() { json_of report ".sites[] | select(.name == \"site-1\") | .in.dropped.$1.packets // 0"; }
count_of() { [ "$(($(dropped "$1") - before))" = "$2" ]; }
counts() { # REASON NUMBER COMMAND...: that many packets are dropped for that reason
	local before; before=$(dropped "$1")
	"${@:3}" || return 1
	until_true 3 count_of "$1" "$2"; echo "$1 +$(($(dropped "$1") - before))"; count_of "$1" "$2"
}
# lower to it than any path of the lab
lowered() { local out; out=$(ip -n "$P-hub" route get "$1" | tr '\n' ' '); echo "$out"; [[ $out == *" mtu 601"* || $out == *" mtu 1281"* ]]; }
false_sources() {
	local from
	hostile bfd tun0 "$(inside4 2 0 2)" "$(inside4 2 0 1)"; hostile bfd tun1 "$(inside6 2 1 2)" "$(inside6 1 1 1)"
	hostile syn tun0 "$(inside4 2 0 2)" "$(inside4 2 0 1)" 179
	for from in 10.2.0.10 10.0.0.77 198.51.100.1; do hostile udp tun0 $from 10.0.0.10 3; done
	for from in fd00:10:2::10 fd00:10::77; do hostile udp tun1 $from fd00:10::10 3; done
}
case_ "false sources, and sessions in the neighbour's name" counts source 18 false_sources
services() { local to; for to in 10.0.0.1 198.51.100.1 "$(inside4 2 0 1)"; do hostile syn tun0 10.1.0.10 $to 22; done; }
case_ "a service of the hub" counts service 3 services
flood() { hostile echo tun0 10.2.0.10 10.0.0.1 0xc0 1000 100 3 >"$LAB/flooded"; }
flooded() { local before; before=$(dropped source); flood; until_true 3 count_of source "$(<"$LAB/flooded")"; echo "$(<"$LAB/flooded") sent, source +$(($(dropped source) - before))"; count_of source "$(<"$LAB/flooded")"; }
case_ "echo requests with TOS 0xc0 in the neighbour's name" flooded
lies() {
	local to
	for to in 10.2.0.10 "$(inside4 2 0 2)" 100.64.2.2 10.0.0.10; do hostile too_big tun0 10.1.0.10 10.0.0.1 "$to" 601; done
	for to in fd00:10:2::10 2001:db8:64:2::2; do hostile too_big tun1 fd00:10:1::10 fd00:10::1 "$to" 1281; done
}
case_ "ICMP errors about packets to others" counts service 6 lies
unbelieved() { local to; for to in 10.2.0.10 "$(inside4 2 0 2)" 100.64.2.2 10.0.0.10 fd00:10:2::10 2001:db8:64:2::2; do ! lowered "$to" || return 1; done; }
case_ "the kernel's path MTU to them is what it was" unbelieved
own() { hostile too_big tun0 10.1.0.10 10.0.0.1 10.1.0.10 601; until_true 2 lowered 10.1.0.10; lowered 10.1.0.10; }
case_ "those about packets to itself are believed" own
kill -INT $neighbour; wait $neighbour 2>/dev/null
lost() { tail -n 3 "$LAB/neighbour" | grep transmitted; awk '/transmitted/ { exit !($1 > 20 && $1 == $4) }' "$LAB/neighbour"; }
case_ "the neighbour loses nothing" lost
case_ "all sessions stand" all_up 4
case_ "every packet is accounted for" until_true 5 balance
cases_end
