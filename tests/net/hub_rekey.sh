#!/bin/bash
# Rekeys every few seconds under traffic, by the branch and by the hub, of both kinds: no packet may
# be lost and no counter may go back. REKEY_SECONDS: how long (120).
# Alone: what is lost while two CPUs are busy is not the rekey's.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slrk LAB=$(mktemp -d /tmp/slrk.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
seconds=${REKEY_SECONDS:-120}

lab_hub_net
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
# A short life as well and strongSwan lets the pair expire instead of rekeying it.
CHILD_REKEY=6s CHILD_LIFE=30s REKEY=25s branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
sleep 2

spis() { json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in'; }
forced_rekeys() { # the hub's own, every 7 s, mostly of the child
	local end=$((SECONDS + seconds)) n=0
	while [ $SECONDS -lt $end ]; do
		sleep 7; n=$((n + 1))
		if [ $((n % 4)) = 0 ]; then sluice rekey site-1 0 --ike; else sluice rekey site-1 0; fi
	done
}
watch_counters() { # bytes of both directions never decrease; counts the pairs seen
	local last=0 now end=$((SECONDS + seconds)) s
	: >"$LAB/spis"
	while [ $SECONDS -lt $end ]; do
		now=$(json_of report '.sites[0] | .in.delivered.bytes + .out.delivered.bytes')
		[ "$now" -ge "$last" ] || echo "from $last to $now" >>"$LAB/backwards"
		last=$now; s=$(spis); echo "$s" >>"$LAB/spis"
		sleep 0.5
	done
}
forced_rekeys >/dev/null 2>&1 & remember $!
watch_counters & remember $!; watcher=$!
train b1-h host 10.0.0.10 4000000 500 "$seconds" >"$LAB/up.json" & up=$!
train host b1-h 10.1.0.10 4000000 500 "$seconds" >"$LAB/down.json" & down=$!
wait $up $down $watcher

lossless() { cat "$1"; [ "$(jq .lost "$1")" = 0 ] && [ "$(jq .received "$1")" -gt $((seconds * 900)) ]; }
case_ "site to hub: no packet lost in $seconds s" lossless "$LAB/up.json"
case_ "hub to site: no packet lost in $seconds s" lossless "$LAB/down.json"
many() { local n; n=$(sort -u "$LAB/spis" | wc -l); echo "$n SA pairs were in use"; [ "$n" -ge $((seconds / 12)) ]; }
case_ "keys changed all the time" many
forward() { [ ! -s "$LAB/backwards" ] || { cat "$LAB/backwards"; false; }; }
case_ "no counter went back" forward
bounded() { local n; n=$(json_of show sa '.sas | length'); echo "$n SA pairs are listed"; [ "$n" -le 6 ]; }
case_ "old pairs are removed" bounded
logged() { # every line is JSON with the keys of its kind, and the rekeys are among them
	local n; n=$(jq -r 'select(.event_timestamp and .timestamp and .resource_id == "site-1.0_198.51.100.1" and
		(.dpd_enabled | type) == "boolean" and (.nat_t_detected | type) == "boolean" and
		.ike_phase1_state and .ike_phase2_state and .details) | .reason_code' "$LAB/log/activity.log" | grep -c '^CHILD_REKEYED$')
	echo "$n rekeys of tunnel 0 are logged"; [ "$n" -ge $((seconds / 12)) ]
}
case_ "the activity log has them" logged
shown() { local out; out=$(sluice show log site-1) && [[ $out == *CHILD_REKEYED* ]]; }
case_ "sluice show log" shown
cases_end
