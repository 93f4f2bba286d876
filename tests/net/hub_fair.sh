#!/bin/bash
# An aggregate of 30 Mbit/s for three branches: who offers less than its share loses nothing, the
# others get the same, in both directions; a change settles at once; the report says what is shared.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slfa LAB=$(mktemp -d /tmp/slfa.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
config() { hub_config 1 3 | sed "s/^  site_rate:.*/&\n  aggregate_rate: $1/"; }
config 30M >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
for n in 1 2 3; do branch_up $n; done
must "6 tunnels and 6 BGP sessions are up" until_true 60 all_up 6
sleep 1

trains() { # trains in|out RATE1 RATE2 RATE3: 5 s at once; results in $LAB/t1..3
	local direction=$1 n pids=""; shift
	for n in 1 2 3; do
		if [ "$direction" = in ]; then train b$n-h host 10.0.0.10 "${!n}" 1300 5 >"$LAB/t$n" &
		else train host b$n-h 10.$n.0.10 "${!n}" 1300 5 >"$LAB/t$n" & fi
		pids="$pids $!"
	done
	sleep 2
	for n in 1 2 3 4 5; do sleep 0.5; sluice report --json; done >"$LAB/report.json"
	wait $pids
	jq -c . "$LAB"/t[123]
	jq -c .aggregate "$LAB/report.json" | tail -n 1
}
reported() { jq "$1" "$LAB/report.json" | sort -g | sed -n 3p; } # the median of the five
# 30 Mbit/s less 1/256, less 5, for two.
shared() {
	trains "$1" 5000000 40000000 25000000
	[ "$(jq .lost "$LAB/t1")" -le 20 ] && near "$(jq .typical_bits_per_second "$LAB/t2")" 12.44e6 10 &&
		near "$(jq .typical_bits_per_second "$LAB/t3")" 12.44e6 10 &&
		near "$(reported ".aggregate.$1.fair_share_bps")" 12.44e6 3 &&
		near "$(reported ".sites[1].$1.delivered_bps")" 12.44e6 4 &&
		near "$(reported ".sites[2].$1.delivered_bps")" 12.44e6 4
}
timed "site to hub: 5 of 5, the others the same" shared in
timed "hub to site: 5 of 5, the others the same" shared out
fairly() { # of all that was dropped
	jq -se "[last.sites[] | .in, .out | .dropped] | ([.[].aggregate_rate.packets // 0] | add) * 10 < ([.[][].packets] | add)" "$LAB/report.json"
}
case_ "the sites' own buckets drop, hardly ever the aggregate's" fairly
lent() { # two are idle: the third has all of the aggregate
	local out; out=$(train b2-h host 10.0.0.10 45000000 1300 5); echo "$out"
	near "$(jq .typical_bits_per_second <<<"$out")" 29.9e6 5
}
timed "what the others do not use is lent" lent
enough() { [ "$(json_of report '[.aggregate[] | objects | .fair_share_bps] | all(. == null)')" = true ]; }
case_ "nothing is shared while there is enough" until_true 5 enough
again() { config 20M >"$LAB/sluice.yaml"; sluice apply; local out; out=$(train b2-h host 10.0.0.10 45000000 1300 4); echo "$out"
	near "$(jq .typical_bits_per_second <<<"$out")" 19.9e6 6; }
timed "another aggregate holds at once" again
case_ "stops" hub_stop
cases_end
