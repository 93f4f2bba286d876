#!/bin/bash
# What TCP gets of a site's rate over a long way. Between hub and sites is a wire that holds every frame for
# half of the round trip (tests/net/delay.c); before each measurement it carries twice the rate by itself, and if
# it loses a frame, then or later, the figure is not taken for ours. Inner IP bytes a second after the first two
# seconds, against the rate; what the horizon of the pacing wheel (or, from the site, the policer) dropped
# of all packets; then a flow to each of 100 sites at once; then what a site that sends little waits beside one that
# is over its rate, with and without pacing. PARTS="out in all wait" says what of it runs, FLOWS how many connections
# share the rate, in which case the least of them is shown too, IN_CASES what part `in` does.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slpc SECONDS_EACH=${SECONDS_EACH:-8} ROUNDS=${ROUNDS:-3}
flows=${FLOWS:-1} IN_CASES=${IN_CASES:-cubic:0 bbr:0 cubic:1}
. tests/bench/lab.sh
bench_start
HEADERS=52 # of IP and TCP in each full packet
MSS=1386   # what is left of the tunnel's 1,438

# The wire between hub and sites holds each frame for that many microseconds, each way.
wire() {
	wire_pid=''
	[ "$1" = 0 ] && return
	local us=$1
	ip -n "$P-hub" link del "${P}o"
	ip -n "$P-hub" link add "${P}o" type veth peer name "${P}a" netns "$P-site"
	ip -n "$P-site" link add "${P}w" type veth peer name "${P}b"
	ip -n "$P-hub" addr add 192.0.2.1/24 dev "${P}o"; ip -n "$P-site" addr add 192.0.2.2/24 dev "${P}w"
	set -- hub o site a site b site w
	while [ $# -gt 0 ]; do
		in_ns "$1" sysctl -qw "net.ipv6.conf.$P$2.disable_ipv6=1"
		# The wire takes frames as they are: cut, and with their checksums.
		in_ns "$1" ethtool -K "$P$2" tso off gso off tx off >/dev/null 2>&1
		ip -n "$P-$1" link set "$P$2" txqueuelen 10000 up &&
			in_ns "$1" tc qdisc replace dev "$P$2" root pfifo limit 10000 || return 1
		shift 2
	done
	for d in w o; do
		napi=$(napi_thread "$([ $d = w ] && echo site || echo hub)" "$P$d" "$([ $d = w ] && echo 1 || echo 0)") || return 1
		[ $d = w ] || napi_hub="$napi ${napi_hub#* }"
	done
	(on_site "$BIN/tests/net/delay" "${P}a" "${P}b" "$us") >"$LAB/wire" & wire_pid=$!
	other_pids+=($wire_pid)
	sleep 0.5
}
# The wire by itself: that much for two seconds, one way and then the other, in packets as large as ours are outside.
wire_alone() { # BITS
	local to from address receiver lost
	[ -z "$wire_pid" ] && return
	# Until an address is known, few packets wait for it.
	until_true 5 in_ns hub ping -q -c 1 -W 1 192.0.2.2 && until_true 5 in_ns site ping -q -c 1 -W 1 192.0.2.1 || { echo "nothing passes the wire"; return 1; }
	for to in site hub; do
		if [ $to = site ]; then from=hub address=192.0.2.2; else from=site address=192.0.2.1; fi
		on_$to "$BIN/tests/net/flow" recv 7001 5 >"$LAB/alone" & receiver=$!
		sleep 0.3
		(on_$from "$BIN/tests/net/flow" send $address 7001 "$1" 1490 2) >/dev/null
		wait $receiver
		lost=$(jq .lost "$LAB/alone")
		[ "$lost" = 0 ] || { echo "the wire by itself lost $lost packets to $to: too slow a machine for this"; return 1; }
	done
}
# What the wire lost while it was measured: it is asked at its end.
wire_end() {
	[ -z "$wire_pid" ] && return
	kill -TERM "$(pgrep -P "$wire_pid" || echo "$wire_pid")"
	wait "$wire_pid" 2>/dev/null
	awk '{ n += $4 } END { if (NR != 2 || n) { print "the wire lost " n " frames"; exit 1 } }' "$LAB/wire" || cat "$LAB/wire"
}
net() { bench_net "$1" && wire "$2" && wire_alone "$3" && sluice_up "$1" 1 "${4:-25000}"; }

# flow in|out CONGESTION: "percent of the rate, retransmissions, percent of a fair share" of all connections, and of the least
flow() {
	local from to own address server
	if [ "$1" = in ]; then from=site to=lan own=10.77.1.2 address=10.1.0.2; else from=lan to=site own=10.1.0.2 address=10.77.1.2; fi
	on_$to iperf3 -s -1 >/dev/null 2>&1 & server=$!
	sleep 0.3
	(on_$from timeout $((SECONDS_EACH + 20)) iperf3 -J -B $own -c $address -C "$2" -P "$flows" -O 2 -t "$SECONDS_EACH") >"$LAB/tcp.json" 2>/dev/null
	kill $server 2>/dev/null; wait $server 2>/dev/null
	jq -r --argjson m $MSS --argjson h $HEADERS --argjson r "$rate" '.end | def share: .bits_per_second * ($m + $h) / $m / $r * 100;
		"\(.sum_received | share) \(.sum_sent.retransmits) \([.streams[].receiver | share] | min * length)"' "$LAB/tcp.json"
}
one() { awk '{ print $1 / 1e6 }' <<<"$1"; }
ms() { awk '{ print $1 * 2 / 1000 }' <<<"$1"; }
one_flow() { # WAY DROP-REASON CONGESTION ECN
	local drops offered
	in_ns lan sysctl -qw net.ipv4.tcp_ecn="$4" && in_ns site sysctl -qw net.ipv4.tcp_ecn="$4" || return 1
	drops=$(counter "$1" "$2") offered=$(counter "$1" delivered)
	for _ in $(seq "$ROUNDS"); do flow "$1" "$3"; done >"$LAB/rounds"
	drops=$(($(counter "$1" "$2") - drops)) offered=$(($(counter "$1" delivered) - offered + drops))
	printf '%-4s %6s ms %6s %-6s %-4s %26s %8s %10s' "$1" "$(ms "$one_way")" "$(one "$rate")" "$3" "$([ "$4" = 1 ] && echo ECN)" \
		"$(cut -d' ' -f1 "$LAB/rounds" | spread %.1f)" "$(cut -d' ' -f2 "$LAB/rounds" | median)" "$(awk -v d=$drops -v o=$offered 'BEGIN { printf "%.2f %%", o ? d / o * 100 : 0 }')"
	[ "$flows" = 1 ] && echo || echo " least of $flows: $(cut -d' ' -f3 "$LAB/rounds" | spread %.0f)"
}
printf '%-4s %9s %6s %-6s %-4s %26s %8s %10s\n' way "RTT" Mbit/s TCP "" "% of the rate" again dropped

part_out() {
	for one_way in ${ONE_WAY:-0 500 25000}; do
		net 1 $one_way 200000000 || exit 1
		for rate in 100000000 10000000; do
			tell rate out $rate 0 0
			one_flow out horizon cubic 0
			[ $one_way != 0 ] || break
			[ $rate = 100000000 ] || continue
			one_flow out horizon bbr 0
			one_flow out horizon cubic 1
		done
		wire_end; bench_down
	done
}
part_in() {
	for one_way in ${ONE_WAY:-500 25000}; do
		net 1 $one_way 200000000 || exit 1
		rate=100000000
		tell rate in $rate 0 0
		for tcp in $IN_CASES; do one_flow in site_rate ${tcp/:/ }; done
		wire_end; bench_down
	done
}
# A flow to each of 100 sites.
part_all() {
	local flows i
	rate=${ALL_RATE:-1000000}
	for one_way in ${ONE_WAY:-500 25000}; do
		net 100 $one_way $((rate * 130)) || exit 1
		tell rate out $rate 0 0
		for i in $(seq 100); do
			(on_site iperf3 -s -1 -B "10.77.$i.2" -p $((6000 + i))) >/dev/null 2>&1 & other_pids+=($!)
		done
		sleep 2
		flows=()
		for i in $(seq 100); do
			(on_lan timeout $((SECONDS_EACH + 25)) iperf3 -J -c "10.77.$i.2" -p $((6000 + i)) -B 10.1.0.2 -C cubic -l 4K -O 5 -t "$SECONDS_EACH") >"$LAB/flow.$i" 2>/dev/null & flows+=($!)
		done
		wait "${flows[@]}"
		for i in $(seq 100); do
			jq --argjson m $MSS --argjson h $HEADERS --argjson r "$rate" '.end.sum_received.bits_per_second * ($m + $h) / $m / $r * 100' "$LAB/flow.$i"
		done >"$LAB/shares"
		echo "100 sites of $(one "$rate") Mbit/s with a flow each, $(ms $one_way) ms: $(wc -l <"$LAB/shares") flows got $(spread %.1f <"$LAB/shares") % of the rate"
		wire_end; bench_down
	done
}
# What a site below its rate waits: a packet every ten milliseconds there and back, by itself and beside one that is
# offered twice its rate.
waits() { (on_lan ping -n -i 0.01 -c 500 -I 10.1.0.2 10.77.2.2) | sed -n 's/.*time=\([0-9.]*\) ms/\1/p'; }
part_wait() {
	local horizon
	rate=100000000
	for horizon in 25000 0; do
		net 2 0 $rate $horizon || exit 1
		tell rate out $rate 0 0
		waits >"$LAB/idle"
		on_site "$BIN/tests/net/flow" recv 7002 20 >/dev/null & other_pids+=($!)
		(on_lan "$BIN/tests/net/flow" send 10.77.1.2 7002 $((rate * 2)) 1400 9) >/dev/null & local load=$!
		sleep 1
		waits >"$LAB/busy"
		wait $load
		echo "round trip of a site below its rate, horizon $((horizon / 1000)) ms: alone $(spread %.3f <"$LAB/idle") ms, beside one at twice its rate $(spread %.3f <"$LAB/busy") ms"
		bench_down
	done
}
for part in ${PARTS:-out in all wait}; do "part_$part"; done
