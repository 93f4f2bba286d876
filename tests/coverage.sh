#!/bin/bash
# Runs the unit and simulation tests of a build with --coverage, and prints which share of the lines they ran, by
# layer; with FOLDER by file there. Usage: tests/coverage.sh BUILD [FOLDER]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
BUILD=$1 FOLDER=${2:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

find "$BUILD" -name '*.gcda' -delete
for kind in unit sim; do
	tests/run.sh "$BUILD" "$kind/" >"$log" 2>&1 || { cat "$log"; exit 1; }
done
gcovr --root . --object-directory "$BUILD" --filter 'user/' --csv "$BUILD/coverage.csv" >"$log" 2>&1 ||
	{ cat "$log"; exit 1; }
awk -F, -v folder="$FOLDER" '
	NR == 1 || index($1, folder) != 1 { next }
	{
		n = split($1, part, "/")
		row = folder != "" ? $1 : part[2] == "hub" || part[2] == "proc" ? (n > 3 ? part[2] "/" part[3] : part[2] "/*.c") : part[2]
		for (i = 0; i < 2; i++) { lines[row] += $2; run[row] += $3; row = folder != "" ? "~all of " folder : part[2] == "hub" ? "~all of hub" : "~all" }
	}
	END { for (row in lines) printf "%-40s %6d lines %6d run %6.1f %%\n", row, lines[row], run[row], lines[row] ? 100 * run[row] / lines[row] : 0 }' \
	"$BUILD/coverage.csv" | sort | sed 's/^~/ /'
