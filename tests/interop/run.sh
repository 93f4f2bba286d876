#!/bin/bash
# Runs every interoperability script of a build directory. Usage: tests/interop/run.sh BUILD [PATTERN]
# A script ends with 0 (all of its cells passed), 77 (skipped, its last line says why) or another status.
set -uo pipefail
. "$(dirname "$0")/../net/own_root.sh"
own_root "$0" "$(realpath "$1")" "${@:2}"
own_names "$0" "$(realpath "$1")" "${@:2}"
cd "$(dirname "$0")/../.." || exit 1
BIN=$(realpath "$1") PATTERN=${2:-} failed=0 skipped=0
export BIN
tools/users.sh
for script in tests/interop/*.sh; do
	name=$(basename "$script" .sh)
	[ "$name" != run ] && [[ $name == *"$PATTERN"* ]] || continue
	echo "== $name"
	timeout 4000 "$script" </dev/null
	case $? in
	0) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done
echo "$failed scripts failed, $skipped were skipped"
[ $failed = 0 ]
