#!/bin/bash
# Failover without BFD: a tunnel is cut in silence, and a packet train to the branch (strongSwan and
# BIRD) is silent for no longer than the hold time of BGP, or, where that is long, than DPD's. Each
# of the two is the only one that can notice here; the reason that the hub shows must be that one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slfo LAB=$(mktemp -d /tmp/slfo.XXXXXX) BIN=${BIN:-$PWD/build/release}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

egress_is() { [ "$(json_of show routes '[.routes[] | select(.prefix == "10.1.0.0/24")][0].tunnel')" = "$1" ]; }
reason() { json_of show tunnels '.tunnels[0].bgp_detail'; }

# cut_for SECONDS: tunnel 0 is cut 2 s after the start of trains both ways, which last longer than that
cut_for() {
	train host b1-h 10.1.0.10 400000 500 $(($1 + 10)) >"$LAB/down.json" & local down=$!
	train b1-h host 10.0.0.10 400000 500 $(($1 + 10)) >"$LAB/up.json" & local up=$!
	sleep 2.3; cut_on 1 0
	until_true $(($1 + 5)) egress_is 1 || return 1
	reason >"$LAB/reason"
	wait $down $up
}
# Less than the limit with a second for timers and a busy machine; the train goes on after it.
silent_below() { # JSON SECONDS
	jq -r '"silent for \(.longest_gap_ms) ms, lost \(.lost)"' "$1"
	jq -e ".longest_gap_ms < ($2 + 1) * 1000 and .longest_gap_ms > 1000 and .received > 200" "$1" >/dev/null
}
because() { cat "$LAB/reason"; grep -E "$1" "$LAB/reason" >/dev/null; }

lab_hub_net
export HOLD=6 HUB_DPD_INTERVAL=30 HUB_DPD_TIMEOUT=90 BRANCH_DPD=60s
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
must "tunnel 0 carries what goes to the branch" until_true 10 egress_is 0
must "it is cut: the other takes over" cut_for 6
case_ "to the branch: bounded by the hold time of 6 s" silent_below "$LAB/down.json" 6
case_ "from it: the same, as BIRD has it" silent_below "$LAB/up.json" 6
case_ "the reason is BGP's" because "[Hh]old [Tt]imer"
cut_off 1 0
must "tunnel 0 carries it again" until_true 60 egress_is 0

HOLD=90 HUB_DPD_INTERVAL=2 HUB_DPD_TIMEOUT=5
hub_config 1 1 >"$LAB/sluice.yaml"
case_ "a stop leaves nothing" hub_stop
kill "$(<"$LAB/b1/bird.pid")"
must "sluiced starts with DPD of 5 s and a hold time of 90 s" hub_start
branch_bird 1 # with that too
all_new() { all_up 2 && egress_is 0; }
must "all is up again" until_true 90 all_new
must "tunnel 0 is cut: the other takes over" cut_for 5
case_ "to the branch: bounded by DPD's 5 s" silent_below "$LAB/down.json" 5
case_ "the reason is the tunnel's" because "[Tt]unnel"
dpd_seen() { local out; out=$(json_of show log '[.events[].reason_code // ""] | unique | join(" ")'); echo "$out"; [[ " $out " == *" DPD_"* ]]; }
case_ "and DPD's in the activity log" dpd_seen
cut_off 1 0
case_ "a stop leaves nothing" hub_stop
cases_end
