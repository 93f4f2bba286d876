#!/bin/bash
# Nothing gets in but through an SA, and nothing leaves for a site in clear: while the tunnels are up,
# while they are down, when what they led to is withdrawn, when the daemon is killed, when it starts again
# and when it stops. The hub has a default route to the outside, where somebody knows what is behind it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slcl LAB=$(mktemp -d /tmp/slcl.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
default_via hub 198.51.100.2 2001:db8:a::2
ip_batch inet <<-E
route add 10.0.0.0/15 via 198.51.100.1
route add fd00:10::/32 via 2001:db8:a::1
E
must "sluiced starts" hub_start
branch_up 1; branch_up 2
must "all tunnels and BGP sessions are up" until_true 60 all_up 4
known=$SECONDS

echoes() { # NS: echo requests that it has seen
	in_ns "$1" awk '/^Icmp: [0-9]/ { n += $10 } $1 == "Icmp6InEchos" { n += $2 } END { print n }' /proc/net/snmp /proc/net/snmp6
}
reach() { local out; out=$(in_ns host ping -q -c 3 -i 0.1 -W 1 10.1.0.10) && [[ $out == *' 0% packet loss'* ]]; }
must "the host behind the hub reaches the site" until_true 20 reach
case_ "echo requests are counted" eval '[ "$(echoes b1-h)" -ge 3 ]'

outsider() { # pings the host and the site's host through the hub, in clear
	local to pids=()
	for to in 10.0.0.10 fd00:10::10 10.1.0.10 fd00:10:1::10; do
		in_ns inet ping -q -c 3 -i 0.1 -W 1 $to >/dev/null & pids+=($!)
	done
	wait "${pids[@]}"
}
nothing_in() {
	local host site; host=$(echoes host) site=$(echoes b1-h)
	outsider
	echo "host $host to $(echoes host), site $site to $(echoes b1-h)"
	[ "$(echoes host)" = "$host" ] && [ "$(echoes b1-h)" = "$site" ]
}
nothing_out() { # flow.c's payload on the wire, in clear
	in_ns inet "$BIN/tests/net/wiretap" watch hub0 2 >"$LAB/watch.json" & local watcher=$!; remember $watcher
	sleep 0.3
	in_ns host "$BIN/tests/net/flow" send 10.1.0.10 20001 400000 500 1 >/dev/null
	wait $watcher; cat "$LAB/watch.json"
	[ "$(jq .clear "$LAB/watch.json")" = 0 ]
}
counter() { json_of show dataplane ".outside.$1.packets"; }
case_ "tunnels up: nothing gets in" nothing_in
case_ "that was counted" eval '[ "$(counter clear_in)" -ge 12 ]'
case_ "tunnels up: nothing leaves in clear" nothing_out

# What the hub itself sends. Nobody but the site has said what is behind it.
in_ns inet nft 'table inet clear { counter seen { }; chain c { type filter hook prerouting priority -300
	iifname hub0 ip daddr { 10.1.0.0/16, 10.2.0.0/16 } counter name seen
	iifname hub0 ip6 daddr { fd00:10:1::/64, fd00:10:2::/64 } counter name seen; }; }'
