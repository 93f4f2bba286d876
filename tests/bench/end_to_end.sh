#!/bin/bash
# From a host behind the hub to hosts of sites and back, through namespaces, with one worker on CPU 0 and
# all else on CPU 1 (tests/bench/lab.sh). For each way the highest of the offered rates at which less
# than one packet in a thousand is lost, and what it costs the hub: ns of CPU per packet, and bits per
# second of CPU. What the other CPU cannot generate is not offered: then the rate is at least that.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slee SECONDS_EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3}
. tests/bench/lab.sh
bench_start

# step DIRECTION BITS SIZE SITES: one JSON line for what was offered
step() {
	local before
	if [ "$1" != both ]; then udp "$1" "$2" "$3" "$SECONDS_EACH" "$4"; return; fi
	before=$(cpu_now)
	udp in "$2" "$3" "$SECONDS_EACH" "$4" >"$LAB/in.json" & local first=$!
	udp out "$2" "$3" "$SECONDS_EACH" "$4" >"$LAB/out.json"
	wait $first
	jq -sc --argjson cpu $(($(cpu_now) - before)) --argjson s "$SECONDS_EACH" '{received: (.[0].received + .[1].received), lost: (.[0].lost + .[1].lost),
		sent: (.[0].sent + .[1].sent), bits_per_second: (.[0].bits_per_second + .[1].bits_per_second), cpu: $cpu, share: ($cpu / $s / 1e9)}' "$LAB/in.json" "$LAB/out.json"
}
printf '%-5s %5s %-10s %10s %8s %8s %10s %12s\n' sites bytes way Mbit/s lost "CPU 0" ns/packet Gbit/CPU-s
for sites in 1 100; do
	bench_net $sites || exit 1
	sluice_up $sites 1 25000 || exit 1
	for size in 1400 imix; do
		rates="500000000 1000000000 2000000000 3000000000 4000000000 5000000000 6000000000"
		[ $size = imix ] && rates="50000000 100000000 200000000 300000000 400000000"
		for way in in out both; do
			best=''
			for rate in $rates; do
				out=$(step $way $rate $size $sites) || continue
				# What the generator did not manage is no rate of ours.
				jq -e '.lost * 1000 <= .sent' <<<"$out" >/dev/null && best=$out || { [ -n "$best" ] || best=$out; break; }
			done
			jq -r --arg s $sites --arg z $size --arg w $way '[$s, $z, $w, .bits_per_second / 1e6, .lost, .share * 100, .cpu / .received, .bits_per_second / .share / 1e9] | @tsv' <<<"$best" |
				awk -F '\t' '{ printf "%-5s %5s %-10s %10.0f %8d %7.0f%% %10.0f %12.2f\n", $1, $2, $3, $4, $5, $6, $7, $8 }'
		done
	done
	if [ $sites = 1 ]; then
		for way in in out; do
			for streams in 1 4; do
				for _ in $(seq "$ROUNDS"); do tcp $way "$SECONDS_EACH" $streams; done >"$LAB/tcp.rounds"
				printf '%-5s %5s %-10s TCP, %d streams: Mbit/s %s, Gbit per CPU-s %s\n' 1 - $way $streams \
					"$(jq '.bits_per_second / 1e6' "$LAB/tcp.rounds" | spread %.0f)" "$(jq '.bits_per_second / .share / 1e9' "$LAB/tcp.rounds" | spread)"
			done
		done
	fi
	tell stats; tail -n 6 "$LAB/hub.log" | grep -E "^(in|out) "
	bench_down
done
