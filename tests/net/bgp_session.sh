#!/bin/bash
# BGP sessions over the IPv6 inside addresses, with BFD, signed with a secret (RFC 2385), and with a
# TTL that only the router at the other end can send (RFC 5082).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slbs LAB=$(mktemp -d /tmp/slbs.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
BGP_V6=1 BFD_MS=300 BGP_PASSWORD=a-secret-of-tests
(umask 077; echo "$BGP_PASSWORD" >"$LAB/bgp.key"; echo another-secret >"$LAB/wrong.key")
options() { printf 'bgp_transport: ipv6\n    bgp_password: "file:%s"' "$LAB/$1"; }

lab_hub_net
SITE_OPTIONS=$(options bgp.key) hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both signed sessions over IPv6 are up" until_true 60 all_up 2
peers() { json_of show bgp '[.sessions[].peer] | join(" ")'; }
over_v6() { [[ $(peers) == fd00:*\ fd00:* ]] && in_hub ss -tn state established '( sport = :179 )' | grep 'fd00:ffff:1'; }
case_ "they run over the inside6 addresses" over_v6
class() { local out; out=$(bgp_classes); echo "$out"; [ "$out" = "v6 c0" ]; }
case_ "what the hub sends there is of class CS6" class
routes() { [ "$(json_of show routes '[.routes[] | select(.kind == "bgp")] | length')" = 2 ]; }
case_ "both families are routed" until_true 10 routes
reach() { in_ns b1-h ping -q -c 3 -i 0.1 -W 2 "$1" | grep ' 0% packet loss'; }
case_ "IPv4 passes" until_true 10 reach 10.0.0.10
case_ "IPv6 passes" until_true 10 reach fd00:10::10
in_kernel() { [ -n "$(in_hub ip route show 10.1.0.0/24 proto 83)" ] && [ -n "$(in_hub ip -6 route show fd00:10:1::/64 proto 83)" ] && [ -n "$(in_hub ip route show "$(inside4 1 0 2)" proto 83)" ]; }
must "the kernel has them, and those to the site's inside address" in_kernel
taken() { in_hub ip route del 10.1.0.0/24 proto 83 && in_hub ip -6 route del fd00:10:1::/64 proto 83 && in_hub ip route del "$(inside4 1 0 2)" proto 83 && ! in_kernel; }
must "somebody takes them out of the kernel's table" taken
case_ "they are put back" until_true 20 in_kernel
mended() { [ "$(json_of show dataplane .routes_mended)" = 3 ]; }
case_ "and that is counted" mended
bfd_up() { [ "$(json_of show tunnels '[.tunnels[].bfd] | join(" ")')" = "Up Up" ]; }
case_ "BFD runs over IPv6 too" until_true 20 bfd_up
reason() { json_of show sites '.sites[0].egress_reason' | grep 'the AS path is shorter over it'; }
case_ "why tunnel 0 is the egress is told" reason
hidden() { local out; out=$(sluice show bgp --json; sluice show sites; cat "$LAB/sluiced.log"); [[ $out == *site-1* && $out != *a-secret-of* ]]; }
case_ "the secret is in no output" hidden
wrong_key() {
	SITE_OPTIONS=$(options wrong.key) hub_config 1 1 >"$LAB/sluice.yaml"; sluice apply || return 1
	in_ns b1 birdc -s "$LAB/b1/bird.ctl" restart all >/dev/null; until_true 5 all_up 0 || return 1
	sleep 6; [ "$(bgp_up)" = 0 ]
}
case_ "with another secret no session comes up" wrong_key
right_key() { SITE_OPTIONS=$(options bgp.key) hub_config 1 1 >"$LAB/sluice.yaml"; sluice apply && until_true 40 all_up 2; }
case_ "with the right one again they do" right_key

# BIRD sends a TTL of 1, as is usual.
guarded() { SITE_OPTIONS="$(options bgp.key)"$'\n    ttl_security: on' hub_config 1 1 >"$LAB/sluice.yaml"; sluice apply && until_true 5 all_up 0; }
case_ "only a TTL of 255 is taken: the sessions end" guarded
none_up() { [ "$(bgp_up)" = 0 ]; }
sleep 4 # BIRD tries every second or two
case_ "and none comes up" none_up
branch_bird_again() { kill "$(<"$LAB/b1/bird.pid")"; sleep 0.5; BGP_TTL=1 branch_bird 1; }
case_ "BIRD sends and wants 255 too" branch_bird_again
case_ "they are up" until_true 40 all_up 2
case_ "a stop leaves nothing" hub_stop
cases_end
