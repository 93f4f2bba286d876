#!/bin/bash
# BFD over the tunnels of a branch with BIRD: up, failover when a tunnel is cut in silence, one move
# for each flap, steady under load and rekeys, switched off without harm; a restart of bgp, of which BIRD
# notices nothing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slbf LAB=$(mktemp -d /tmp/slbf.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
BFD_MS=100

lab_hub_net
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
bfd() { json_of show tunnels '[.tunnels[].bfd] | join(" ")'; }
bfd_is() { [ "$(bfd)" = "$1" ]; }
must "BFD is up on both, as BIRD sees it too" until_true 20 bfd_is "Up Up"
bird_up() { [ "$(in_ns b1 birdc -s "$LAB/b1/bird.ctl" show bfd sessions | grep -c ' Up .* 0.100  *0.300')" = 2 ]; }
case_ "with 100 ms and 3 packets" until_true 5 bird_up
egress() { json_of show routes '[.routes[] | select(.prefix == "10.1.0.0/24")][0].tunnel'; }
egress_is() { [ "$(egress)" = "$1" ]; }
must "tunnel 0 carries what goes to the branch" until_true 10 egress_is 0
sleep 1

gap_below() { # gap_below JSON MS
	echo "$1 $(jq .longest_gap_ms <<<"$1") ms"
	jq -e ".longest_gap_ms < $2 and .received > 0" <<<"$1" >/dev/null
}
failover() { # a train each way; the cut 2 s after their start
	local before limit
	before=$(stalls)
	train host b1-h 10.1.0.10 800000 500 6 >"$LAB/down.json" & local down=$!
	train b1-h host 10.0.0.10 800000 500 6 >"$LAB/up.json" & local up=$!
	sleep 2.3; cut_on 1 "$1"; wait $down $up
	limit=$((500 + $(stalled "$before")))
	gap_below "$(<"$LAB/down.json")" $limit && gap_below "$(<"$LAB/up.json")" $limit &&
		echo "hub to branch $(jq .longest_gap_ms "$LAB/down.json") ms, back $(jq .longest_gap_ms "$LAB/up.json") ms"
}
case_ "tunnel 0 is cut: less than 500 ms of silence, both ways" failover 0
case_ "tunnel 1 carries it now" egress_is 1
reason() { local out; out=$(json_of show tunnels '.tunnels[0].bgp_detail') && [[ $out == 'BFD: control detection time expired'* ]]; }
case_ "the reason is shown" reason
cut_off 1 0
case_ "BFD and BGP return on tunnel 0" until_true 60 bfd_is "Up Up"
case_ "and the primary tunnel with them" until_true 20 egress_is 0

route_moves() { json_of show routes '[.routes[] | select(.prefix == "10.1.0.0/24")][0].moves'; }
flaps() { # every cut moves the route once, every return once
	local before; before=$(route_moves) || return 1
	in_hub_exec ip monitor route >"$LAB/monitor" 2>&1 & local monitor=$!; remember $monitor
	sleep 0.3
	for _ in 1 2; do
		cut_on 1 0; until_true 5 egress_is 1 || return 1
		cut_off 1 0; until_true 60 egress_is 0 || return 1
	done
	sleep 0.5; kill $monitor
	echo "$(($(route_moves) - before)) moves"; grep '^Deleted' "$LAB/monitor"
	[ "$(($(route_moves) - before))" = 4 ] && [ -s "$LAB/monitor" ] && ! grep -E '^Deleted (10.1.0.0/24|fd00:10:1::/64)' "$LAB/monitor"
}
case_ "two flaps: one move each way, the prefix is never without a route" flaps

until_true 30 bfd_is "Up Up"
expirations() { json_of show bgp '[.sessions[].bfd.expirations] | add'; }
loaded() { # 1.5 times the limit from the site, the limit to it, for 10 s, with rekeys
	local before; before=$(expirations)
	train b1-h host 10.0.0.10 150000000 1300 10 >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 120000000 1300 10 >"$LAB/down.json" & local down=$!
	for _ in 1 2 3; do sleep 2; sluice rekey site-1 0 >/dev/null; done
	wait $up $down
	echo "expirations $before -> $(expirations)"
	[ "$before" = "$(expirations)" ] && bfd_is "Up Up" && [ "$(jq .lost "$LAB/up.json")" -gt 1000 ]
}
timed "overload both ways and rekeys: BFD stays up" loaded

