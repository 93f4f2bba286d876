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
passed=0 again=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
[ "$(id -u)" != 0 ] || tools/users.sh

report() { # report NAME STATUS SECONDS LOG
	case $2 in
	0) passed=$((passed + 1)); printf 'ok    %-34s %4d s\n' "$1" "$3" ;;
	77) skipped=$((skipped + 1)); printf 'SKIP  %-34s %s\n' "$1" "$(tail -n 1 "$4")" ;;
	*) failed=$((failed + 1)); printf 'FAIL  %-34s %4d s, status %d\n' "$1" "$3" "$2"
		{ grep -a '^FAIL' "$4"; tail -n 60 "$4"; } | sed 's/^/      | /' ;;
	esac
}

run() { # run NAME COMMAND...
	local name=$1 log=$logs/log status start=$SECONDS; shift
	[[ $name == *"$PATTERN"* ]] || return 0
	timeout 600 "$@" >"$log" 2>&1 </dev/null
	status=$?
	if [[ $name == net/* && $status != 0 && $status != 77 ]]; then
		printf 'AGAIN %-34s %4d s, status %d\n' "$name" $((SECONDS - start)) $status
		grep -a '^FAIL' "$log" | sed 's/^/      | /'
		start=$SECONDS again=$((again + 1))
		timeout 600 "$@" >"$log" 2>&1 </dev/null
		status=$?
	fi
	report "$name" $status $((SECONDS - start)) "$log"
}

for kind in unit sim bpf; do
	for program in "$BIN/tests/$kind"/test_*; do
		[ -x "$program" ] && [[ $program != *.[od] ]] && run "$kind/$(basename "$program" | sed s/test_//)" "$program"
	done
done
for script in tests/net/*.sh; do
	[[ $script == */lab.sh || $script == */cases.sh || $script == */own_root.sh ]] || run "net/$(basename "$script" .sh)" "$script"
done

[ $skipped = 0 ] || echo "skipped tests are listed above with their reasons"
[ $again = 0 ] || echo "$again run a second time"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
