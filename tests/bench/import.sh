#!/bin/bash
# From one command to a hundred sites: `sluice site import` of 100 lines of CSV, then 200 IKE engines of ours, which all begin
# in the same moment, until each of the 200 tunnels is up on the hub. Hub on CPU 1, initiators on CPU 0. Usage: import.sh
# [ROUNDS]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slim LAB=$(mktemp -d /tmp/slim.XXXXXX) BIN=${BIN:-$PWD/build/release} SITES=100 ROUNDS=${1:-3}
. tests/net/lab.sh
. tests/bench/stats.sh
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
mkdir -p "$LAB"/{psk,sites,log}; : >"$LAB/pids"
cleanup() {
	local n
	[ ! -e "$LAB/sluiced.pid" ] || hub_stop
	[ ! -e "$LAB/hub.holder" ] || kill "$(<"$LAB/hub.holder")" 2>/dev/null
	xargs -r kill <"$LAB/pids" 2>/dev/null
	for n in inet hub host; do ip netns del "$P-$n" 2>/dev/null; done
	rm -rf "$LAB"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

HUB_ID=hub.test
lab_hub_net >/dev/null
for i in $(seq $((2 * SITES))); do echo "addr add 100.64.1.$i/32 dev lo"; done | ip_batch inet
ip -n $P-hub route add 100.64.0.0/16 via 198.51.101.2 metric 200 # replies by the second endpoint
(umask 077; echo correct.horse.battery >"$LAB/psk/all")
hub_config 1 0 | sed '$d' >"$LAB/sluice.yaml"
{
	echo name,tunnels.0.identity,tunnels.1.identity,tunnels.0.psk,tunnels.1.psk
	for i in $(seq 0 $((SITES - 1))); do echo "store-$i,c$((2 * i)).test,c$((2 * i + 1)).test,file:$LAB/psk/all,file:$LAB/psk/all"; done
} >"$LAB/sites.csv"
ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
all_up() { [ "$(json_of show tunnels '[.tunnels[] | select(.state == "up")] | length')" = $((2 * SITES)) ]; }

fresh() { # a hub without sites, on CPU 1
	local child
	rm -f "$LAB"/sites/*; hub_start || { tail -n 5 "$LAB/sluiced.log"; return 1; }
	taskset -cpa 1 "$(<"$LAB/sluiced.pid")" >/dev/null
	for child in $(pgrep -P "$(<"$LAB/sluiced.pid")"); do taskset -cpa 1 "$child" >/dev/null; done
}
echo "$SITES sites, $((2 * SITES)) tunnels, seconds:"
for round in $(seq "$ROUNDS"); do
	fresh || exit 1
	start=$(ms)
	sluice site import "$LAB/sites.csv" >"$LAB/said" || exit 1
	imported=$(ms)
	in_ns inet taskset -c 0 "$BIN/tests/bench/ike_load" client count=$((2 * SITES)) local=100.64.1.1 remote=198.51.100.1,198.51.101.1 seconds=60 \
		ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16-ecp256 psk=correct.horse.battery hold=1 >"$LAB/up.json" || { cat "$LAB/up.json"; tail -n 5 "$LAB/sluiced.log"; exit 1; }
	until_true 10 all_up || { echo "not all are up on the hub"; sluice show tunnels | tail -n 3; exit 1; }
	end=$(ms)
	awk -v n="$round" -v a=$((imported - start)) -v b=$((end - start)) 'BEGIN { printf "%d: import %.2f, all up %.2f\n", n, a / 1000, b / 1000 }'
	echo $((end - start)) >>"$LAB/all"
	hub_stop
done
awk -v ms="$(median <"$LAB/all")" 'BEGIN { printf "median: all up %.2f s after the command\n", ms / 1000 }'