# BIRD takes AdminDown for a failure, which RFC 5882 3.2 does not want; it must come back by itself.
bird_without() { [ "$(in_ns b1 birdc -s "$LAB/b1/bird.ctl" show bfd sessions | grep -c ' Up ')" = 0 ]; }
switched_off() {
	BFD_MS="" hub_config 1 1 >"$LAB/sluice.yaml"; sluice apply || return 1
	until_true 3 bfd_is " " && until_true 20 all_up 2 && until_true 10 bird_without
}
case_ "BFD is switched off: the BGP sessions come back without it" switched_off
# BIRD waits for as many packets as the hub says: long enough for a process to start on any machine.
switched_on() { BFD_MS=300 BFD_MISSES=20 hub_config 1 1 >"$LAB/sluice.yaml"; sluice apply && until_true 20 bfd_is "Up Up"; }
case_ "and on again, with another interval" switched_on
must "BGP is up" until_true 30 all_up 2
# What BIRD says of its BFD sessions: their state, and since when, which it tells to some milliseconds.
bird_bfd() { in_ns b1 birdc -s "$LAB/b1/bird.ctl" show bfd sessions | awk '/169\.254/ { split($4, t, ":"); print $1, $3, t[1] * 3600 + t[2] * 60 + t[3] }' | sort; }
unchanged() { join <(echo "$1") <(bird_bfd) | awk '{ print; d = $5 - $3; n += $2 == "Up" && $4 == "Up" && d * d < 1 } END { exit n != 2 }'; }
# BIRD 2.17 takes its sessions down and up once more soon after they came up; the hub's BGP follows.
settled() { local before; before=$(bird_bfd); sleep 2; unchanged "$before" && all_up 2; }
must "BIRD's BFD has settled" until_true 30 settled
bgp_pid() { json_of show dataplane '.processes[] | select(.name == "bgp").pid'; }
bgp_is_back() { local pid; pid=$(bgp_pid) && [ "$pid" -gt 0 ] && [ "$pid" != "$1" ] && all_up 2 && bfd_is "Up Up"; }
bgp_restarts() { # killed twice: the second one had taken over too
	local pid before expired monitor i; before=$(bird_bfd)
	in_ns_exec b1 ip monitor route >"$LAB/monitor" 2>&1 & monitor=$!; remember $monitor
	sleep 1.5 # every session has reported itself since
	for i in 1 2; do
		pid=$(bgp_pid); kill -9 "$pid"
		until_true 40 bgp_is_back "$pid" || return 1
		sleep 2
	done
	sleep 5; kill $monitor # with the two above: longer than BIRD's detection time
	unchanged "$before" || return 1
	[ "$(expirations)" = 0 ] && bfd_is "Up Up" && ! grep '^Deleted 10.0.0.0/24' "$LAB/monitor" || return 1
	! grep -E 'BFD (Down|Init)' <(sed '1,/bgp was ended by signal 9/d' "$LAB/sluiced.log")
}
case_ "the bgp process is killed twice: BIRD's BFD stays up, and so do its routes" bgp_restarts
silent_kill() { # a tunnel that is cut while there is no bgp: the next one finds out by itself
	local pid; pid=$(bgp_pid)
	cut_on 1 0 && kill -9 "$pid" && until_true 20 bfd_is "Down Up"
}
case_ "killed again, and a tunnel cut: BFD ends there" silent_kill
cut_off 1 0
case_ "and returns" until_true 60 bfd_is "Up Up"
logged() { # the BGP log, by what happened above
	local log; log=$(json_of show bgp-log '[.events[]] | tojson')
	jq -e 'map(select(.type == "BGPStatus" and .status == "UP" and (.message.details | test("OpenConfirm -> Established")))) | length > 0' <<<"$log" >/dev/null &&
		jq -e 'map(select(.type == "RouteStatus" and .status == "ADVERTISED" and .message.prefix == "10.1.0.0/24" and .message.asPath == "65001" and .message.med == 10)) | length > 0' <<<"$log" >/dev/null &&
		jq -e 'map(select(.message.details // "" | test("OPEN received: version 4, AS 65001, hold time 9 s"))) | length > 0' <<<"$log" >/dev/null &&
		jq -e 'all(.[]; .event_timestamp > 0 and (.resource_id | test("site-1")))' <<<"$log" >/dev/null
}
case_ "the BGP log has sessions and routes" logged
explained() {
	local out; out=$(sluice show route 10.1.0.10 --json); jq -c '[.paths[] | [.tunnel, .reason]]' <<<"$out"
	jq -e '(.paths | length == 2) and ([.paths[] | select(.best)][0].tunnel == 0) and ([.paths[] | select(.best | not)][0].reason | startswith("a:"))' <<<"$out" >/dev/null
}
case_ "show route says why tunnel 0 won" until_true 20 explained
case_ "a stop leaves nothing" hub_stop
cases_end
