#!/bin/bash
# Runs each fuzz target for a while. Usage: tests/fuzz/run.sh BUILD SECONDS_EACH
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
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
