#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A NAT in front of the site, which forgets: the hub follows to the new port.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

nat_to() { # PORTS: source NAT of the first uplink
	printf 'table ip vmnat\ndelete table ip vmnat\ntable ip vmnat { chain p { type nat hook postrouting priority 100; oifname "hub0" ip saddr 100.64.1.2 ip protocol udp masquerade to :%s; }; }\n' "$1" | in_ns inet nft -f -
}
must "NAT in front of the site" nat_to 20000-20999
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels and BGP sessions are up" until_true 20 all_up 2
must "the branch is reached" until_true 10 reach host 10.1.0.10

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
cases_end
