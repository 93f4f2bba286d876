#!/bin/bash
# ESP against scapy's implementation; see esp_scapy.py.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/asan}
/usr/bin/python3 -c 'import scapy.layers.ipsec' 2>/dev/null || { echo "SKIP: python3-scapy is not installed"; exit 77; }
exec /usr/bin/python3 tests/net/esp_scapy.py "$BIN/tests/net/esp_tool"
