#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bgp process against BIRD 2: two sites, one of them with two tunnels, and one misconfigured.
# usage: bgp_bird.sh [directory of the built programs, or $BIN]; one line per case, exit 1 on a failure.
set -u
PEER=${1:-${BIN:-build/asan}}/tests/net/bgp_peer
[ -x "$PEER" ] || { echo "FAIL $PEER is not built"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
command -v bird >/dev/null || { echo "SKIP: bird is not installed"; exit 77; }

W=$(mktemp -d) P=bgpt$$ failed=0 pids=()
cleanup() {
	exec 9>&- 2>/dev/null
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for n in hub a b c; do ip netns del "$P-$n" 2>/dev/null; done
	rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say() { # CONDITION-RESULT TEXT
	if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; failed=1; fi
}
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
expect() { # TEXT COMMAND...: within ten seconds
	local text=$1; shift
	wait_for 10 "$@"; say $? "$text"
}
hub() { echo "$*" >&9; }
mark() { LINES=$(wc -l <"$W/hub.out"); }
seen() { tail -n "+$((LINES + 1))" "$W/hub.out" | grep -Eq -- "$1"; }
last_state() { grep -E "^state $1 " "$W/hub.out" | tail -n 1 | grep -Eq -- "$2"; }
birdc_() { ip netns exec "$P-$1" birdc -s "$W/$1.ctl" "${@:2}"; }
has() { birdc_ "$1" show route for "$2" all 2>/dev/null | tr '\n' ' ' | grep -Eq -- "$3"; }
# What must not be there counts only when BIRD has answered.
lacks() { local out; out=$(birdc_ "$1" show route "$2" 2>/dev/null); [[ $out == *ready* && $out != *"$2"* ]]; }
own_only() { local out; out=$(birdc_ a show route 10.1.0.0/24 all); [[ $out == *10.1.0.0/24* && $out != *64512* ]]; }

link() { # NAMESPACE NUMBER
	ip -n "$P-hub" link add "t$2" type veth peer name "t$2" netns "$P-$1"
	ip -n "$P-hub" addr add "169.254.$2.1/30" dev "t$2"
	ip -n "$P-$1" addr add "169.254.$2.2/30" dev "t$2"
	ip -n "$P-hub" addr add "fd00:$2::1/126" dev "t$2" nodad
	ip -n "$P-$1" addr add "fd00:$2::2/126" dev "t$2" nodad
	ip -n "$P-hub" link set "t$2" up
	ip -n "$P-$1" link set "t$2" up
}

bgp_conf() { # NAME NUMBER AS MED
	cat <<-EOF
	protocol bgp $1 {
		local 169.254.$2.2 as $3; neighbor 169.254.$2.1 as 64512;
		hold time 9; keepalive time 3; connect delay time 1; connect retry time 2;
		error wait time 1, 2;
		ipv4 { import all; export filter { if source != RTS_STATIC then reject; bgp_med = $4; accept; }; };
		ipv6 { import all; next hop address fd00:$2::2;
			export filter { if source != RTS_STATIC then reject; bgp_med = $4; accept; }; };
	}
	EOF
}
bird_start() { # NAME
	ip netns exec "$P-$1" bird -f -c "$W/$1.conf" -s "$W/$1.ctl" -P "$W/$1.pid" >"$W/$1.out" 2>&1 &
	pids+=($!)
}

for n in hub a b c; do
	ip netns add "$P-$n" || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
	ip -n "$P-$n" link set lo up
	ip netns exec "$P-$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
done
link a 0; link a 1; link b 2; link c 4

{ echo 'router id 10.255.0.1; protocol device {}'
echo 'protocol static s4 { ipv4; route 10.1.0.0/24 blackhole; route 10.1.9.0/24 blackhole; }'
echo 'protocol static s4extra { ipv4; route 10.1.1.0/24 blackhole; }'
echo 'protocol static bad { ipv4; route 0.0.0.0/0 blackhole; route 172.16.5.0/24 blackhole; }'
echo 'protocol static s6 { ipv6; route fd01:1::/48 blackhole; }'
bgp_conf t0 0 65010 50; bgp_conf t1 1 65010 50; } >"$W/a.conf"
{ echo 'router id 10.255.0.2; protocol device {}'
echo 'protocol static s4 { ipv4; route 10.2.0.0/24 blackhole; }'
echo 'protocol static many { disabled; ipv4;'
for i in $(seq 20); do echo "route 10.2.$((i + 100)).0/24 blackhole;"; done; echo '}'
echo 'protocol static s6 { ipv6; route fd02:1::/48 blackhole; }'
bgp_conf t0 2 4200000102 70; } >"$W/b.conf"
{ echo 'router id 10.255.0.3; protocol device {}'; bgp_conf t0 4 65031 10; } >"$W/c.conf"

mkfifo "$W/hub.in"
ip netns exec "$P-hub" "$PEER" <"$W/hub.in" >"$W/hub.out" 2>"$W/hub.log" &
pids+=($!)
exec 9>"$W/hub.in"
LINES=0
hub conf 64512 10.255.255.1 9 3 1
hub listen 0.0.0.0
hub neighbor 0 a 169.254.0.1 169.254.0.2 fd00:0::1 fd00:0::2 65010 100 500 100 0 0
hub neighbor 1 a 169.254.1.1 169.254.1.2 fd00:1::1 fd00:1::2 65010 100 500 100 0 0
hub neighbor 2 b 169.254.2.1 169.254.2.2 fd00:2::1 fd00:2::2 4200000102 10 500 100 1 0
hub neighbor 4 c 169.254.4.1 169.254.4.2 - - 65030 100 500 100 2 0
hub network 172.16.0.0/16 add
hub network fd99::/48 add
for t in 0 1 2; do hub tunnel $t up; done
hub start
bird_start a; bird_start b

expect "sessions of both sites are established" seen '^state 0 Established'
expect "the second tunnel too" seen '^state 1 Established'
expect "the site with a four-octet AS too" seen '^state 2 Established'
expect "settled when every End-of-RIB is in" seen '^settled'
expect "IPv4 route of a site, lower tunnel of two equal paths" \
	seen '^route 10.1.0.0/24 tunnel 0 med 50 path 65010 candidates 2'
expect "IPv6 route of a site over the IPv4 session" seen '^route fd01:1::/48 tunnel [01] med 50 path 65010'
expect "route of the other site" seen '^route 10.2.0.0/24 tunnel 2 med 70 path 4200000102 candidates 1'
expect "hub network at the site: MED 100, next hop is the hub" \
	has a 172.16.0.0/16 'as_path: 64512.*next_hop: 169.254.[01].1.*med: 100'
expect "IPv6 hub network at the site" has a fd99::/48 'next_hop: fd00:(0:)?.*med: 100'
expect "site to site, IPv4, AS path prepended" has b 10.1.0.0/24 'as_path: 64512 65010.*next_hop: 169.254.2.1.*med: 100'
expect "site to site, IPv6" has b fd01:1::/48 'as_path: 64512 65010'
expect "site to site, four-octet AS" has a 10.2.0.0/24 'as_path: 64512 4200000102'
own_only; say $? "nothing goes back to the site it came from"
grep -Eq '^route (172.16.5.0/24|0.0.0.0/0)' "$W/hub.out"; say $((! $?)) "default and hub prefixes of a site are not used"
grep -q 'site a tunnel .: BGP: prefix 0.0.0.0/0 is not used' "$W/hub.log"
say $? "and the log says so"

mark
sed -i '/^protocol bgp t0/,/^}/s/bgp_med = 50/bgp_med = 200/' "$W/a.conf"; birdc_ a configure >/dev/null
expect "a higher MED moves the routes to the other tunnel" seen '^route 10.1.0.0/24 tunnel 1 med 50'
mark
birdc_ a disable s4extra >/dev/null
expect "withdrawn route is gone at the hub" seen '^unroute 10.1.1.0/24'
expect "and at the other site" lacks b 10.1.1.0/24
mark; hub neighbor 1 a 169.254.1.1 169.254.1.2 fd00:1::1 fd00:1::2 65010 100 500 90 0 0
expect "changed MED is sent without a new session" has a 172.16.0.0/16 'next_hop: 169.254.1.1.*med: 90'
tail -n "+$((LINES + 1))" "$W/hub.out" | grep -q '^state 1 [^E]'; say $((! $?)) "the session stayed"
mark; hub tunnel 1 down
expect "tunnel down: routes move at once" seen '^route 10.1.0.0/24 tunnel 0 med 200 path 65010 candidates 1'
expect "tunnel down: session closed, the peer was told" sh -c "ip netns exec $P-a birdc -s $W/a.ctl show protocols all t1 | grep -q 'Administrative shutdown'"
mark; hub tunnel 1 up
expect "tunnel up: routes return" seen '^route 10.1.0.0/24 tunnel 1 med 50 path 65010 candidates 2'
mark; birdc_ b restart t0 >/dev/null
expect "session killed by the peer: routes go" seen '^unroute 10.2.0.0/24'
expect "and come back" seen '^route 10.2.0.0/24 tunnel 2'
mark; hub tunnel 4 up; bird_start c
expect "wrong AS is refused with NOTIFICATION 2/2" last_state 4 'error 2/2 OPEN refused: remote AS is 65031, expected 65030'
expect "the peer was told" sh -c "ip netns exec $P-c birdc -s $W/c.ctl show protocols all t0 | grep -q 'Bad peer AS'"
mark; birdc_ b enable many >/dev/null
expect "prefix limit: Cease/1, session Idle" last_state 2 'Idle in 0 out 0 error 6/1 prefix limit exceeded: 11 IPv4 prefixes received, 10 allowed'
expect "prefix limit: all routes of the site are gone" seen '^unroute 10.2.0.0/24'
expect "prefix limit: warning at 75 percent" grep -q 'site b tunnel 0: BGP: 8 IPv4 prefixes received, 10 allowed' "$W/hub.log"
birdc_ b disable many >/dev/null; mark; hub neighbor 2 b 169.254.2.1 169.254.2.2 fd00:2::1 fd00:2::2 4200000102 20 500 100 1 0
expect "a raised limit lets the site return" seen '^route 10.2.0.0/24 tunnel 2'
mark; hub conf 64512 10.255.255.1 9 3 0
expect "site_to_site off: the other site's routes are withdrawn" lacks b 10.1.0.0/24
hub conf 64512 10.255.255.1 9 3 1
expect "site_to_site on: they return" has b 10.1.0.0/24 'as_path: 64512 65010'
hub shutdown
expect "shutdown: the process ends" seen '^gone'
expect "shutdown: peers were told" sh -c "ip netns exec $P-b birdc -s $W/b.ctl show protocols all t0 | grep -q 'Administrative shutdown'"
if [ $failed = 1 ]; then
	echo "--- hub output"; tail -n 40 "$W/hub.out"
	echo "--- hub log"; tail -n 40 "$W/hub.log"
fi
exit $failed
