#!/bin/bash
# Tunnels that end on purpose, or lose their SA pair, while packets flow both ways: the other tunnel carries
# at once, and nobody waits for a hold time.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slle LAB=$(mktemp -d /tmp/slle.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

HOLD=60
lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
sleep 2

route_is() { [ "$(json_of show routes '.routes[] | select(.prefix == "10.1.0.0/24") | .tunnel')" = "$1" ]; }
site_uses() { in_ns b1 ip route get 10.0.0.10 | grep -q "dev tun$1 "; }
both_use() { route_is "$1" && site_uses "$1"; }

# under_way SECONDS COMMAND...: the most that was lost in a row of 250 packets a second each way
under_way() {
	local seconds=$1; shift
	train b1-h host 10.0.0.10 1000000 500 "$seconds" >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 1000000 500 "$seconds" >"$LAB/down.json" & local down=$!
	sleep 1.5
	"$@" || echo "FAILED: $*"
	wait $up $down
	echo "up $(<"$LAB/up.json")"; echo "down $(<"$LAB/down.json")"
}
lost_none() { [ "$(jq .lost "$LAB/up.json")" = 0 ] && [ "$(jq .lost "$LAB/down.json")" = 0 ]; }
lost_few() { [ "$(jq .lost "$LAB/up.json")" -le "$1" ] && [ "$(jq .lost "$LAB/down.json")" -le "$1" ]; }

drained() {
	under_way 5 sluice tunnel drain site-1 0
	lost_none && route_is 1
}
case_ "drain: nothing lost, the hub's own egress moves" drained
explained() { [ "$(json_of show sites '.sites[] | select(.name == "site-1") | .egress_reason')" = "the other tunnel is drained" ] && json_of show route 10.1.0.10 '.paths[].reason' | grep -q 'its tunnel is drained'; }
case_ "show route says that the tunnel is drained" explained

down() {
	under_way 5 sluice tunnel down site-1 0
	lost_none && route_is 1 && [ "$(tunnels_up)" = 1 ]
}
notified() { grep -q 't0: Received: Administrative shutdown' "$LAB/b1/bird.log"; }
case_ "down: nothing lost" down
case_ "the site hears the NOTIFICATION" notified
last() { ! sluice tunnel down site-1 1 2>"$LAB/err" && grep -q force "$LAB/err" && [ "$(tunnels_up)" = 1 ]; }
case_ "the last tunnel goes down by force only" last
refusals() { in_hub curl -s http://127.0.0.1:9469/metrics | grep -q '^sluice_tunnel_refusals_total{concentrator="lab",site="site-1",tunnel="0",.*} [1-9]'; }
case_ "that the device dials for a tunnel that is down is counted" until_true 30 refusals

restarted() { # the farewell of a stop arrives before the SAs go; what is down outlives the daemon
	hub_stop && grep -q 't1: Received: Administrative shutdown' "$LAB/b1/bird.log" && hub_start && until_true 60 all_up 1 && sleep 3 &&
		[ "$(json_of show tunnels '.tunnels[] | select(.site == "site-1" and .tunnel == 0) | .state')" = disabled ]
}
case_ "it is still down after a restart of the daemon" restarted
until_true 20 site_uses 1

up() { # the device is refused in silence, so it tries again by itself
	under_way 20 sluice tunnel up site-1 0
	lost_none && until_true 60 both_use 0
}
case_ "up again: nothing lost, and what was drained carries when it has its session" up
case_ "both sessions are up" until_true 60 all_up 2

harmless() { # what leaves allowed what was negotiated interrupts nothing
	local before; before=$(json_of show sa '[.sas[].spi_in] | sort')
	sed -i 's/tunnel: { dpd_interval: [0-9]*, dpd_timeout: [0-9]*/tunnel: { dpd_interval: 5, dpd_timeout: 15, p1_lifetime: 20000, p2_lifetime: 3000, replay_window: 512, ike_versions: [ikev2], proposal_order: lowest-first/' "$LAB/sluice.yaml"
	under_way 4 sluice apply
	lost_none && [ "$before" = "$(json_of show sa '[.sas[].spi_in] | sort')" ] && all_up 2
}
case_ "harmless options: nothing lost, the SAs stay" harmless

replaced() { # another inside block makes tunnel 0 another one
	sed -i "s|inside: $(inside4 1 0 0)/30|inside: 169.254.90.0/30|" "$LAB/sluice.yaml"
	under_way 5 sluice apply
	lost_none && route_is 1
}
must "tunnel 0 carries before it is changed" until_true 30 both_use 0
case_ "a change that ends tunnel 0: nothing lost" replaced
put_back() { sed -i "s|inside: 169.254.90.0/30|inside: $(inside4 1 0 0)/30|" "$LAB/sluice.yaml"; sluice apply; }
must "it is put back" put_back

# The device gives up its SA pair and keeps the IKE SA, as some do for hours.
sed -i 's/close_action = start/close_action = none/; s/start_action = start/start_action = none/' "$LAB/b1/0/swanctl/swanctl.conf"
swan "$LAB/b1/0" --load-all --file "$LAB/b1/0/swanctl/swanctl.conf" >/dev/null
swan "$LAB/b1/0" --initiate --child t >/dev/null 2>&1
must "tunnel 0 carries" until_true 30 both_use 0
pair_deleted() {
	under_way 6 swan "$LAB/b1/0" --terminate --child t
	route_is 1 && lost_few 150 # what the device itself sends until its BGP session ends, 0.6 s
}
case_ "the SA pair is deleted: routes move at once, not after the hold time" pair_deleted

removed() { # the other site is not touched; the removed one hears of it over the tunnel that carries
	local before; before=$(wc -l <"$LAB/b1/bird.log")
	told() { tail -n +$((before + 1)) "$LAB/b1/bird.log" | grep -q 't1: Received: \(Peer de-configured\|Administrative shutdown\)'; }
	hub_config 2 2 >"$LAB/sluice.yaml"
	sluice apply && until_true 5 told
}
case_ "a removed site hears the NOTIFICATION" removed
cases_end
