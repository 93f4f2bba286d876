#!/bin/bash
# How exactly rates are kept: a third more than the rate is offered for twelve seconds, and what arrives
# in the last ten is compared with the rate. Then an aggregate of 100 Mbit/s for 100 sites that offer
# twice as much: half of them 0.5 Mbit/s each, which is less than their share, the others 3.5; the worst of
# each half against its max-min fair share, and Jain's index of the shares got.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slra SECONDS_EACH=${SECONDS_EACH:-12}
. tests/bench/lab.sh
bench_start

bench_net 1 || exit 1
sluice_up 1 1 25000 || exit 1
printf '%10s %6s %4s %12s %14s %14s\n' Mbit/s bytes way "offered" "arrived" "off by %"
for rate in ${RATES:-1000000 50000000 100000000 1250000000}; do
	for size in 1400 imix; do
		[ $size = imix ] && [ "$rate" -gt 500000000 ] && continue # more packets than can be made here
		for way in in out; do
			tell rate $way "$rate" 0 0
			out=$(udp $way $((rate * 4 / 3)) $size "$SECONDS_EACH")
			jq -r --arg r "$rate" --arg z $size --arg w $way --arg s "$SECONDS_EACH" '[($r | tonumber) / 1e6, $z, $w, .bits_per_second / 1e6 * .sent / .received, .steady_bits_per_second / 1e6, (.steady_bits_per_second / ($r | tonumber) - 1) * 100] | @tsv' <<<"$out" |
				awk -F '\t' '{ printf "%10d %6s %4s %12.2f %14.3f %14.2f\n", $1, $2, $3, $4, $5, $6 }'
			tell rate $way 0 0 0
		done
	done
done
bench_down

bench_net 100 || exit 1
sluice_up 100 1 25000 || exit 1
for way in in out; do
	if [ $way = in ]; then from=site to=lan first=10.1.0.2 second=10.1.50.2 base=0; else from=lan to=site first=10.77.1.2 second=10.77.51.2 base=1; fi
	tell rate $way 100000000 0 0
	tell rate all-$way 100000000 0 0
	on_$to "$BIN/tests/net/flow" recv 21001 $((SECONDS_EACH + 10)) 101 >"$LAB/low" & low=$!
	on_$to "$BIN/tests/net/flow" recv 21002 $((SECONDS_EACH + 10)) 101 >"$LAB/high" & high=$!
	sleep 0.5
	(on_$from "$BIN/tests/net/flow" send $first 21001 25000000 1400 "$SECONDS_EACH" 50) >/dev/null &
	(on_$from "$BIN/tests/net/flow" send $second 21002 175000000 1400 "$SECONDS_EACH" 50) >"$LAB/sent"
	wait $low $high
	echo "100 sites, $way, 100 Mbit/s for 200:"
	# Less 1/256 that sharing leaves free: the fair share is (99.61 - 25) / 50.
	jq -sr --argjson base $base '
		[.[0].sites[$base:$base + 50][] / 5e5] as $low | [.[1].sites[$base + 50:$base + 100][] / 1.492188e6] as $high | ($low + $high) as $all |
		"  offered less than the share: \($low | min * 1e4 | round / 1e4) to \($low | max * 1e4 | round / 1e4) of what they offered",
		"  offered more: \($high | min * 1e4 | round / 1e4) to \($high | max * 1e4 | round / 1e4) of the fair share",
		"  Jain \((($all | add) * ($all | add) / (($all | length) * ([$all[] | . * .] | add))) * 1e5 | round / 1e5)"' "$LAB/low" "$LAB/high"
	tell rate all-$way 0 0 0
done
