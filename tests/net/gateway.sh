#!/bin/bash
# Sites of the gateway class with BIRD behind them: flows spread over both tunnels (ecmp), all of them
# on the other one when a tunnel is cut; over the tunnels of two sites, by class; static routes, there
# exactly while a tunnel is.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slgw LAB=$(mktemp -d /tmp/slgw.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
HUB_OPTIONS='drain_med: 40'
config() { # the static site's routes. Sites 1 and 3 are of one location, with a prefix in common
	SITE_OPTIONS=$'class: gateway\n    ecmp: on\n    group: twin\n    bfd: { interval: 100ms }' hub_config 1 1
	SITE_OPTIONS=$'class: gateway\n    ecmp: on\n    group: twin\n    bandwidth: large\n    bfd: { interval: 100ms }' hub_config 3 3 | sed '1,/^sites:/d'
	SITE_OPTIONS=$'class: gateway\n    routing: static\n    static_routes: ['"$1"']' hub_config 2 2 | sed '1,/^sites:/d'
}
config "10.2.0.0/24, 'fd00:10:2::/64', 10.1.0.0/24" >"$LAB/sluice.yaml"

must "sluiced starts" hub_start
for n in 1 3; do
	EQUAL_PATHS=1 BFD_MS=100 branch_up $n
	ip -n "$P-b$n" link add lan9 type veth peer name lan9p && ip -n "$P-b$n" link set lan9p up && ip -n "$P-b$n" addr add 10.9.0.1/24 dev lan9 && ip -n "$P-b$n" link set lan9 up
	in_ns b$n nft -f - <<-E
		table inet flows {
			set seen { type inet_service . ifname; size 4096; flags dynamic; }
			chain input { type filter hook input priority 0; ip daddr 10.9.0.1 udp dport 7 update @seen { udp sport . iifname } drop; }
		}
	E
done
branch_up 2
must "the BGP sites are up over both tunnels, the static one too" until_true 60 eval 'all_up 4 && [ "$(tunnels_up)" = 6 ]'

