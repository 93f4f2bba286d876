#!/bin/bash
# A flood of IKE_SA_INIT from a million addresses while SITES sites live and another one dials in.
# Variables: SITES (10), RATE (100000 packets per second), FLOOD_SECONDS (10), BIN.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
SITES=${SITES:-10} RATE=${RATE:-100000} FLOOD_SECONDS=${FLOOD_SECONDS:-10}
P=slfl LAB=$(mktemp -d /tmp/slfl.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

last=$((SITES + 1))
# Answers to the flood go no further than the internet between the two.
lab_hub_net
ns_add bot
link bot w 100.71.0.2/30 inet bot 100.71.0.1/30
default_via bot 100.71.0.1
ip -n "$P-inet" route add blackhole 11.0.0.0/8
ip -n "$P-hub" route add 11.0.0.0/8 via 198.51.100.2
hub_config 1 $last >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
compact_up "$SITES"
must "$((2 * SITES)) tunnels and BGP sessions are up" until_true 60 all_up $((2 * SITES))
sleep 3
events() { jq -r '.reason_code' "$LAB/log/activity.log" | sort | uniq -c; }
counter() { json_of show dataplane ".outside.$1.packets"; }
ups() { jq -r 'select(.reason_code == "IKE_UP").resource_id' "$LAB/log/activity.log" | wc -l; }
before=$(ups) passed=$(counter ike_passed)
ike=$(json_of show dataplane '.processes[] | select(.name == "ike").pid')
cpu() { awk '{ print $1 }' "/proc/$ike/schedstat"; }
cpu_before=$(cpu)
in_ns bot "$BIN/tests/net/ike_flood" 11.0.0.0 198.51.100.1 "$RATE" "$FLOOD_SECONDS" >"$LAB/flood.json" & flood=$!
sleep 1
branch_up $last
new_up() { [ "$(json_of show tunnels "[.tunnels[] | select(.site == \"site-$last\" and .state == \"up\")] | length")" = 2 ]; }
case_ "a site that dials in meanwhile comes up" until_true $((FLOOD_SECONDS - 1)) new_up
wait $flood
sent=$(jq .sent "$LAB/flood.json")
absorbed() {
	local reached=$(($(counter ike_passed) - passed)) first=$(counter ike_first_limited)
	echo "$sent sent, XDP dropped $first, $reached reached the ike process, which used $((($(cpu) - cpu_before) / 1000000)) ms for them"
	[ "$sent" -gt $((RATE * FLOOD_SECONDS / 4)) ] && [ $((first + reached)) -ge $((sent * 9 / 10)) ]
}
case_ "what was absorbed where" absorbed
none_dropped() { # every tunnel is up, and none was set up again
	local now; now=$(ups)
	echo "$((now - before)) IKE SAs were established meanwhile"
	[ "$(tunnels_up)" = $((2 * SITES + 2)) ] && [ $((now - before)) = 2 ]
}
case_ "none of the $((2 * SITES)) tunnels dropped" none_dropped
quiet() { [ "$(jq -r 'select(.reason_code == "DPD_TIMEOUT") | .resource_id' "$LAB/log/activity.log" | wc -l)" = 0 ]; }
case_ "no peer was taken for dead" quiet
case_ "BGP sessions stayed" until_true 30 all_up $((2 * SITES + 2))
cases_end
