#!/bin/bash
# The hostile neighbour of tests/net/bgp_hostile.sh for longer: 60 s, or HOSTILE_SECONDS (up to 3600).
set -u
cd "$(dirname "$0")/../.." || exit 1
HOSTILE_SECONDS=${HOSTILE_SECONDS:-60}
[ "$HOSTILE_SECONDS" -le 3600 ] || { echo "HOSTILE_SECONDS is 3600 at most"; exit 2; }
export HOSTILE_SECONDS BIN=${BIN:-$PWD/build/release}
exec tests/net/bgp_hostile.sh
