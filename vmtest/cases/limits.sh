#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Limits of a site, both directions, and that every packet is accounted for.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

SITE_RATE=3M hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels and BGP sessions are up" until_true 20 all_up 2
must "the branch is reached" until_true 10 reach host 10.1.0.10

near() { awk -v v="$1" -v w="$2" -v p="$3" 'BEGIN { exit !(v >= w * (1 - p / 100) && v <= w * (1 + p / 100)) }'; }
# By the bytes that arrived and the guest's own clock, which is the one that the limit is kept by. The
# burst of 250 kB comes on top once: 0.125 Mbit/s over 16 s.
held() { local out; out=$(train "$1" "$2" "$3" 4500000 1300 16); echo "$out"; near "$(jq .bits_per_second <<<"$out")" 3.125e6 3; }
case_ "site to hub: 3 Mbit/s of 4.5, within 3 %" held b1-h host 10.0.0.10
case_ "hub to site: 3 Mbit/s of 4.5, within 3 %" held host b1-h 10.1.0.10
balance() {
	sleep 3
	sluice report --json | jq -c '[.sites[] | (.in, .out) | [.offered.packets, .delivered.packets, .dropped]]'
	sluice report --json | jq -e '[.sites[] | (.in, .out) | .offered.packets - .delivered.packets - ([.dropped[].packets] | add // 0)] | all(. == 0)' >/dev/null
}
case_ "offered is delivered plus the reasons" balance
survives() { all_up 2 && [ "$(json_of show tunnels '[.tunnels[] | select(.state == "up")] | length')" = 2 ]; }
case_ "BGP lives through both" survives
cases_end
