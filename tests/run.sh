#!/bin/bash
# Runs every test of a build directory and closes with the counts. Usage: tests/run.sh BUILD [PATTERN]
#
# Unit, simulation and BPF tests are cmocka programs; namespace tests are scripts that exit 0 (all
# cases passed), 77 (skipped, the last line says why) or another status. These live by real timers of
# real peers, on machines that others load too: one that fails is run a second time, and if it passes
# then, it is counted apart and what failed is shown all the same.
set -uo pipefail
. "$(dirname "$0")/net/own_root.sh"
own_root "$0" "$(realpath "$1")" "${@:2}"
own_names "$0" "$(realpath "$1")" "${@:2}"
cd "$(dirname "$0")/.." || exit 1
BIN=$(realpath "$1")
PATTERN=${2:-}
export BIN
passed=0 again=0 failed=0 skipped=0 skipped_cases=0 status=0 seconds=0
logs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
[ "$(id -u)" != 0 ] || tools/users.sh

left_out() { # left_out LOG: cases of a program that cannot run here
	local cases; cases=$(sed -n 's/^\[  SKIPPED \] \([a-z0-9_]*\)$/\1/p' "$1" | sort -u)
	[ -z "$cases" ] || { sed 's/^/      | left out: /' <<<"$cases"; skipped_cases=$((skipped_cases + $(wc -l <<<"$cases"))); }
}
report() { # report NAME STATUS SECONDS LOG
	case $2 in
	0) passed=$((passed + 1)); printf 'ok    %-34s %4d s\n' "$1" "$3"; left_out "$4" ;;
	77) skipped=$((skipped + 1)); printf 'SKIP  %-34s %s\n' "$1" "$(tail -n 1 "$4")" ;;
	*) failed=$((failed + 1)); printf 'FAIL  %-34s %4d s, status %d\n' "$1" "$3" "$2"
		{ grep -a '^FAIL' "$4"; tail -n 60 "$4"; } | sed 's/^/      | /' ;;
	esac
}

wanted() { [[ $1 == *"$PATTERN"* ]]; }
attempt() { # attempt NAME COMMAND...: leaves its output, status and seconds
	local name=$1 log=$logs/${1/\//.} start=$SECONDS BIN=$BIN; shift
	! grep -aqs '^# Release' "$1" || BIN=$(dirname "$BIN")/release
	timeout 900 "$@" >"$log" 2>&1 </dev/null
	echo "$? $((SECONDS - start))" >"$log.result"
}
result() { status=1 seconds=0; read -r status seconds <"$logs/${1/\//.}.result"; }
run() { # run NAME COMMAND...
	attempt "$@"
	result "$1"
	report "$1" "$status" "$seconds" "$logs/${1/\//.}"
}

# spare: waits until fewer attempts run than there are processors
running=0
spare() {
	[ $running -lt "$(nproc)" ] || { wait -n; running=$((running - 1)); }
	running=$((running + 1))
}

# judge_net SCRIPT: after an attempt
judge_net() {
	local name; name=net/$(basename "$1" .sh)
	result "$name"
	if [ "$status" != 0 ] && [ "$status" != 77 ]; then
		printf 'AGAIN %-34s %4d s, status %d\n' "$name" "$seconds" "$status"
		grep -a '^FAIL' "$logs/${name/\//.}" | sed 's/^/      | /'
		again=$((again + 1))
		run "$name" "$1"
	else
		report "$name" "$status" "$seconds" "$logs/${name/\//.}"
	fi
}

programs=()
for kind in unit sim bpf; do
	for program in "$BIN/tests/$kind"/test_*; do
		name=$kind/$(basename "$program" | sed s/test_//)
		[ -x "$program" ] && [[ $program != *.[od] ]] && wanted "$name" || continue
		spare
		attempt "$name" "$program" &
		programs+=("$name")
	done
done
wait; running=0
for name in "${programs[@]}"; do
	result "$name"
	report "$name" "$status" "$seconds" "$logs/${name/\//.}"
done

alone=() together=()
for script in tests/net/*.sh; do
	[[ $script != */@(lab|cases|own_root).sh ]] && wanted "net/$(basename "$script" .sh)" || continue
	if grep -q '^timed \|^# Alone' "$script"; then alone+=("$script"); else together+=("$script"); fi
done
for script in "${together[@]}"; do
	spare
	attempt "net/$(basename "$script" .sh)" "$script" &
done
wait
for script in "${together[@]}"; do judge_net "$script"; done
for script in "${alone[@]}"; do
	attempt "net/$(basename "$script" .sh)" "$script"
	judge_net "$script"
done

[ $skipped = 0 ] || echo "skipped tests are listed above with their reasons"
[ $again = 0 ] || echo "$again run a second time"
[ $skipped_cases = 0 ] || echo "$skipped_cases cases left out"
echo "$passed passed, $failed failed, $skipped skipped"
[ $((passed + failed + skipped)) -gt 0 ] || { echo "no test is like '$PATTERN'"; exit 1; }
[ $failed = 0 ]
