#!/bin/bash
# Each process of sluiced is killed in turn while traffic flows.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slkl LAB=$(mktemp -d /tmp/slkl.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
sleep 2

pid_of() { json_of show dataplane ".processes[] | select(.name == \"$1\").pid"; }
returned() { local pid; pid=$(pid_of "$1"); [ "$pid" -gt 0 ] && [ "$pid" != "$2" ]; }
reach() { local out; out=$(in_ns b1-h ping -q -c 3 -i 0.1 -W 1 10.0.0.10) && [[ $out == *' 0% packet loss'* ]]; }

children_are_bare() { # own users, no capabilities, seccomp, in the empty root
	local name pid
	for name in ike bgp data api watch; do
		pid=$(pid_of $name)
		[ "$(awk '/^CapEff|^CapPrm|^CapInh/ { s = s $2 } END { print s }' "/proc/$pid/status")" = 000000000000000000000000000000000000000000000000 ] &&
			[ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")" = 2 ] &&
			[ "$(awk '/^Uid:/ { print $3 }' "/proc/$pid/status")" = "$(id -u sluice-$name)" ] &&
			[ "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" = 1 ] || { echo "$name"; return 1; }
	done
}
case_ "children have their own users, no capability, a filter" children_are_bare

lossless_kill() { # lossless_kill NAME: traffic both ways for 20 s, killed after 3 s
	local name=$1 pid; pid=$(pid_of "$name")
	train b1-h host 10.0.0.10 2000000 500 20 >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 2000000 500 20 >"$LAB/down.json" & local down=$!
	sleep 3; kill -9 "$pid"; wait $up $down
	echo "$(<"$LAB/up.json") $(<"$LAB/down.json")"
	until_true 10 returned "$name" "$pid" && [ "$(jq .lost "$LAB/up.json")" = 0 ] && [ "$(jq .lost "$LAB/down.json")" = 0 ]
}
case_ "api is killed: no packet lost, it is back" lossless_kill api
case_ "watch is killed: no packet lost, it is back" lossless_kill watch
case_ "ike is killed: no packet lost, it is back" lossless_kill ike
rekeys() { local s; s=$(json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in'); sluice rekey site-1 0 >/dev/null; sleep 3; [ "$s" != "$(json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in')" ]; }
case_ "the new ike process rekeys the old SA" rekeys
case_ "both tunnels are up" until_true 60 all_up 2

kills_in_a_row() { # 1 s after it is back, and again 4 s later: whoever had a session before is waited for
	local pid first monitor; first=$(pid_of bgp)
	in_hub_exec ip monitor route >"$LAB/monitor" 2>&1 & monitor=$!; remember $monitor
	train b1-h host 10.0.0.10 2000000 500 24 >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 2000000 500 24 >"$LAB/down.json" & local down=$!
	sleep 3; kill -9 "$first"; until_true 10 returned bgp "$first" || return 1
	sleep 1; pid=$(pid_of bgp); kill -9 "$pid"; until_true 10 returned bgp "$pid" || return 1
	sleep 4; pid=$(pid_of bgp); kill -9 "$pid"; wait $up $down
	kill $monitor
	! grep '^Deleted 10.1.0.0/24' "$LAB/monitor" || return 1
	echo "$(<"$LAB/up.json") $(<"$LAB/down.json")"
	[ "$(jq .lost "$LAB/up.json")" = 0 ] && [ "$(jq .lost "$LAB/down.json")" = 0 ] && until_true 30 all_up 2
}
fresh() { [ "$(json_of show routes '[.routes[] | select(.kind == "bgp" and (.stale | not))] | length')" = 2 ]; }
routes_stay() { # at the moment of the kill the hub keeps what it knew
	local pid; pid=$(pid_of bgp)
	lossless_kill bgp || return 1
	[ -n "$(in_hub ip route show 10.1.0.0/24)" ] && [ "$(json_of show routes '[.routes[] | select(.kind == "bgp")] | length')" = 2 ]
}
case_ "bgp is killed: no packet lost either way (graceful restart), routes stay" routes_stay
case_ "both sessions are back" until_true 30 all_up 2
case_ "stale routes are confirmed" until_true 70 fresh
case_ "bgp is killed three times within 10 s: no packet lost either way" kills_in_a_row
case_ "stale routes are confirmed again" until_true 70 fresh

sas() { json_of show sa '[.sas[] | select(.in_use) | .spi_in] | sort | join(" ")'; }
data_goes_on() { # the next process takes over the SAs: no peer notices, no route moves
	local pid before since; pid=$(pid_of data) before=$(sas)
	since=$(json_of show tunnels '[.tunnels[].since] | join(" ")')
	train b1-h host 10.0.0.10 4000000 500 10 >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 4000000 500 10 >"$LAB/down.json" & local down=$!
	sleep 3; kill -9 "$pid"; wait $up $down
	echo "$(<"$LAB/up.json") $(<"$LAB/down.json")"
	until_true 10 returned data "$pid" || return 1
	[ "$(sas)" = "$before" ] && all_up 2 &&
		[ "$(json_of show tunnels '[.tunnels[].since] | join(" ")')" = "$since" ] &&
		jq -es 'all(.repeated == 0 and .longest_gap_ms < 1500 and .received > 9000)' "$LAB/up.json" "$LAB/down.json" >/dev/null
}
case_ "data is killed: it goes on with the same SAs" data_goes_on
case_ "the new data process can rekey" rekeys

data_kill() { # twice in a row: the saved state may be the reason, so everything comes up anew
	local pid before; pid=$(pid_of data) before=$(sas)
	sleep 6; kill -9 "$pid"; until_true 10 returned data "$pid" || return 1
	kill -9 "$(pid_of data)"
	changed() { [ "$(sas)" != "$before" ]; }
	until_true 60 changed && until_true 60 all_up 2 && until_true 20 reach
}
case_ "data is killed twice in a row: tunnels come up anew" data_kill

# A process that only waits for its status to be read is gone.
gone() { local state; state=$(ps -o state= -p "$1") || return 0; [[ $state == Z* ]]; }
all_gone() { local c; for c in "$@"; do gone "$c" || return 1; done; }
parent_kill() { # the kernel takes its time to free the rings of a device
	local pid children; pid=$(<"$LAB/sluiced.pid"); mapfile -t children < <(pgrep -P "$pid")
	kill -9 "$pid"
	until_true 15 all_gone "${children[@]}" || { ps -o pid,state,wchan,args -p "${children[*]}"; return 1; }
	until_true 5 left_closed || left_closed
}
case_ "XDP is attached while it runs" xdp_attached
case_ "the parent is killed: children, device and routes are gone, the outside stays closed" parent_kill
restarts() { hub_start && until_true 60 all_up 2 && until_true 20 reach; }
case_ "a new start takes over what was left and all is up again" restarts
stops() { hub_stop && nothing_left && nothing_pinned; }
case_ "a stop leaves nothing pinned" stops
cases_end
