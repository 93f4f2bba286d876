#!/bin/bash
# From a host behind the hub to hosts of sites and back, through namespaces, with one worker on CPU 0 and
# all else on CPU 1 (tests/bench/lab.sh). For each way the highest of the offered rates at which less
# than one packet in a thousand is lost, and what it costs the hub: ns of CPU per packet (and how many of
# them are its own threads', the rest is the receive side of veth), and bits per second of CPU. More than
# the other CPU can generate is not offered: then the rate is at least that.
#
# Packets come from tests/net/blast.c, 16 of a site or one before it is another's turn: sealed ones by XDP, which the
# hub receives on CPU 1 as from a card, and plain ones by sockets. TCP of it is a connection of each site that nobody
# answers; TCP of hosts passes a data plane of our own that stands for the sites, and the hosts on CPU 1 are what
# is at its end there. PARTS="load host" and ALL_SITES say what of it runs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slee SECONDS_EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3} ALL_SITES=${ALL_SITES:-1 100}
. tests/bench/lab.sh
bench_start

row() { # SITES WHAT WAY, and JSON
	jq -r --arg s "$1" --arg z "$2" --arg w "$3" '[$s, $z, $w, .bits_per_second / 1e6, .lost, .share * 100, .cpu / .received, .own / .received, .bits_per_second / .share / 1e9] | @tsv' |
		awk -F '\t' '{ printf "%-5s %-22s %-5s %8.0f %8d %7.0f%% %9.0f %9.0f %12.2f\n", $1, $2, $3, $4, $5, $6, $7, $8, $9 }'
}
RATES=${RATES:-500 1000 1500 2000 3000 4000 5000 6000 7000 8000 8500 9000}
printf '%-5s %-22s %-5s %8s %8s %8s %9s %9s %12s\n' sites traffic way Mbit/s lost "CPU 0" ns/packet "of it own" Gbit/CPU-s
load_rows() {
	local run way kind
	bench_net "$1" && load_up "$1" 25000 || exit 1
	for run in 16 1; do
		[ "$1.$run" = 1.1 ] && continue # one flow is merged on the way
		for way in in out both; do
			[ "$run.$way" = 1.both ] && continue
			highest "$RATES" load $way RATE 1400 "$SECONDS_EACH" "$1" $run | row "$1" "UDP 1400, runs $run" $way
		done
		for way in in out; do
			TCP=1 highest "$RATES" load $way RATE 1400 "$SECONDS_EACH" "$1" $run | row "$1" "TCP 1400, runs $run" $way
		done
	done
	for way in in out; do
		highest "100 200 300 400 500 600 700 800 900 1000 1200 1400" load $way RATE imix "$SECONDS_EACH" "$1" 1 | row "$1" "UDP IMIX" $way
	done
}
# Of hosts.
host_rows() {
	local way streams
	[ "$1" = 1 ] || return 0
	bench_net "$1" && sluice_up "$1" 1 25000 || exit 1
	for way in in out; do
		for streams in 1 4; do
			for _ in $(seq "$ROUNDS"); do tcp $way "$SECONDS_EACH" $streams; done >"$LAB/tcp.rounds"
			printf '%-5s %5s %-10s TCP, %d streams: Mbit/s %s, Gbit per CPU-s %s\n' 1 - $way $streams \
				"$(jq '.bits_per_second / 1e6' "$LAB/tcp.rounds" | spread %.0f)" "$(jq '.bits_per_second / .share / 1e9' "$LAB/tcp.rounds" | spread)"
		done
	done
}
for sites in $ALL_SITES; do
	for part in ${PARTS:-load host}; do
		"${part}_rows" "$sites"
		bench_down
	done
done
