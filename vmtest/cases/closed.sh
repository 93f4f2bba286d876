#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the hub itself sends to a prefix that the site has withdrawn: somebody outside has the address too. And what hosts
# behind the hub send to the outside device and to a VLAN of it.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

default_via hub 198.51.100.2 2001:db8:a::2
printf '%s\n' "addr add 10.1.0.10/32 dev lo" "addr add fd00:10:1::10/128 dev lo nodad" "route add 10.0.0.0/24 via 198.51.100.1" \
	"route add fd00:10::/64 via 2001:db8:a::1" | ip_batch inet
pings() { in_ns hub ping -q -c 3 -i 0.3 -W 2 -I 10.0.0.1 10.1.0.10 && in_ns hub ping -q -c 3 -i 0.3 -W 2 -I fd00:10::1 fd00:10:1::10; }
case_ "before a site is there, the other one answers" pings
one_site

echoes() { in_ns inet awk '/^Icmp: [0-9]/ { n += $10 } $1 == "Icmp6InEchos" { n += $2 } END { print n }' /proc/net/snmp /proc/net/snmp6; }
must "the hub itself reaches the branch" until_true 5 pings
routed() { [ -n "$(in_hub ip route show 10.1.0.0/24)" ] && [ -n "$(in_hub ip -6 route show fd00:10:1::/64)" ]; }
unrouted() { [ -z "$(in_hub ip route show 10.1.0.0/24)" ] && [ -z "$(in_hub ip -6 route show fd00:10:1::/64)" ]; }
birdc() { in_ns b1 birdc -s "$LAB/b1/bird.ctl" "$1" direct1; }
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
cases_end
