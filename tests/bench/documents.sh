#!/bin/bash
# Documents of 100 sites and of 1,000, as libraries (documents.c), and what a running hub with 100 sites answers in:
# medians of ROUNDS calls of the command, start to end, beside one that asks nothing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=sldo LAB=$(mktemp -d /tmp/sldo.XXXXXX) BIN=${BIN:-$PWD/build/release} ROUNDS=${ROUNDS:-15}
. tests/net/lab.sh
. tests/net/cases.sh
. tests/bench/stats.sh
export START_WITH=
cases_start
"$BIN/tests/bench/documents" || exit 1
lab_hub_net
"$BIN/tests/bench/documents" "$LAB" || exit 1
must "sluiced starts with 100 sites" hub_start
ms() { # COMMAND...: one call
	local start; start=$(date +%s%N)
	"$@" >/dev/null || return 1
	echo $((($(date +%s%N) - start) / 1000)) | awk '{ print $1 / 1000 }'
}
calls() { local name=$1; shift; printf '%-34s %s ms\n' "$name" "$(for _ in $(seq "$ROUNDS"); do ms "$@"; done | spread %.1f)"; }
calls "sluice --version" sluice --version
calls "sluice site list" sluice site list
calls "sluice show sites" sluice show sites
calls "sluice plan" sluice plan
sed -i 's/^rate: .*/rate: 66M/' "$LAB"/sites/*.yaml
calls "sluice plan, 100 sites changed" sluice plan
calls "sluice site set, --dry-run" sluice site set branch-001 rate=3M --dry-run
calls "sluice apply" sluice apply
cases_end
