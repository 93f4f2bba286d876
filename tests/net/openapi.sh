#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/openapi.yaml, the contract of the control socket: what it says of paths, parameters, refusals and documents is
# what the daemon's parser takes, and what its views make.
# usage: openapi.sh [directory of the built programs, or $BIN]; one line per case, exit 1 on a failure.
set -u
OUT=${1:-${BIN:-build/asan}}
cd "$(dirname "$0")/../.." || exit 1
/usr/bin/python3 -c "import jsonschema, yaml" 2>/dev/null || { echo "SKIP: python3-jsonschema or python3-yaml is not installed"; exit 77; }
W=$(mktemp -d)
"$OUT/tests/net/fake_control" "$W/sock" tests/golden >"$W/requests" & daemon=$!
trap 'kill $daemon 2>/dev/null; rm -rf "$W"' EXIT
trap 'exit 1' INT TERM
for _ in $(seq 50); do [ -S "$W/sock" ] && break; sleep 0.1; done
/usr/bin/python3 tests/net/openapi.py "$W/sock"
