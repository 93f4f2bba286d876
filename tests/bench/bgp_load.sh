#!/bin/bash
# Convergence of Sluice's bgp process, BIRD and FRR's bgpd, under the same load: wall time until
# every peer has heard everything, CPU time and peak memory of the speaker. Rows that end in "kernel"
# also put the routes into the kernel's table, and end when they are there: Sluice by the route path of
# its hub process (BPF trie, then kernel), BIRD by its kernel protocol, FRR by zebra. CPU and memory
# are those of all processes of the speaker then, and memory is their share of what they map (PSS, at
# the end of a phase, the larger of the two), because peaks of two processes count common pages twice.
# The speaker runs on one CPU, the load on another. Medians of ROUNDS (3), the speakers in turn.
# Usage: bgp_load.sh [ROW...]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
. tests/bench/stats.sh
BIN=${BIN:-$PWD/build/release} ROUNDS=${ROUNDS:-3}
P=slbb W=$(mktemp -d /tmp/slbb.XXXXXX) pids=()
DUT=10.99.0.1 FIRST=10.99.1.0 AS=64512
[ "$(nproc)" -gt 1 ] && LOAD_CPU=1 || LOAD_CPU=0
cleanup() {
	local p
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	sleep 0.2
	for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null; done
	for n in dut load; do ip netns del $P-$n 2>/dev/null; done
	rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
address() { echo "10.99.$((1 + $1 / 256)).$(($1 % 256))"; }

net_up() { # PEERS
	local i
	for n in dut load; do ip netns del $P-$n 2>/dev/null; ip netns add $P-$n || exit 77; ip -n $P-$n link set lo up; done
	ip -n $P-dut link add eth0 type veth peer name eth0 netns $P-load
	ip -n $P-dut addr add $DUT/16 dev eth0; ip -n $P-dut link set eth0 up
	for i in $(seq 0 $(($1 - 1))); do echo "addr add $(address "$i")/16 dev eth0"; done | ip -n $P-load -batch -
	ip -n $P-load link set eth0 up
}

# Each starts a speaker for PEERS peers in MODE and sets PID.
start_sluice() {
	local i group
	mkfifo "$W/in"
	ip netns exec $P-dut "$BIN/tests/net/bgp_peer" <"$W/in" >/dev/null 2>"$W/sluice.log" & pids+=($!)
	exec 9>"$W/in"
	{
		[ -z "$KERNEL" ] || echo kernel
		echo "conf $AS 10.99.0.1 180 60 1"; echo "listen 0.0.0.0"
		for i in $(seq 0 $(($1 - 1))); do
			group=$i; [ "$2" = all ] || [ "$i" = $(($1 - 1)) ] || group=1000
			echo "neighbor $((2 * i)) s$i $DUT $(address "$i") - - $((65001 + i)) 0 0 100 $group 0"
			echo "tunnel $((2 * i)) up"
		done
		echo quiet; echo start
	} >&9
	until PID=$(pgrep -P "$(ip netns pids $P-dut | head -n 1)" bgp_peer | head -n 1) && [ -n "$PID" ]; do sleep 0.1; done
	[ -z "$KERNEL" ] || PID+=" $(ip netns pids $P-dut | head -n 1)"
}
start_bird() {
	local i out
	{
		echo "router id 10.99.0.1; protocol device { scan time 60; }"
		[ -z "$KERNEL" ] || echo "protocol kernel { scan time 60; ipv4 { import none; export all; }; }"
		for i in $(seq 0 $(($1 - 1))); do
			out=all; [ "$2" = all ] || [ "$i" = $(($1 - 1)) ] || out=none
			echo "protocol bgp p$i { local $DUT as $AS; neighbor $(address "$i") as $((65001 + i)); passive; hold time 180; ipv4 { import all; export $out; }; }"
		done
	} >"$W/bird.conf"
	ip netns exec $P-dut bird -f -c "$W/bird.conf" -s "$W/bird.ctl" -P "$W/bird.pid" >"$W/bird.log" 2>&1 & pids+=($!)
	until [ -s "$W/bird.pid" ]; do sleep 0.1; done
	PID=$(<"$W/bird.pid")
}
start_frr() {
	local i zebra="-Z -n" # alone, and nothing into the kernel
	{
		echo "router bgp $AS"
		echo " bgp router-id 10.99.0.1"
		echo " no bgp ebgp-requires-policy"
		echo " no bgp suppress-duplicates"
		echo " timers bgp 60 180"
		for i in $(seq 0 $(($1 - 1))); do
			echo " neighbor $(address "$i") remote-as $((65001 + i))"
			echo " neighbor $(address "$i") passive"
			echo " neighbor $(address "$i") disable-connected-check"
			echo " neighbor $(address "$i") advertisement-interval 0"
		done
		echo " address-family ipv4 unicast"
		for i in $(seq 0 $(($1 - 1))); do
			[ "$2" = all ] || [ "$i" = $(($1 - 1)) ] || echo "  neighbor $(address "$i") prefix-list none out"
		done
		echo " exit-address-family"
		echo "ip prefix-list none seq 5 deny any"
	} >"$W/bgpd.conf"
	chmod -R a+rwX "$W"
	if [ -n "$KERNEL" ]; then
		: >"$W/zebra.conf"; chmod a+rw "$W/zebra.conf"
		ip netns exec $P-dut /usr/lib/frr/zebra -f "$W/zebra.conf" -i "$W/zebra.pid" -z "$W/zserv" --vty_socket "$W" -u frr -g frr >"$W/zebra.log" 2>&1 & pids+=($!)
		for _ in $(seq 50); do [ -S "$W/zserv" ] && break; sleep 0.1; done
		zebra="-z $W/zserv"
	fi
	# shellcheck disable=SC2086
	ip netns exec $P-dut /usr/lib/frr/bgpd $zebra -f "$W/bgpd.conf" -i "$W/bgpd.pid" --vty_socket "$W" -P 0 -u frr -g frr >"$W/bgpd.log" 2>&1 & pids+=($!)
	for _ in $(seq 50); do [ -s "$W/bgpd.pid" ] && break; sleep 0.1; done
	PID=$(<"$W/bgpd.pid")
	[ -z "$KERNEL" ] || PID+=" $(<"$W/zebra.pid")"
}

cpu() { local p; for p in $PID; do cat "/proc/$p/stat"; done | awk '{ n += $14 + $15 } END { print n / '"$(getconf CLK_TCK)"' }'; }
memory() { # in MB
	local p pss
	if [ -z "$KERNEL" ]; then
		MB=$(for p in $PID; do cat "/proc/$p/status"; done | awk '/VmHWM/ { n += $2 } END { printf "%.1f", n / 1024 }')
		return
	fi
	pss=$(for p in $PID; do cat "/proc/$p/smaps_rollup"; done | awk '/^Pss:/ { n += $2 } END { print n }')
	[ "$pss" -gt "$MOST" ] && MOST=$pss
	MB=$(awk -v kb="$MOST" 'BEGIN { printf "%.1f", kb / 1024 }')
}
kernel_has() { # COUNT: routes of the load, by the kernel's own trie statistics
	ip netns exec $P-dut awk -v n="$1" '/Prefixes:/ { p += $2 } END { exit n ? p < n : p > 1000 }' /proc/net/fib_triestat
}

phase() { # NAME ROUTES: sets TOOK, CPU, MB
	local before start; before=$(cpu) start=$EPOCHREALTIME
	echo "$1" >&8
	read -r -t 250 _ TOOK <&7 || { TOOK=-; return 1; }
	if [ -n "$KERNEL" ]; then
		until kernel_has "$2"; do
			[ "${EPOCHREALTIME%.*}" -lt $((${start%.*} + 60)) ] || { echo "the kernel does not get there"; return 1; }
			sleep 0.02
		done
		TOOK=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }')
	fi
	sleep 0.5
	CPU=$(awk -v a="$before" -v b="$(cpu)" 'BEGIN { printf "%.2f", b - a }')
	memory
}

