#!/bin/bash
# The decision process against BIRD's: eight neighbours, four ASes of two, announce the same random
# paths to both speakers, in several rounds of changes; a ninth neighbour must hear the same of both.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/asan}
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
command -v bird >/dev/null || { echo "SKIP: bird is not installed"; exit 77; }
P=slde W=$(mktemp -d /tmp/slde.XXXXXX) pids=() PEERS=9 PREFIXES=400 ROUNDS=6
cleanup() {
	local n
	exec 9>&- 2>/dev/null
	for n in dut load; do
		ip netns pids $P-$n 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del $P-$n 2>/dev/null
	done
	rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
ip netns del $P-dut 2>/dev/null; ip netns del $P-load 2>/dev/null
ip netns add $P-dut 2>/dev/null && ip netns add $P-load || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
for n in dut load; do ip -n $P-$n link set lo up; done
ip -n $P-dut link add eth0 type veth peer name eth0 netns $P-load
ip -n $P-dut addr add 10.99.0.1/16 dev eth0; ip -n $P-dut link set eth0 up
for i in $(seq 0 $((PEERS - 1))); do ip -n $P-load addr add 10.99.1.$i/16 dev eth0; done
ip -n $P-load link set eth0 up
as_of() { if [ "$1" = $((PEERS - 1)) ]; then echo $((65001 + $1)); else echo $((65001 + $1 / 2)); fi; }

start_sluice() {
	local i group
	mkfifo "$W/in"
	ip netns exec $P-dut "$BIN/tests/net/bgp_peer" <"$W/in" >/dev/null 2>"$W/sluice.log" &
	exec 9>"$W/in"
	{
		echo "conf 64512 10.99.0.1 180 60 1"; echo "listen 0.0.0.0"
		for i in $(seq 0 $((PEERS - 1))); do
			group=1000; [ "$i" = $((PEERS - 1)) ] && group=1
			echo "neighbor $((2 * i)) s$i 10.99.0.1 10.99.1.$i - - $(as_of "$i") 0 0 100 $group 0"
			echo "tunnel $((2 * i)) up"
		done
		echo start
	} >&9
}
start_bird() {
	local i out
	{
		echo "router id 10.99.0.1; protocol device { scan time 60; }"
		for i in $(seq 0 $((PEERS - 1))); do
			out=none; [ "$i" = $((PEERS - 1)) ] && out=all
			echo "protocol bgp p$i { local 10.99.0.1 as 64512; neighbor 10.99.1.$i as $(as_of "$i"); passive; deterministic med; ipv4 { import all; export $out; }; }"
		done
	} >"$W/bird.conf"
	ip netns exec $P-dut bird -f -c "$W/bird.conf" -s "$W/bird.ctl" -P "$W/bird.pid" >"$W/bird.log" 2>&1 &
}
run() { # SPEAKER
	"start_$1"
	for i in $(seq $ROUNDS); do echo "choose $i"; done |
		ip netns exec $P-load timeout 60 "$BIN/tests/bench/bgp_load" 10.99.0.1 64512 10.99.1.0 $PEERS $PREFIXES decide >"$W/$1.chosen" 2>"$W/$1.err"
	local status=$?
	exec 9>&- 2>/dev/null
	ip netns pids $P-dut | xargs -r kill 2>/dev/null; sleep 0.5
	return $status
}
failed=0
for speaker in sluice bird; do
	run $speaker || { echo "FAIL $speaker: $(tail -n 3 "$W/$speaker.err")"; failed=1; }
done
routes=$(grep -c ' 64512 ' "$W/bird.chosen")
differing=$(diff "$W/sluice.chosen" "$W/bird.chosen" | grep -c '^[<>]')
rounds=$(grep -c '^chosen' "$W/sluice.chosen")
if [ $failed = 0 ] && [ "$differing" = 0 ] && [ "$rounds" = $ROUNDS ] && [ "$routes" -gt $((PREFIXES * ROUNDS / 2)) ]; then
	echo "ok   $routes decisions of $rounds rounds are the same"
else
	echo "FAIL $differing lines differ of $routes in $rounds rounds"
	diff "$W/sluice.chosen" "$W/bird.chosen" | head -n 20
	failed=1
fi
exit $failed
