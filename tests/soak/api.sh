#!/bin/bash
# Calls of every path of docs/openapi.yaml, valid and not, CALLS (5,000) of them, made up from its schemas, and bytes that
# are no HTTP: sluiced answers each as the contract says, never with 500, and runs on. SEED says which calls.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slsa LAB=$(mktemp -d /tmp/slsa.XXXXXX) BIN=${BIN:-$PWD/build/asan}
export P LAB BIN
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
tests/soak/api.py "${CALLS:-5000}" "${SEED:-1}"
case_is "the calls" $?
case_ "the audit log holds" in_hub "$BIN/sluice" audit verify
restarted() { hub_stop && hub_start; }
case_ "what it left is started with" restarted
case_ "it stops" hub_stop
cases_end
