#!/bin/bash
# Sites come, change and go over the API in random sequences, SEQUENCES (1,000) of them, while two others that nobody
# touches carry packets: those lose none, and what is left of the others is nothing. SEED says which sequences.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slso LAB=$(mktemp -d /tmp/slso.XXXXXX) BIN=${BIN:-$PWD/build/asan}
export P LAB BIN
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1; branch_up 2
must "both tunnels and sessions of both sites are up" until_true 60 all_up 4
tests/soak/sites.py "${SEQUENCES:-1000}" "${SEED:-1}"
case_is "the sequences" $?
case_ "all is up to the end" all_up 4
case_ "the audit log holds" in_hub "$BIN/sluice" audit verify
case_ "it stops" hub_stop
cases_end