route() { json_of show routes ".routes[] | select(.prefix == \"$1\") | \"\(.kind) \(.site) \(.tunnel) \(.shares | length == 2)\""; }
route_is() { local out; out=$(route "$1"); echo "$out"; [ "$out" = "$2" ]; }
in_kernel() { [ -n "$(in_hub ip route show "$1" proto 83 dev sluice0)" ]; }
case_ "the static route leads over tunnel 0" until_true 10 route_is 10.2.0.0/24 "static site-2 0 false"
case_ "both tunnels carry what BGP announced over both" until_true 10 route_is fd00:10:1::/64 "bgp site-1 0 true"
static_first() {
	local out; out=$(sluice show route 10.1.0.10 --json); jq -c '[.paths[] | [.site, .tunnel, .source, .reason]]' <<<"$out"
	jq -e '(.paths | length == 4) and ([.paths[] | select(.best)][0] | .site == "site-2" and .source == "static") and
		([.paths[] | select(.source == "bgp")] | all(.reason == "a static route goes before BGP"))' <<<"$out" >/dev/null
}
case_ "a static route goes before BGP, and show route says so" static_first
config "10.2.0.0/24, 'fd00:10:2::/64'" >"$LAB/sluice.yaml"
case_ "a static route is taken away" sluice apply
case_ "nothing of it is left" eval '[ -n "$(in_hub ip route show 10.2.0.0/24 type unreachable)" ] && [ -z "$(in_hub ip route show 10.1.0.0/24 type unreachable)" ]'
case_ "and BGP has the prefix at once, over both tunnels" until_true 3 route_is 10.1.0.0/24 "bgp site-1 0 true"
shares() { local out; out=$(sluice show route 10.1.0.10 --json); jq -e '[.paths[].reason] | any(startswith("as good as the best one"))' <<<"$out" >/dev/null; }
case_ "show route says that the other path is used too" shares
class() { local out; out=$(bgp_classes); echo "$out"; [ "$out" = "v4 c0" ]; }
case_ "sessions of the other are of class CS6" class
states() { local out; out=$(in_hub curl -sf http://127.0.0.1:9469/metrics | sed -n 's/^sluice_tunnel_state{concentrator="[^"]*",site="site-2",tunnel="\(.\)",outside_ip="[^"]*"} /\1:/p' | tr '\n' ' '); echo "$out"; [ "$out" = "0:$1 1:$2 " ]; }
case_ "metrics say that tunnels of the static site carry its routes" states 1 1
no_session() { ! in_ns b2 birdc -s "$LAB/b2/bird.ctl" show protocols | grep -q Established && [ "$(json_of show tunnels '[.tunnels[] | select(.site == "site-2").bgp] | unique | join(" ")')" = static ]; }
case_ "the static site has no BGP session" no_session

for ns in b2; do ip -n "$P-$ns" route replace 10.0.0.0/24 dev tun0 src 10.2.0.1; done
ping_static() { in_ns host ping -c 3 -i 0.2 -W 2 10.2.0.10; }
case_ "traffic to the static site" until_true 5 ping_static

out_bytes() { json_of show tunnels "[.tunnels[] | select(.site == \"site-1\").out_bytes] | join(\" \")"; }
flows() { # FIRST LAST COUNT: packets of 1000 bytes to these ports; prints what each tunnel took, in KB
	local a0 a1 b0 b1
	read -r a0 a1 < <(out_bytes)
	in_ns host bash -c 'x=$(head -c 1000 /dev/zero | tr "\0" x); for p in $(seq '"$1 $2"'); do exec {fd}<>/dev/udp/10.1.0.10/$p; fds+=($fd); done; for k in $(seq '"$3"'); do for fd in ${fds[@]}; do printf %s "$x" >&$fd; done; sleep 0.02; done' 2>/dev/null
	sleep 0.5
	read -r b0 b1 < <(out_bytes)
	echo "$(((b0 - a0) / 1000)) $(((b1 - a1) / 1000))"
}
spread() { local k0 k1; read -r k0 k1 < <(flows 30000 30063 3); echo "tunnel 0: $k0 KB, tunnel 1: $k1 KB"; [ "$k0" -gt 50 ] && [ "$k1" -gt 50 ]; }
case_ "64 flows go by both tunnels" spread
together() { # every packet of one flow by one tunnel
	local k0 k1 p
	for p in 30000 30001 30002; do
		read -r k0 k1 < <(flows $p $p 30); echo "$k0 KB $k1 KB"
		# Beside it flow BGP and BFD, and a packet or two may get lost on a busy machine.
		{ [ "$k0" -lt 12 ] && [ "$k1" -ge 22 ]; } || { [ "$k1" -lt 12 ] && [ "$k0" -ge 22 ]; } || return 1
	done
}
case_ "a flow stays on its tunnel" together
moved() { # sixteen flows while a tunnel is cut
	local i pids=() before
	before=$(stalls)
	for i in $(seq 16); do train host b1-h 10.1.0.10 200000 500 5 >"$LAB/flow.$i" & pids+=($!); done
	sleep 2.3; cut_on 1 "$1"; wait "${pids[@]}"
	jq -s -c '[.[].longest_gap_ms]' "$LAB"/flow.*
	jq -s -e --argjson limit $((500 + $(stalled "$before"))) 'all(.received > 0 and .longest_gap_ms < $limit) and ([.[] | select(.longest_gap_ms > 100)] | length >= 1)' "$LAB"/flow.* >/dev/null
}
case_ "tunnel 1 is cut: every flow goes on within 500 ms" moved 1
case_ "the route is over tunnel 0 alone" until_true 3 route_is 10.1.0.0/24 "bgp site-1 0 false"
one_left() { local k0 k1; read -r k0 k1 < <(flows 30000 30063 1); echo "$k0 KB $k1 KB"; [ "$k0" -ge 55 ] && [ "$k1" -lt 10 ]; }
case_ "and so are all flows" one_left
cut_off 1 1
case_ "it comes back: both carry again" until_true 60 route_is 10.1.0.0/24 "bgp site-1 0 true"
case_ "and flows are spread" spread


# 128 flows to an address that sites 1 and 3 have: which ports came to which site by which tunnel.
taken() {
	local n; for n in 1 3; do in_ns b$n nft flush set inet flows seen; done
	in_ns host python3 -c 'import socket, time
for port in range(40000, 40128):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    for again in range(2):
        s.sendto(b"x", ("10.9.0.1", 7))
    s.close()
    time.sleep(0.002)'
	sleep 0.3
	for n in 1 3; do in_ns b$n nft -j list set inet flows seen | jq -r '.nftables[] | .set // empty | .elem // [] | .[] | .concat | "\(.[0]) '$n' \(.[1])"'; done | sort >"$LAB/taken.$1"
	cut -d' ' -f2- "$LAB/taken.$1" | sort | uniq -c | awk '{ printf "%s site-%s %s, ", $1, $2, $3 } END { print NR }'
}
flows_to() { grep -c " $2 $3\$" "$LAB/taken.$1"; }
shared_by() { local out; out=$(json_of show routes '.routes[] | select(.prefix == "10.9.0.0/24").shares | map("\(.site).\(.tunnel)") | join(" ")'); echo "$out"; [ "$out" = "$1" ]; }
case_ "what two sites announce alike is carried by both" until_true 10 shared_by "site-1.0 site-1.1 site-3.0 site-3.1"
reasons() { local out; out=$(sluice show route 10.9.0.1 --json | jq -c '[.paths[].reason] | sort'); echo "$out"; jq -e 'length == 4 and (map(select(startswith("as good as the best one: carries"))) | length == 3) and any(. == "best")' <<<"$out" >/dev/null; }
case_ "show route says who shares" reasons
by_class() { # site 3 is large: four fifths. A flow has one way
	taken before; [ "$(wc -l <"$LAB/taken.before")" = 128 ] && [ "$(cut -d' ' -f1 "$LAB/taken.before" | uniq | wc -l)" = 128 ] || return 1
	local standard=$(($(flows_to before 1 tun0) + $(flows_to before 1 tun1))) t
	for t in "1 tun0" "1 tun1" "3 tun0" "3 tun1"; do [ "$(flows_to before $t)" -ge 4 ] || return 1; done
	[ "$standard" -ge 13 ] && [ "$standard" -le 39 ]
}
case_ "128 flows are spread over four tunnels of two sites, by class" until_true 5 by_class
die() { kill -9 "$(<"$LAB/b3/bird.pid")" && cut_on 3 0 && cut_on 3 1; }
case_ "site 3 dies" die
case_ "site 1 carries alone" until_true 5 shared_by "site-1.0 site-1.1"
stayed() { # those of site 1 where they were, the others there too
	taken after; [ "$(wc -l <"$LAB/taken.after")" = 128 ] && [ "$(flows_to after 3 'tun.')" = 0 ] &&
		[ "$(grep ' 1 ' "$LAB/taken.before" | comm -23 - "$LAB/taken.after" | wc -l)" = 0 ]
}
case_ "all flows go there, and none of its own has moved" until_true 5 stayed
back() { cut_off 3 0 && cut_off 3 1 && bird_start b3 "$LAB/b3"; }
case_ "site 3 returns" back
case_ "both carry again" until_true 60 shared_by "site-1.0 site-1.1 site-3.0 site-3.1"
returned() { taken again; cmp "$LAB/taken.before" "$LAB/taken.again"; }
case_ "and every flow goes where it went before" until_true 5 returned

med_seen() { local out; out=$(in_ns b1 birdc -s "$LAB/b1/bird.ctl" show route all protocol "$1" | sed -n 's/.*BGP.med: //p' | sort -u | tr '\n' ' '); echo "$1: $out"; [ "$out" = "$2 " ]; }
case_ "tunnel 0 is to be drained" sluice tunnel drain site-1 0
case_ "the site hears a lower MED over tunnel 1" until_true 30 med_seen t1 60
case_ "and the same as before over tunnel 0" until_true 30 med_seen t0 100
refused() { ! sluice tunnel drain "$@" 2>"$LAB/out" && cat "$LAB/out"; }
case_ "both at a time are refused" refused site-1 1
case_ "and static routes have no MED" refused site-2 0
case_ "tunnel 0 is wanted again" sluice tunnel up site-1 0
case_ "and the MED is as before" until_true 30 med_seen t1 100
sed '0,/ecmp: on/s//ecmp: on\n    propagate: off/' "$LAB/sluice.yaml" >"$LAB/new" && cp "$LAB/sluice.yaml" "$LAB/old" && cp "$LAB/new" "$LAB/sluice.yaml"
case_ "site 1 is no longer propagated" sluice apply
unrouted() { [ -z "$(route 10.1.0.0/24)" ] && ! in_kernel 10.1.0.0/24 && all_up 4; }
case_ "its routes are gone, its sessions are not" until_true 30 unrouted
cp "$LAB/old" "$LAB/sluice.yaml"
case_ "it is propagated again" sluice apply
case_ "and has its routes" until_true 30 route_is 10.1.0.0/24 "bgp site-1 0 true"

case_ "tunnel 0 of the static site goes down" sluice tunnel down site-2 0
case_ "its routes are over tunnel 1" until_true 3 route_is 10.2.0.0/24 "static site-2 1 false"
case_ "metrics: one carries them, one does not" until_true 3 states 0 1
case_ "tunnel 1 goes down too" sluice tunnel down site-2 1 --force
gone() { [ -z "$(route 10.2.0.0/24)" ] && ! in_kernel 10.2.0.0/24; }
case_ "no tunnel, no static route" until_true 3 gone
# The hub's own packets: with a default route to the outside, those for the site go nowhere.
by_default() { local out; out=$(in_hub ip route get "$1"); echo "$out"; [[ $out == *"via $2 "* ]]; }
refused_to() { local out; out=$(in_hub ping -n -c 1 -W 1 "$1" 2>&1); echo "$out"; [[ $out == *'No route to host'* ]]; }
default_via hub 198.51.100.2 2001:db8:a::2
case_ "the hub has a default route" eval 'by_default 10.200.0.1 198.51.100.2 && by_default fd00:10:200::1 2001:db8:a::2'
case_ "which the hub's own packets to a static site without a tunnel do not take" eval 'refused_to 10.2.0.10 && refused_to fd00:10:2::10'
case_ "metrics: none does" until_true 3 states 0 0
comes_up() { sluice tunnel up site-2 1 && swan "$LAB/b2/1" --initiate --child t; } # it does not dial again by itself
case_ "one comes up" comes_up
case_ "and the route with it" until_true 60 in_kernel 10.2.0.0/24
killed() {
	local pid; pid=$(json_of show dataplane '.processes[] | select(.name == "bgp").pid')
	kill -9 "$pid"; for _ in $(seq 20); do in_kernel 10.2.0.0/24 || return 1; sleep 0.1; done
	until_true 30 route_is 10.2.0.0/24 "static site-2 1 false" && until_true 30 all_up 4
}
case_ "the bgp process is killed: static routes stay" killed
large() { sed -i '0,/class: gateway/s//class: gateway\n    bandwidth: large/' "$LAB/sluice.yaml"; ! sluice apply 2>&1 | tee "$LAB/out" | grep -v cannot; grep -o 'class and bandwidth cannot change' "$LAB/out"; }
case_ "another bandwidth class needs another site" large
case_ "a stop leaves nothing" eval 'hub_stop && nothing_left && [[ $(in_hub ip -6 route show table all) != *"proto 83"* ]]'
cases_end
