#!/bin/bash
# Runs every benchmark of a build directory. Usage: tests/bench/run.sh BUILD
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
failed=0
echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)"
for program in "$1"/tests/bench/*; do
	[ -x "$program" ] && [[ $program != *.[od] ]] || continue
	echo; echo "== $(basename "$program")"
	timeout 300 "$program" || { echo "FAIL  status $?"; failed=1; }
done
exit $failed