one() { # SPEAKER ROW PEERS PREFIXES MODE
	local word p routes=$(($3 * $4)) MOST=0
	net_up "$3"
	"start_$1" "$3" "$5"
	[ "$5" = all ] || routes=$((routes - $4))
	for p in $PID; do taskset -apc 0 "$p" >/dev/null; done
	coproc LOAD { ip netns exec $P-load taskset -c $LOAD_CPU "$BIN/tests/bench/bgp_load" $DUT $AS $FIRST "$3" "$4" "$5" 2>"$W/load.err"; }
	pids+=("$LOAD_PID"); exec 7<&"${LOAD[0]}" 8>&"${LOAD[1]}"
	read -r -t 90 word <&7
	if [ "$word" != established ]; then
		printf '%-8s %-36s %s\n' "$1" "$2" "sessions do not come up: $word $(tail -n 1 "$W/load.err")"
	else
		sleep 1
		phase announce $routes && echo "$TOOK $CPU $MB" >>"$W/$1.announced"
		phase withdraw 0 && echo "$TOOK $CPU $MB" >>"$W/$1.withdrawn"
	fi
	exec 7<&- 8>&- 9>&- 2>/dev/null
	# shellcheck disable=SC2086
	kill "$LOAD_PID" "${pids[@]}" 2>/dev/null; sleep 0.3; kill -9 $PID 2>/dev/null
	pids=(); rm -f "$W/in" "$W"/*.pid "$W/zserv"
}

installed() {
	case $1 in
	bird) command -v bird >/dev/null || { echo "bird is not installed"; return 1; } ;;
	frr) [ -x /usr/lib/frr/bgpd ] || { echo "FRR is not installed"; return 1; } ;;
	esac
}

row() { # NAME PEERS PREFIXES MODE
	local speaker what
	rm -f "$W"/*.announced "$W"/*.withdrawn
	for _ in $(seq "$ROUNDS"); do
		for speaker in $speakers; do one "$speaker" "$@"; done
	done
	for what in announced withdrawn; do
		for speaker in $speakers; do
			[ -s "$W/$speaker.$what" ] && printf '%-8s %-46s %26s %8s %8s\n' "$speaker" "$1, $what" \
				"$(cut -d' ' -f1 "$W/$speaker.$what" | spread %.3f)" "$(cut -d' ' -f2 "$W/$speaker.$what" | median)" "$(cut -d' ' -f3 "$W/$speaker.$what" | median)"
		done
	done
}

speakers=''
for s in ${SPEAKERS:-sluice bird frr}; do installed "$s" && speakers+=" $s"; done
printf '%-8s %-46s %26s %8s %8s\n' speaker row "wall, s" "CPU, s" MB
rows=("$@"); [ $# -gt 0 ] || rows=(collect reflect one collect-kernel reflect-kernel one-kernel)
for r in "${rows[@]}"; do
	KERNEL=""; [[ $r != *-kernel ]] || KERNEL=", kernel"
	case ${r%-kernel} in
	collect) row "100 x 1,000 to a collector$KERNEL" 101 1000 collector ;;
	reflect) row "100 x 1,000 to all$KERNEL" 100 1000 all ;;
	one) row "1 x 100,000 to a collector$KERNEL" 2 100000 collector ;;
	small) row "10 x 100 to all$KERNEL" 10 100 all ;;
	esac
done
