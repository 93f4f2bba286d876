#!/bin/bash
# What `sluice plan` says a change interrupts is what it interrupts: every key of the schema, on a hub with two sites
# under traffic. `make plan-table` runs all of them (ALL=1); else those that interrupt something are a sample.
# Alone: it counts packets.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slpl LAB=$(mktemp -d /tmp/slpl.XXXXXX) BIN=${BIN:-$PWD/build/asan}
export P LAB BIN HUB_AS HUB_ID
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
for f in -4 -6; do ip $f -n "$P-hub" rule add pref 100 lookup 100; done # what changes route_table adds such a rule
ca() { "$BIN/sluice" ca "$@" --dir "$LAB/ca" >/dev/null; }
for a in 198.51.100.9/32@wan0 198.51.101.9/32@wan1; do ip -n "$P-hub" addr add "${a%@*}" dev "${a#*@}"; done
make_pki() {
	ca init && ca subordinate branches && ca issue hub --identity "$HUB_ID" && ca revoke hub &&
		cp "$LAB/ca/root/issued/hub.pem" "$LAB/hub.pem" && install -m 600 "$LAB/ca/root/issued/hub.key" "$LAB/hub.key" &&
		cp "$LAB/hub.pem" "$LAB/hub.pem.again" && cp -p "$LAB/hub.key" "$LAB/hub.key.again"
}
must "an authority" make_pki
umask 077
hub_config 1 2 >/dev/null # makes the keys
for k in "$LAB"/psk/*; do cp "$k" "$k.again"; done
echo another.key.of.thirty_two.bytes >"$LAB/other"
echo secret.of.sessions >"$LAB/bgp"
umask 022
tests/net/hub_plan.py --base
must "sluiced starts" hub_start
branch_up 1; branch_up 2
in_ns b1 ip addr add 10.1.200.1/24 dev lan # two of IPv4, for max_prefixes
must "both tunnels and sessions of both sites are up" until_true 60 all_up 4
# shellcheck disable=SC2086
if [ -n "${ALL:-}" ]; then tests/net/hub_plan.py; else tests/net/hub_plan.py ${ROWS:---sample}; fi
case_is "the table" $?
case_ "it stops" hub_stop
cases_end
