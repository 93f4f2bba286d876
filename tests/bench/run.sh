#!/bin/bash
# Runs every benchmark of a build directory: scripts, and programs that no script of their name runs.
# Usage: tests/bench/run.sh BUILD [PATTERN]
set -uo pipefail
. "$(dirname "$0")/../net/own_root.sh"
own_root "$0" "$(realpath "$1")" "${@:2}"
own_names "$0" "$(realpath "$1")" "${@:2}"
cd "$(dirname "$0")/../.." || exit 1
BIN=$(realpath "$1") PATTERN=${2:-} failed=0
export BIN
echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)"
bench() { # bench NAME COMMAND...
	local name=$1 status; shift
	[[ $name == *"$PATTERN"* ]] || return 0
	echo; echo "== $name"
	timeout 1800 "$@"; status=$?
	case $status in
	0) ;;
	77) echo "SKIP" ;;
	*) echo "FAIL  status $status"; failed=1 ;;
	esac
}
for program in "$BIN"/tests/bench/*; do
	name=$(basename "$program")
	[ -x "$program" ] && [[ $program != *.[od] ]] && [ ! -e "tests/bench/$name.sh" ] && bench "$name" "$program"
done
for script in tests/bench/*.sh; do
	[[ $script == */@(run|lab|stats).sh ]] || bench "$(basename "$script" .sh)" "$script"
done
exit $failed
