#!/bin/bash
# A location moves from one site to another, which stands beside it with a device of its own: step by step, and back, while
# the host behind the hub reaches the one at the location all the time.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slmg LAB=$(mktemp -d /tmp/slmg.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
export START_WITH=
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1; branch_up 2
link b2 lan1 10.1.0.2/24 b1-h eth1 10.1.0.11/32 # the new device stands in the network of the old one, too
ip -n "$P-b2" addr add 10.1.0.2/28 dev lan1 # it announces a longer prefix, too, and the old one has its own
ip -n "$P-b1" addr add 10.1.0.9/29 dev lan
must "both tunnels and sessions of both sites are up" until_true 60 all_up 4
adopted() { sluice site adopt site-1 && sluice site adopt site-2; }
must "both have documents of their own" adopted
route_site() { json_of show routes '[.routes[] | select(.prefix | startswith("10.1.0.")).site] | unique | join(" ")'; }
is_led() { echo "to $(route_site)"; [ "$(route_site)" = "$1" ]; } # all that leads to the location
state() { json_of site migration site-1 site-2 .state; }
lan() { in_ns b2 cat /sys/class/net/lan1/statistics/tx_packets; }

all_arrive() { # COMMAND...: of 100 pings a second, while it is done and two seconds longer
	local status lost; in_ns host ping -q -i 0.01 -c 400 -W 1 10.1.0.10 >"$LAB/ping" & local pinger=$!
	sleep 0.3; "$@" >"$LAB/said" 2>&1; status=$?; wait $pinger
	lost=$(awk '/packets transmitted/ { print $1 - $4 }' "$LAB/ping")
	echo "$(tail -n 1 "$LAB/said"); $lost of 400 lost"; [ $status = 0 ] && [ "$lost" = 0 ]
}
must "the host behind the hub reaches the location" until_true 60 in_ns host ping -q -c 1 -W 1 10.1.0.10
case_ "by the old site, which was there first" is_led site-1
spis() { json_of show sa '[.sas[].spi_in] | sort | join(" ")'; }
before=$(spis)

not_yet() { ! sluice site migrate site-1 site-2 shift 2>"$LAB/said" && grep "not begun" "$LAB/said"; }
case_ "nothing is shifted before it is prepared" not_yet
timed "prepared: nobody loses a packet" all_arrive sluice site migrate site-1 site-2 prepare
case_ "it still goes by the old one, whatever longer prefix the new one announces" is_led site-1
timed "shifted: nobody loses a packet" all_arrive sluice site migrate site-1 site-2 shift
case_ "it goes by the new one" until_true 5 is_led site-2
by_new() { local n; n=$(lan); in_ns host ping -q -c 5 -i 0.1 -W 1 10.1.0.10 >/dev/null && n=$(($(lan) - n)) && echo "$n packets" && [ "$n" -ge 5 ]; }
case_ "packets go by the device of the new one, and come back by that of the old one" by_new
case_ "no tunnel and no session has noticed" eval '[ "$(spis)" = "$before" ] && ! grep "BGP closed" "$LAB/sluiced.log"'
timed "back: nobody loses a packet" all_arrive sluice site migrate site-1 site-2 back
case_ "it goes by the old one again" until_true 5 is_led site-1
timed "shifted again" all_arrive sluice site migrate site-1 site-2 shift
restarted() { hub_stop && hub_start && until_true 60 all_up 4 && [ "$(state)" = shifted ] && until_true 10 is_led site-2; }
case_ "a restart changes nothing of where it stands" restarted
falls_back() { sluice tunnel down site-2 0 && sluice tunnel down site-2 1 --force && until_true 10 is_led site-1 && sluice tunnel up site-2 0 && sluice tunnel up site-2 1; }
case_ "where the new one cannot carry, the old one does" falls_back
until_true 60 all_up 4
case_ "and the new one again" until_true 20 is_led site-2
in_ns b1-h ip route replace default via 10.1.0.2 dev eth1 onlink # the location sends by the new device as well
six_left() { ! sluice site migrate site-1 site-2 finish --allow tunnel 2>"$LAB/said" && grep "such as fd00:10:1::/64" "$LAB/said"; }
case_ "what the new device does not announce would be lost, and nothing is finished" six_left
ip -n "$P-b2" addr add fd00:10:1::2/64 dev lan1 nodad
nothing_left() { [ "$(json_of site migration site-1 site-2 '.left | length')" = 0 ]; }
case_ "it announces that too" until_true 10 nothing_left
refused() { ! sluice site migrate site-1 site-2 finish 2>"$LAB/said" >"$LAB/plan" && grep "allow tunnel" "$LAB/said" && grep -q "tunnel: site site-1 tunnel 0" "$LAB/plan"; }
case_ "the end of the old one is an interruption of its tunnels, which must be allowed" refused
timed "finished: nobody loses a packet" all_arrive sluice site migrate site-1 site-2 finish --allow tunnel
gone() { [ "$(json_of show sites '[.sites[].name] | join(" ")')" = site-2 ] && in_hub test ! -e "$LAB/sites/site-1.yaml" && is_led site-2; }
case_ "there is one site left, and it has the prefix" gone
case_ "rollback brings the old one back" eval 'sluice rollback $(($(json_of history .revision) - 1)) && [ "$(state)" = shifted ]'
case_ "it stops" hub_stop
cases_end
