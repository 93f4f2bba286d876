#!/bin/bash
# Runs each fuzz target for a while, then SCHEDULES (100,000) random schedules of two IKE engines.
# Usage: tests/fuzz/run.sh BUILD SECONDS_EACH SIMULATION
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for target in "$1"/tests/fuzz/fuzz_*; do
	[ -x "$target" ] && [[ $target != *.[od] ]] || continue
	name=$(basename "$target")
	corpus=tests/fuzz/corpus/${name#fuzz_}
	scratch=$(mktemp -d)
	log=$scratch/log
	seeds=()
	[ -d "$corpus" ] && seeds+=("$corpus")
	mkdir "$scratch/new"
	if "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$scratch/" "$scratch/new" "${seeds[@]}" >"$log" 2>&1; then
		passed=$((passed + 1))
		printf 'ok    %-28s %s runs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
		rm -rf "$scratch"
	else
		failed=$((failed + 1))
		printf 'FAIL  %-28s\n' "$name"
		tail -n 40 "$log"
		echo "input kept in $scratch"
	fi
done

# Ten kinds of schedules; a share of the seeds for each CPU.
share=$(((${SCHEDULES:-100000} / 10 + $(nproc) - 1) / $(nproc))) workers=() logs=$(mktemp -d)
for ((i = 0; i < $(nproc); i++)); do
	IKE_SIM_FIRST=$((1 + i * share)) IKE_SIM_SEEDS=$share "$3" >"$logs/$i" 2>&1 &
	workers+=($!)
done
for ((i = 0; i < ${#workers[@]}; i++)); do
	if wait "${workers[i]}"; then
		passed=$((passed + 1))
		printf 'ok    %-28s %s schedules\n' ike_sim $((share * 10))
	else
		failed=$((failed + 1))
		printf 'FAIL  %-28s\n' ike_sim
		grep -a 'seed\|FAILED' "$logs/$i" | head -n 20
	fi
done
rm -rf "$logs"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