seen() { in_ns inet nft -j list counter inet clear seen | jq '.nftables[].counter.packets | values'; }
hub_pings() { # ADDRESS...: by the routing table
	local to n=0
	for to; do in_ns hub ping -q -c 3 -i 0.1 -W 1 -I "$(case $to in *:*) echo fd00:10::1 ;; *) echo 10.0.0.1 ;; esac)" "$to" >/dev/null || n=1; done
	return $n
}
own_held() { # SITE...
	local n before; before=$(seen)
	for n; do hub_pings "10.$n.0.10" && return 1; hub_pings "fd00:10:$n::10" && return 1; done
	echo "seen $before to $(seen)"
	[ "$(seen)" = "$before" ]
}
own_leaves() { local before; before=$(seen); hub_pings 10.1.0.10; [ "$(seen)" -gt "$before" ]; }
birdc() { in_ns "$1" birdc -s "$LAB/$1/bird.ctl" "$2" direct1 >/dev/null; }
routes_of_site() { [ "$(in_hub ip route show 10.1.0.0/24 | wc -l; in_hub ip -6 route show fd00:10:1::/64 | wc -l)" = "$1"$'\n'"$1" ]; }
must "the hub itself reaches the site" until_true 5 hub_pings 10.1.0.10 fd00:10:1::10
# A withdrawn prefix is closed for as long as it was known: for all that follows until it is announced again.
sleep $((SECONDS - known < 30 ? 30 - (SECONDS - known) : 0))
withdrawn() { birdc b1 disable && until_true 5 routes_of_site 0; }
must "the site withdraws its prefixes" withdrawn
case_ "withdrawn: the hub itself sends nothing in clear" own_held 1
case_ "that was counted" eval '[ "$(counter clear_own)" -ge 6 ]'
case_ "withdrawn: the tunnels stay up" all_up 4
in_ns hub ip route add 10.1.0.10 via 198.51.100.2
case_ "somebody's more specific route leads outside" until_true 30 own_leaves
in_ns hub ip route del 10.1.0.10
case_ "and when it has gone no longer" until_true 30 own_held 1
bound_leaves() { local before; before=$(seen); in_ns hub ping -q -c 1 -W 1 -I wan0 10.1.0.10 >/dev/null; [ "$(seen)" -gt "$before" ]; }
case_ "who names the device gets it" bound_leaves
backup_up() {
	ip_batch b2 <<-E
	link add lan2 type veth peer name far2
	link set lan2 up
	link set far2 up
	addr add 10.1.0.10/32 dev lan2
	addr add 10.1.128.1/16 dev lan2
	E
	until_true 10 hub_pings 10.1.0.10
}
case_ "a less specific route to another site is a way to it" backup_up
in_ns b2 ip link del lan2
must "the site announces its prefixes again" eval 'birdc b1 enable && until_true 10 routes_of_site 1'
case_ "announced again: the hub itself reaches the site" until_true 5 hub_pings 10.1.0.10 fd00:10:1::10
unrouted() { [ -z "$(in_hub ip route show 10.1.0.0/24)" ]; }
down() { sluice tunnel down site-1 0 --force && sluice tunnel down site-1 1 --force && until_true 5 unrouted; }
must "the tunnels are taken down" down
case_ "tunnels down: nothing leaves in clear" nothing_out
case_ "that was counted" eval '[ "$(counter clear_out)" -ge 50 ]'
case_ "tunnels down: the hub itself sends nothing in clear" own_held 1
hub_answers() { in_ns inet ping -q -c 2 -i 0.1 -W 1 198.51.100.1 >/dev/null && in_ns inet ping -q -c 2 -i 0.1 -W 1 2001:db8:a::1 >/dev/null; }
case_ "the hub itself can be reached" hub_answers

no_device() { local out; out=$(in_hub ip -o link show) && [[ $out == *wan0* && $out != *sluice0* ]]; }
killed() { kill -9 "$(<"$LAB/sluiced.pid")"; until_true 15 no_device; }
must "the daemon is killed" killed
forwarding_is() { [ "$(in_hub cat /proc/sys/net/ipv4/ip_forward)" = "$1" ] && [ "$(in_hub cat /proc/sys/net/ipv6/conf/all/forwarding)" = "$1" ]; }
case_ "killed: the kernel would forward" forwarding_is 1
case_ "killed: nothing gets in" nothing_in
case_ "killed: nothing leaves in clear" nothing_out
case_ "killed: the hub itself sends nothing in clear" own_held 1 2
starts() { # while somebody tries all the time
	local host status attempts; host=$(echoes host)
	in_ns_exec inet ping -q -i 0.002 -w 30 10.0.0.10 >"$LAB/attempts" & attempts=$!; remember $attempts
	hub_start; status=$?
	kill -INT $attempts; wait $attempts
	echo "$(grep transmitted "$LAB/attempts"), host $host to $(echoes host)"
	[ $status = 0 ] && [ "$(echoes host)" = "$host" ]
}
case_ "it starts again: nothing gets in meanwhile" starts
stops() { hub_stop && nothing_left && nothing_pinned; }
case_ "it stops and takes all of it away" stops
in_ns hub sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
puts_back() { hub_start && forwarding_is 1 && hub_stop && forwarding_is 0; }
case_ "a stop puts back what a start has changed" puts_back
case_ "stopped: nothing gets in" nothing_in
case_ "stopped: nothing leaves in clear" nothing_out
cases_end
