#!/bin/bash
# From a host behind the hub to hosts of sites and back, through namespaces, with one worker on CPU 0 and
# all else on CPU 1 (tests/bench/lab.sh). For each way the highest of the offered rates at which less
# than one packet in a thousand is lost, and what it costs the hub: ns of CPU per packet (and how many of
# them are its own threads', the rest is the receive side of veth), and bits per second of CPU. What the
# other CPU cannot generate is not offered: then the rate is at least that.
#
# UDP of 1,400 bytes comes from tests/net/blast.c, 16 packets of a site or one before it is another's turn; IMIX
# and TCP from hosts, through a data plane of our own that stands for the sites. The rows of "tap" have one
# for the outside device, so that what a driver costs is with the generator, and CPU 0 is the worker's; TCP is
# there a connection of each site that nobody answers. PARTS="veth tap host" and ALL_SITES say what of it runs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slee SECONDS_EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3} ALL_SITES=${ALL_SITES:-1 100}
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

# highest RATES COMMAND...: the last result without loss; in COMMAND, RATE is the rate
highest() {
	local rates=$1 best='' out rate
	shift
	for rate in $rates; do
		out=$("${@/RATE/$rate}") || continue
		# Once more: it may have been the machine.
		jq -e '.lost * 1000 <= .sent' <<<"$out" >/dev/null || out=$("${@/RATE/$rate}") || continue
		if jq -e '.lost * 1000 <= .sent' <<<"$out" >/dev/null; then best=$out; else [ -n "$best" ] || best=$out; break; fi
		# What the generator did not manage is no rate of ours: more is not to be had.
		jq -e --argjson r "$rate" --argjson s "$SECONDS_EACH" --argjson z "${SIZE:-0}" '$z > 0 and .sent * $z * 8 < $r * $s * 0.9' <<<"$out" >/dev/null && break
	done
	echo "$best"
}
row() { # SITES WHAT WAY, and JSON
	jq -r --arg s "$1" --arg z "$2" --arg w "$3" '[$s, $z, $w, .bits_per_second / 1e6, .lost, .share * 100, .cpu / .received, (if .data then (.data / .received) else 0 end), .bits_per_second / .share / 1e9] | @tsv' |
		awk -F '\t' '{ printf "%-5s %-17s %-5s %8.0f %8d %7.0f%% %9.0f %9s %12.2f\n", $1, $2, $3, $4, $5, $6, $7, ($8 > 0 ? int($8) : "-"), $9 }'
}
RATES=${RATES:-"500000000 1000000000 1500000000 2000000000 2500000000 3000000000 4000000000 5000000000 6000000000 7000000000 8000000000 10000000000"}
printf '%-5s %-17s %-5s %8s %8s %8s %9s %9s %12s\n' sites bytes way Mbit/s lost "CPU 0" ns/packet "of it own" Gbit/CPU-s
# What comes by veth, of blast.
veth_rows() {
	local run way
	bench_net "$1" && load_up "$1" 25000 || exit 1
	for run in 16 1; do
		[ "$1.$run" = 1.1 ] && continue # one flow is merged on the way
		for way in in out both; do
			SIZE=1400
			[ $way = both ] && SIZE=2800
			highest "$RATES" load $way RATE 1400 "$SECONDS_EACH" "$1" $run | row "$1" "1400, runs $run" $way
		done
	done
}
tap_rows() {
	local run kind TAP='' SIZE=1400
	bench_net "$1" && tap_up && load_up "$1" 25000 || exit 1
	for kind in in in-tcp; do
		for run in 16 1; do
			[ "$1.$run" = 1.1 ] && continue
			KIND=$kind highest "$RATES" load in RATE 1400 "$SECONDS_EACH" "$1" $run | row "$1" "tap, $([ $kind = in ] && echo UDP || echo TCP), runs $run" in
		done
	done
}
# Of hosts.
host_rows() {
	local way streams SIZE=0
	bench_net "$1" && sluice_up "$1" 1 25000 || exit 1
	for way in in out both; do
		highest "50000000 100000000 200000000 300000000 400000000" step $way RATE imix "$1" | row "$1" imix $way
	done
	[ "$1" = 1 ] || return 0
	for way in in out; do
		for streams in 1 4; do
			for _ in $(seq "$ROUNDS"); do tcp $way "$SECONDS_EACH" $streams; done >"$LAB/tcp.rounds"
			printf '%-5s %5s %-10s TCP, %d streams: Mbit/s %s, Gbit per CPU-s %s\n' 1 - $way $streams \
				"$(jq '.bits_per_second / 1e6' "$LAB/tcp.rounds" | spread %.0f)" "$(jq '.bits_per_second / .share / 1e9' "$LAB/tcp.rounds" | spread)"
		done
	done
}
for sites in $ALL_SITES; do
	for part in ${PARTS:-veth tap host}; do
		"${part}_rows" "$sites"
		bench_down
	done
done
