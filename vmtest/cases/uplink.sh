#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A NAT in front of the site, which forgets: the hub follows to the new port. Then that uplink is cut
# silently, and heals: traffic moves to the other tunnel and back. Then the hub's device goes and comes back before the
# hub has looked.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

nat_to() { # PORTS: source NAT of the first uplink
	printf 'table ip vmnat\ndelete table ip vmnat\ntable ip vmnat { chain p { type nat hook postrouting priority 100; oifname "hub0" ip saddr 100.64.1.2 ip protocol udp masquerade to :%s; }; }\n' "$1" | in_ns inet nft -f -
}
must "NAT in front of the site" nat_to 20000-20999
one_site

peer_port() { json_of show tunnels '.tunnels[] | select(.tunnel == 0).peer' | sed 's/.*://'; }
port_in() { local p; p=$(peer_port); echo "port $p"; [ "$p" -ge "$1" ] && [ "$p" -le "$2" ]; }
case_ "the hub sees the port of the NAT" port_in 20000 20999
case_ "ESP is in UDP" test "$(json_of show sa '[.sas[] | select(.tunnel == 0).encap] | unique | join(" ")')" = udp
forget() { in_ns inet conntrack -D -p udp -s 100.64.1.2; }
rebind() { nat_to 30000-30999 && forget; }
case_ "the NAT takes another port" rebind
case_ "the hub follows" until_true 20 port_in 30000 30999
case_ "hub to site goes on" until_true 10 reach host 10.1.0.10
case_ "site to hub goes on" until_true 10 reach b1-h 10.0.0.10
back() { nat_to 20000-20999 && forget && until_true 20 port_in 20000 20999; }
case_ "and back" back
case_ "hub to site goes on after that" until_true 10 reach host 10.1.0.10
case_ "the tunnels were up all the time" test "$(json_of show log site-1 '[.events[]? | select(.ike_phase1_state == "Down")] | length')" = 0

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

in_ns hub sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1
runs() { ip -n "$P-hub" link show wan0 | grep -q "state UP"; }
renamed() {
	kill -STOP "$(<"$LAB/sluiced.pid")"
	printf '%s\n' "link set wan0 down" "link set wan0 name was0" "link set was0 name wan0" "link set wan0 up" \
		"route replace 100.64.0.0/16 via 198.51.100.2" | ip_batch hub
	until_true 2 runs; kill -CONT "$(<"$LAB/sluiced.pid")"
	until_true 2 grep -q 'wan0 has gone' "$LAB/sluiced.log"
}
case_ "its device has another name for a moment" renamed
case_ "the site's end of tunnel 0 is reached" until_true 5 in_ns hub ping -q -c 1 -W 1 "$(inside4 1 0 2)"
case_ "its tunnel was up all the time" test "$(json_of show log site-1 '[.events[]? | select(.reason_code == "ENDPOINT_LOST")] | length')" = 0
cases_end
