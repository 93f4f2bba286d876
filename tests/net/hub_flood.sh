#!/bin/bash
# IKE messages from a million addresses, of each kind that the hub refuses, while SITES sites live and one
# of them dials in. Prints what each kind costs. Nothing of it may end a tunnel, keep out who dials in,
# or fill the table of neighbours.
# Variables: SITES (3), RATE (5000 packets per second of each kind; the sanitizer build is slow), SECONDS_EACH (2),
# FLOOD_RATE (100000: of first messages at the end), DIAL (2: seconds that it may take), COST (microseconds of
# CPU for a packet; 0: not asked), KINDS (of those that ike_flood knows), BIN.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
SITES=${SITES:-3} RATE=${RATE:-5000} SECONDS_EACH=${SECONDS_EACH:-2} FLOOD_RATE=${FLOOD_RATE:-100000} DIAL=${DIAL:-2} COST=${COST:-0}
KINDS=${KINDS-value proposal cookie spi main fragment value-one}
P=slfl LAB=$(mktemp -d /tmp/slfl.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

# Answers to the flood go no further than the internet between the two.
lab_hub_net
ns_add bot
link bot w 100.71.0.2/30 inet bot 100.71.0.1/30
default_via bot 100.71.0.1
ip -n "$P-inet" route add blackhole 11.0.0.0/8
printf "route add %s via 198.51.100.2\n" 11.0.0.0/8 100.71.0.0/30 | ip_batch hub
hub_config 1 "$SITES" >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
compact_up "$SITES"
must "$((2 * SITES)) tunnels and BGP sessions are up" until_true 60 all_up $((2 * SITES))
counter() { json_of show dataplane ".outside.$1.packets // 0"; }
ups() { jq -r 'select(.reason_code == "IKE_UP").resource_id' "$LAB/log/activity.log" | wc -l; }
ike=$(json_of show dataplane '.processes[] | select(.name == "ike").pid')
cpu() { awk '{ print int($1 / 1000) }' "/proc/$ike/schedstat"; }

# The last site's first tunnel is set up anew: milliseconds.
dial() {
	local start d=$LAB/compact/A
	swan "$d" --terminate --ike "s$SITES" >/dev/null 2>&1
	start=$(date +%s%3N)
	swan "$d" --initiate --ike "s$SITES" --child t --timeout 15 >"$LAB/dial.out" 2>&1 || { tail -n 3 "$LAB/dial.out"; return 1; }
	echo $(($(date +%s%3N) - start))
}

flood() { # FROM RATE SECONDS KIND: prints what was sent and what it cost, sets nothing; fails as the dial does
	local cpu_before passed sent took status reached us
	passed=$(counter ike_passed) cpu_before=$(cpu)
	in_ns_exec bot "$BIN/tests/net/ike_flood" "$1" 198.51.100.1 "$2" "$3" "$4" >"$LAB/flood.json" & local pid=$!
	sleep 0.5
	took=$(dial); status=$?
	wait $pid || return 1
	sent=$(jq .sent "$LAB/flood.json") reached=$(($(counter ike_passed) - passed)) us=$(($(cpu) - cpu_before))
	awk -v k="$4" -v s="$sent" -v r=$reached -v u=$us -v t="$took" 'BEGIN {
		printf "%s: %d sent, %d reached ike, %.1f us of CPU each sent, %.1f each reached; a site dialled in within %s ms\n", k, s, r, u / s, r ? u / r : 0, t }'
	[ $status = 0 ] && [ "$took" -le $((DIAL * 1000)) ] && [ "$sent" -gt $(($2 * $3 / 4)) ] &&
		{ [ "$COST" = 0 ] || awk -v s="$sent" -v u=$us -v c="$COST" 'BEGIN { exit !(u / s <= c) }'; }
}
for _ in 1 2 3 4; do
	in_ns bot "$BIN/tests/net/ike_flood" 100.71.0.2 198.51.100.1 20 1 proposal-one >"$LAB/flood.json"
	sleep 3
done
before=$(ups) dials=0
for kind in $KINDS; do
	timed "a flood of \"$kind\" costs little, and a site gets in" flood 11.0.0.0 "$RATE" "$SECONDS_EACH" "$kind"
	dials=$((dials + 1))
done
timed "a flood of first messages beyond what passes XDP" flood 11.0.0.0 "$FLOOD_RATE" "$SECONDS_EACH" first

# No route by wan0 leads back to these: an answer would look for them as neighbours.
neighbours() { in_hub ip -4 neighbour show dev wan0 | wc -l; }
unroutable() {
	local n before; before=$(counter ike_no_route)
	in_ns bot "$BIN/tests/net/ike_flood" 12.0.0.0 198.51.100.1 "$RATE" 2 first >"$LAB/flood.json"
	n=$(neighbours)
	echo "$n neighbours, $(($(counter ike_no_route) - before)) of $(jq .sent "$LAB/flood.json") dropped"
	[ "$n" -le 4 ]
}
case_ "who cannot be answered does not fill the table of neighbours" unroutable
# The flood is of invented addresses; bot itself is a device that asks again and again.
listed() {
	local n real
	n=$(json_of show unknown '.unknown | length') real=$(json_of show unknown '.unknown[] | select(.address == "100.71.0.2") | .reason_code')
	echo "$n devices, of them bot with $real"
	[ "$n" -le 256 ] && [ "$real" = IKE_NO_PROPOSAL ]
}
case_ "it lists the device among those that nobody configured" listed
none_dropped() { # every tunnel is up, and none was set up again but by its own wish
	echo "$(($(ups) - before)) IKE SAs were established meanwhile, $((dials + 1)) or more were wished for"
	[ "$(tunnels_up)" = $((2 * SITES)) ] &&
		[ "$(jq -r "select(.reason_code == \"IKE_UP\" and (.resource_id | test(\"^site-$SITES\") | not)).resource_id" "$LAB/log/activity.log" | wc -l)" = $((2 * SITES - 2)) ]
}
case_ "no other tunnel was set up again" none_dropped
quiet() { [ "$(jq -r 'select(.reason_code == "DPD_TIMEOUT") | .resource_id' "$LAB/log/activity.log" | wc -l)" = 0 ]; }
case_ "no peer was taken for dead" quiet
case_ "BGP sessions stayed, or are back" until_true 30 all_up $((2 * SITES))
cases_end
