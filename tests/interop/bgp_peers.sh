#!/bin/bash
# The bgp process against FRR, GoBGP, ExaBGP and OpenBGPD at once, each behind a tunnel of its own:
# sessions, routes of both families, MED, prepending, withdrawal, refresh, prefix limit, BFD,
# graceful restart. One line per case, exit 1 on a failure.
set -u
cd "$(dirname "$0")/../.." || exit 1
PEER=${BIN:-$PWD/build/release}/tests/net/bgp_peer
[ -x "$PEER" ] || { echo "FAIL $PEER is not built"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
for program in /usr/lib/frr/bgpd /usr/bin/gobgpd /usr/sbin/exabgp /usr/sbin/bgpd; do
	[ -x $program ] || { echo "SKIP: $program is not installed"; exit 77; }
done

W=$(mktemp -d) P=bgpi failed=0 pids=() made=""
chmod 755 "$W"
NAMES=(frr gobgp exabgp openbgpd)
cleanup() {
	local n p
	exec 9>&- 8>&- 2>/dev/null
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	sleep 0.3
	for n in hub "${NAMES[@]}"; do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del "$P-$n" 2>/dev/null
	done
	rm -rf "$W"
	[ -z "$made" ] || rmdir "$made"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say() { if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; failed=1; fi; }
wait_for() { local end=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.2; done; }
expect() { local text=$1; shift; wait_for 20 "$@"; say $? "$text"; }
hub() { echo "$*" >&9; }
mark() { LINES=$(wc -l <"$W/hub.out"); }
seen() { tail -n "+$((LINES + 1))" "$W/hub.out" | grep -E -- "$1" >/dev/null; }
unseen() { ! seen "$1"; }
in_ns() { local n=$1; shift; ip netns exec "$P-$n" "$@"; }
background() { in_ns "$@" & pids+=($!); }

neighbor() { # INDEX MAX-IN
	hub neighbor $((2 * $1)) "${NAMES[$1]}" "169.254.$1.1" "169.254.$1.2" "fd00:$1::1" "fd00:$1::2" $((65010 + $1)) "$2" 500 100 "$1" 0
}

for n in hub "${NAMES[@]}"; do
	ip netns del "$P-$n" 2>/dev/null
	ip netns add "$P-$n" || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
	ip -n "$P-$n" link set lo up
	in_ns "$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
done
for i in 0 1 2 3; do
	n=${NAMES[$i]}
	ip -n $P-hub link add "t$i" type veth peer name t0 netns "$P-$n"
	ip -n $P-hub addr add "169.254.$i.1/30" dev "t$i"; ip -n "$P-$n" addr add "169.254.$i.2/30" dev t0
	ip -n $P-hub addr add "fd00:$i::1/126" dev "t$i" nodad; ip -n "$P-$n" addr add "fd00:$i::2/126" dev t0 nodad
	ip -n $P-hub link set "t$i" up; ip -n "$P-$n" link set t0 up
done

# ---- the hub ----
mkfifo "$W/hub.in"
in_ns hub "$PEER" <"$W/hub.in" >"$W/hub.out" 2>"$W/hub.log" & pids+=($!)
exec 9>"$W/hub.in"
LINES=0
hub graceful 1
hub conf 64512 10.255.255.1 9 3 1
hub listen 0.0.0.0
hub bfd 300 3; neighbor 0 100
hub bfd 0 0; for i in 1 2 3; do neighbor $i 10; done
hub network 172.16.0.0/16 add
hub network fd99::/48 add
for i in 0 1 2 3; do hub tunnel $((2 * i)) up; done
hub start

# ---- FRR ----
mkdir -p "$W/frr"
echo "hostname frr" >"$W/frr/zebra.conf"
cp "$W/frr/zebra.conf" "$W/frr/bfdd.conf"
cat >"$W/frr/bgpd.conf" <<-E
	router bgp 65010
	 bgp router-id 10.255.0.1
	 no bgp ebgp-requires-policy
	 no bgp network import-check
	 bgp graceful-restart
	 neighbor 169.254.0.1 remote-as 64512
	 neighbor 169.254.0.1 timers 3 9
	 neighbor 169.254.0.1 timers connect 2
	 neighbor 169.254.0.1 bfd
	 address-family ipv4 unicast
	  network 10.1.0.0/24
	  network 10.1.1.0/24
	  neighbor 169.254.0.1 route-map out out
	 exit-address-family
	 address-family ipv6 unicast
	  network fd01:1::/48
	  neighbor 169.254.0.1 activate
	  neighbor 169.254.0.1 route-map out6 out
	 exit-address-family
	ip prefix-list long seq 5 permit 10.1.1.0/24
	route-map out permit 5
	 match ip address prefix-list long
	 set metric 60
	 set as-path prepend 65010 65010
	route-map out permit 10
	 set metric 50
	route-map out6 permit 10
	 set metric 50
	 set ipv6 next-hop global fd00:0::2
E
chown -R frr:frr "$W/frr"
frr_start() { # DAEMON [OPTIONS]
	local d=$1; shift
	background frr "/usr/lib/frr/$d" -f "$W/frr/$d.conf" -i "$W/frr/$d.pid" --vty_socket "$W/frr" -P 0 -u frr -g frr "$@" >>"$W/frr.$d.out" 2>&1
}
frr_start zebra -z "$W/frr/zserv.api"
wait_for 10 test -S "$W/frr/zserv.api"
bfdctl=() # FRR 10 has no control socket apart
! /usr/lib/frr/bfdd --help 2>&1 | grep -q -- --bfdctl || bfdctl=(--bfdctl "$W/frr/bfdd.sock")
frr_start bfdd -z "$W/frr/zserv.api" "${bfdctl[@]}"
frr_start bgpd -z "$W/frr/zserv.api"
frr() { in_ns frr vtysh --vty_socket "$W/frr" -c "$1" 2>/dev/null; }
frr_has() { frr "show bgp $1" | tr '\n' ' ' | grep -E -- "$2"; }

# ---- GoBGP ----
cat >"$W/gobgp.toml" <<-E
	[global.config]
	  as = 65011
	  router-id = "10.255.0.2"
	[[neighbors]]
	  [neighbors.config]
	    neighbor-address = "169.254.1.1"
	    peer-as = 64512
	  [neighbors.timers.config]
	    hold-time = 9
	    keepalive-interval = 3
	    connect-retry = 2
	  [neighbors.graceful-restart.config]
	    enabled = true
	    restart-time = 60
	  [[neighbors.afi-safis]]
	    [neighbors.afi-safis.config]
	      afi-safi-name = "ipv4-unicast"
	    [neighbors.afi-safis.mp-graceful-restart.config]
	      enabled = true
	  [[neighbors.afi-safis]]
	    [neighbors.afi-safis.config]
	      afi-safi-name = "ipv6-unicast"
	    [neighbors.afi-safis.mp-graceful-restart.config]
	      enabled = true
E
gobgp_start() { background gobgp gobgpd -f "$W/gobgp.toml" --api-hosts 127.0.0.1:50051 "$@" >>"$W/gobgp.out" 2>&1; }
gobgp_() { in_ns gobgp gobgp "$@"; }
gobgp_start
wait_for 10 gobgp_ global
gobgp_ global rib add 10.2.0.0/24 nexthop 169.254.1.2 med 70 >/dev/null
gobgp_ global rib add -a ipv6 fd02:1::/48 nexthop fd00:1::2 med 70 >/dev/null
gobgp_has() { gobgp_ global rib "${@:3}" "$1" | grep -E -- "$2"; }

# ---- ExaBGP ----
mkfifo "$W/exa.in"; chmod 666 "$W/exa.in"
printf '#!/bin/sh\nexec 3<&0\ncat <&3 >%s/exa.seen &\nexec cat %s/exa.in\n' "$W" "$W" >"$W/exa.sh"
chmod 755 "$W/exa.sh"
cat >"$W/exa.conf" <<-E
	process api { run $W/exa.sh; encoder text; }
	neighbor 169.254.2.1 {
	  router-id 10.255.0.3; local-address 169.254.2.2; local-as 65012; peer-as 64512; hold-time 9;
	  family { ipv4 unicast; ipv6 unicast; }
	  capability { route-refresh enable; graceful-restart 60; }
	  api { processes [ api ]; receive { parsed; update; } }
	}
E
background exabgp env exabgp.daemon.user=root exabgp.api.ack=false exabgp.api.cli=false exabgp "$W/exa.conf" >"$W/exa.out" 2>&1
exec 8<>"$W/exa.in"
exa() { echo "$*" >&8; }

# ---- OpenBGPD ----
cat >"$W/obgpd.conf" <<-E
	AS 65013
	router-id 10.255.0.4
	fib-update no
	socket "$W/obgpd.sock"
	network 10.4.0.0/24 set metric 80
	network fd04:1::/48 set metric 80
	neighbor 169.254.3.1 {
	  remote-as 64512
	  local-address 169.254.3.2
	  holdtime 9
	  announce IPv4 unicast
	  announce IPv6 unicast
	}
	allow from any
	allow to any
E
chmod 600 "$W/obgpd.conf"
empty=$(getent passwd _openbgpd | cut -d: -f6) # it wants this as its root
[ -d "$empty" ] || { mkdir -p "$empty" && made=$empty; }
background openbgpd /usr/sbin/bgpd -d -f "$W/obgpd.conf" >"$W/obgpd.out" 2>&1
obgp_has() { in_ns openbgpd bgpctl -s "$W/obgpd.sock" show rib detail "$1" | tr '\n' ' ' | grep -E -- "$2"; }

# ---- sessions and routes ----
for i in 0 1 2 3; do expect "${NAMES[$i]}: session established" seen "^state $((2 * i)) Established"; done
exa "announce route 10.3.0.0/24 next-hop self med 90"
exa "announce route 10.3.1.0/24 next-hop self as-path [ 65012 65012 65099 ] med 90 community [ 65012:7 ] large-community [ 65012:1:2 ]"
exa "announce route fd03:1::/48 next-hop fd00:2::2 med 90"
expect "FRR: IPv4 route with its MED" seen '^route 10.1.0.0/24 tunnel 0 med 50 path 65010 '
expect "FRR: a prepended path" seen '^route 10.1.1.0/24 tunnel 0 med 60 path 65010,65010,65010 '
expect "FRR: IPv6 over the IPv4 session" seen '^route fd01:1::/48 tunnel 0 med 50 path 65010 '
expect "GoBGP: IPv4" seen '^route 10.2.0.0/24 tunnel 2 med 70 path 65011 '
expect "GoBGP: IPv6" seen '^route fd02:1::/48 tunnel 2 med 70 path 65011 '
expect "ExaBGP: IPv4" seen '^route 10.3.0.0/24 tunnel 4 med 90 path 65012 '
expect "ExaBGP: a longer path" seen '^route 10.3.1.0/24 tunnel 4 med 90 path 65012,65012,65099 '
expect "ExaBGP: IPv6" seen '^route fd03:1::/48 tunnel 4 med 90 path 65012 '
expect "OpenBGPD: IPv4" seen '^route 10.4.0.0/24 tunnel 6 med 80 path 65013 '
expect "OpenBGPD: IPv6" seen '^route fd04:1::/48 tunnel 6 med 80 path 65013 '
expect "FRR hears the hub's network with MED 100" frr_has "ipv4 unicast 172.16.0.0/16" '64512.*169.254.0.1.*metric 100'
expect "FRR hears GoBGP's route by the hub" frr_has "ipv4 unicast 10.2.0.0/24" '64512 65011.*169.254.0.1'
expect "FRR hears IPv6 with the hub as next hop" frr_has "ipv6 unicast fd02:1::/48" '64512 65011.*fd00:'
expect "FRR hears communities that ExaBGP sent" frr_has "ipv4 unicast 10.3.1.0/24" 'Community: 65012:7.*Large Community: 65012:1:2'
expect "GoBGP hears OpenBGPD's route" gobgp_has 10.4.0.0/24 '169.254.1.1 +64512 65013'
expect "GoBGP hears IPv6" gobgp_has fd01:1::/48 'fd00:1::1 +64512 65010' -a ipv6
expect "ExaBGP hears FRR's routes" grep -E '10.1.1.0/24 next-hop 169.254.2.1' "$W/exa.seen"
expect "OpenBGPD hears ExaBGP's route" obgp_has 10.3.0.0/24 '64512 65012.*169.254.3.1'
expect "OpenBGPD hears IPv6" obgp_has fd02:1::/48 '64512 65011'

# ---- changes ----
frr_lacks() { local out; out=$(frr "show bgp ipv4 unicast") && [[ $out == *172.16.0.0* && $out != *"$1"* ]]; }
mark; exa "withdraw route 10.3.1.0/24 next-hop self"
expect "ExaBGP: withdrawn" seen '^unroute 10.3.1.0/24'
expect "and gone at FRR" frr_lacks 10.3.1.0
mark; gobgp_ global rib add 10.2.0.0/24 nexthop 169.254.1.2 med 71 >/dev/null
expect "GoBGP: a new MED" seen '^route 10.2.0.0/24 tunnel 2 med 71'
mark; gobgp_ neighbor 169.254.1.1 softresetin >/dev/null; frr "clear bgp ipv4 unicast 169.254.0.1 soft in" >/dev/null
sleep 2; unseen '^(state [02] [^E]|unroute)'; say $? "refresh asked for by GoBGP and FRR (RFC 7313): sessions and routes stay"
expect "FRR still hears everything after it" frr_has "ipv4 unicast 10.2.0.0/24" '64512 65011'
mark; for i in $(seq 12); do echo "announce route 10.3.$((100 + i)).0/24 next-hop self"; done >&8
expect "ExaBGP: prefix limit, Cease/1" seen '^state 4 Idle .* error 6/1 prefix limit exceeded: 11 IPv4'
expect "its routes are gone" seen '^unroute 10.3.0.0/24'

# ---- BFD with FRR's bfdd ----
expect "FRR: BFD is up" grep -q '^bfd 0 Up' "$W/hub.out"
frr_bfd() { frr "show bfd peers" | grep 'Status: up'; }
expect "and FRR says so too" frr_bfd
mark; in_ns hub nft 'table inet cut { chain f { type filter hook input priority 0; iifname "t0" drop; }; chain o { type filter hook output priority 0; oifname "t0" drop; }; }'
wait_for 3 seen '^state 0 Idle .*error 6/10 BFD: '; say $? "a silent cut: Cease/10 within 3 s, though the hold time is 9 s"
expect "routes of FRR are gone" seen '^unroute 10.1.0.0/24'
in_ns hub nft delete table inet cut
mark; wait_for 60 seen '^route 10.1.0.0/24 tunnel 0'; say $? "FRR returns"

# ---- graceful restart ----
mark
gobgp_pid=$(for p in $(ip netns pids $P-gobgp); do [ "$(<"/proc/$p/comm")" = gobgpd ] && echo "$p"; done)
kill -9 "$gobgp_pid"
expect "GoBGP is killed: its routes are kept" grep 'site gobgp tunnel 0: BGP: its routes are kept for 60 s' "$W/hub.log"
sleep 1; unseen '^unroute 10.2.0.0/24'; say $? "and none is withdrawn"
frr_has "ipv4 unicast 10.2.0.0/24" '64512 65011' >/dev/null; say $? "FRR does not notice"
# No session comes up before it has its route again: a GoBGP without one says that it has none.
in_ns gobgp nft "table inet late { chain in { type filter hook input priority 0; tcp dport 179 drop; }; chain out { type filter hook output priority 0; tcp dport 179 drop; }; }"
gobgp_start -r
wait_for 10 gobgp_ global
gobgp_ global rib add 10.2.0.0/24 nexthop 169.254.1.2 med 72 >/dev/null
in_ns gobgp nft delete table inet late
wait_for 60 seen '^route 10.2.0.0/24 tunnel 2 med 72'; say $? "GoBGP is back"
wait_for 60 seen '^unroute fd02:1::/48'; say $? "what it no longer announces is removed"
unseen '^unroute 10.2.0.0/24'; say $? "what it announces again was never gone"

hub shutdown
frr_told() { frr "show bgp neighbors 169.254.0.1" | grep -iE 'Administrative Shutdown|Hard Reset'; }
expect "shutdown: FRR was told" frr_told
if [ $failed = 1 ]; then
	for f in hub.out hub.log frr.zebra.out frr.bfdd.out frr.bgpd.out gobgp.out exa.out obgpd.out; do echo "--- $f"; tail -n 25 "$W/$f"; done
fi
exit $failed
