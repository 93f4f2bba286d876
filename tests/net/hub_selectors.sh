#!/bin/bash
# Traffic selectors narrower than everything, with a peer of other hands: the hub narrows what the site
# asks for, what lies within passes both ways, what does not is dropped and counted. (What a site sends against
# its own selectors strongSwan keeps back; that the hub drops it too is in data_loop.sh.)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slse LAB=$(mktemp -d /tmp/slse.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
ip -n "$P-host" addr add 10.0.0.200/24 dev eth0
hub_config 1 1 | sed -E 's|inside: (169[0-9.]*/30).*psk|site_cidrs: [\1, 10.1.0.0/25], hub_cidrs: [\1, 10.0.0.0/25], &|' >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
NARROW=10.1.0.1 branch_up 1
ip -n "$P-b1-h" addr add 10.1.0.210/24 dev eth0
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
# Both sides of one SA, by the peer: its own first.
selectors() {
	local out; out=$(swan "$LAB/b1/0" --list-sas --raw) || return 1
	out=$(grep -o 'child-sas {.*' <<<"$out" | grep -o '\(local\|remote\)-ts=\[[^]]*\]' | tr '\n' ' '); echo "$out"
	[ "$out" = "$1" ]
}
case_ "the peer has the hub's selectors, one SA for all of them" selectors "local-ts=[10.1.0.0/25 169.254.100.8/30] remote-ts=[10.0.0.0/25 169.254.100.8/30] "
reach() { local out; out=$(in_ns "$1" ping -q -c 3 -i 0.1 -W 1 -I "$2" "$3") && [[ $out == *' 0% packet loss'* ]]; }
case_ "branch to hub, within" until_true 20 reach b1-h 10.1.0.10 10.0.0.10
case_ "hub to branch, within" until_true 20 reach host 10.0.0.10 10.1.0.10
dropped() { json_of report ".sites[0].$1.dropped.selector.packets // 0"; }
refused() { # NS FROM TO COUNTED: nothing comes back, and that many packets are counted on the way out
	local out before after; before=$(dropped out)
	out=$(in_ns "$1" ping -q -c 5 -i 0.1 -W 1 -I "$2" "$3"); after=$(dropped out)
	echo "$(grep -o '[0-9]* received' <<<"$out"), selector +$((after - before))"
	[[ $out == *' 0 received'* ]] && [ $((after - before)) = "$4" ]
}
case_ "from beyond hub_cidrs to the branch: dropped and counted" refused host 10.0.0.200 10.1.0.10 5
case_ "from the hub to beyond site_cidrs: dropped and counted" refused host 10.0.0.10 10.1.0.210 5
case_ "from the branch, beyond site_cidrs: nothing comes" refused b1-h 10.1.0.210 10.0.0.10 0
case_ "from the branch to beyond hub_cidrs: nothing comes" refused b1-h 10.1.0.10 10.0.0.200 0
case_ "what lies within still passes" until_true 5 reach host 10.0.0.10 10.1.0.10
case_ "it stops" hub_stop
cases_end
