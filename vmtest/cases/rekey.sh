#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rekeys by both ends under traffic: without loss on a good path; with loss and disorder, the tunnels stay.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

CHILD_REKEY=6s CHILD_LIFE=60s REKEY=30s one_site
seconds=25
spis() { json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in'; }
watch_pairs() { local end=$((SECONDS + seconds)); while [ $SECONDS -lt $end ]; do spis; sleep 1; done >"$LAB/spis"; }
force() { local i; for i in 1 2 3; do sleep 7; sluice rekey site-1 0; done; }
trains() {
	watch_pairs & local w=$!; remember $w
	force >/dev/null 2>&1 & remember $!
	# A veth hands over on the CPU of its sender: one that is moved overtakes itself.
	TRAIN_CPU=0 train b1-h host 10.0.0.10 500000 500 $seconds >"$LAB/up.json" & local a=$!
	TRAIN_CPU=1 train host b1-h 10.1.0.10 500000 500 $seconds >"$LAB/down.json" & local b=$!
	wait $a $b $w
}
# A machine that stands still for most of a second, as an emulated one does on a busy host, is no path
# without loss: then once more.
good() { lossless "$LAB/up.json" >/dev/null && lossless "$LAB/down.json" >/dev/null; }
lossless() { cat "$1"; [ "$(jq .lost "$1")" = 0 ] && [ "$(jq .received "$1")" -gt $((seconds * 60)) ]; }
tell() { good || losses hub b1; }
trains; good || { tell; trains; }
tell
case_ "site to hub: nothing lost in $seconds s" lossless "$LAB/up.json"
case_ "hub to site: nothing lost in $seconds s" lossless "$LAB/down.json"
many() { local n; n=$(sort -u "$LAB/spis" | wc -l); echo "$n SA pairs were in use"; [ "$n" -ge 3 ]; }
case_ "keys changed all the time" many
bounded() { local n; n=$(json_of show sa '.sas | length'); echo "$n SA pairs are listed"; [ "$n" -le 8 ]; }
case_ "old pairs are removed" bounded
impair() { in_ns inet tc qdisc add dev b1_0 root netem delay 5ms 3ms loss 3% reorder 20% && in_ns inet tc qdisc add dev hub0 root netem delay 5ms 3ms loss 3% reorder 20%; }
must "3 % loss and disorder, both ways" impair
trains
some() { cat "$1"; [ "$(jq .received "$1")" -gt $((seconds * 60)) ]; }
case_ "site to hub goes on" some "$LAB/up.json"
case_ "hub to site goes on" some "$LAB/down.json"
case_ "keys changed all the time" many
case_ "both tunnels are up" until_true 10 all_up 2
cases_end
