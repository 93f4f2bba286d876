#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Routes of sites in a table of their own: sessions need no rule, packets go where rules say so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slrt LAB=$(mktemp -d /tmp/slrt.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
HUB_OPTIONS='route_table: 1000' hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
branch_up 2
must "all sessions are up, without any rule" until_true 60 all_up 4
routes() { in_hub ip "$@" | grep -c 'proto 83'; }
tables() { # the kernel's own words for either table and family
	local out; out="$(routes route show table 1000) $(routes route show table main) $(routes -6 route show table 1000) $(routes -6 route show table main)"
	echo "$out"; [ "$out" = "2 4 2 4" ]
}
case_ "sites' prefixes are in table 1000, ends of tunnels in main" until_true 20 tables
reach() { in_ns "$1" ping -q -c 2 -i 0.2 -W 2 "$2" | grep ' 0% packet loss'; }
unreached() { ! reach "$@"; }
case_ "nobody finds sites there" unreached host 10.1.0.10
rules() { in_hub ip rule add iif lan lookup 1000 && in_hub ip -6 rule add iif lan lookup 1000; }
must "rules for what comes from the LAN" rules
case_ "hosts of the hub reach a site" until_true 5 reach host 10.1.0.10
case_ "in IPv6 too" until_true 5 reach host fd00:10:1::10
case_ "another site does not" unreached b2-h 10.1.0.10
must "a rule for what comes from sites" in_hub ip rule add iif sluice0 lookup 1000
case_ "now it does" until_true 5 reach b2-h 10.1.0.10
case_ "a stop leaves nothing" eval 'hub_stop && nothing_left'
cases_end
