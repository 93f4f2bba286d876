#!/bin/bash
# The hub's outside addresses and devices are others, while two real devices have tunnels to it: who ends there dials the
# new address, who does not notices nothing, and hosts go on by the other tunnel.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slep LAB=$(mktemp -d /tmp/slep.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
export START_WITH=
cases_start

lab_hub_net
link hub wan2 198.51.102.1/30 inet hub2 198.51.102.2/30
hub_config 1 1 >"$LAB/sluice.yaml"
sed 's/\[198.51.100.1,/[198.51.100.9,/' "$LAB/sluice.yaml" >"$LAB/address.yaml"
sed 's/\[198.51.100.1,/[198.51.100.77,/' "$LAB/sluice.yaml" >"$LAB/wrong.yaml"
sed 's/\[198.51.100.1,/[198.51.100.9,/; s/device: wan1/device: wan2/' "$LAB/sluice.yaml" >"$LAB/device.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
spi() { json_of show sa "[.sas[] | select(.tunnel == $1).spi_in] | sort | join(\" \")"; }
established() { json_of show tunnels "[.tunnels[] | select(.tunnel == $1 and .bgp == \"established\")] | length"; }
plan_says() { sluice plan --json | jq -c '[.tunnels[] | [.tunnel, .effect]]' | tee "$LAB/said"; [ "$(<"$LAB/said")" = "$1" ]; }
closed_times() { grep -c "tunnel $1: BGP closed" "$LAB/sluiced.log"; }
devices() { in_hub bpftool -j net show | jq -r '[.[0].xdp[].devname] | sort | join(" ")'; }

while_hosts_ping() { # MOST COMMAND...: 100 times a second; at most so many come to nothing meanwhile
	local most=$1 status n; shift
	in_ns host ping -q -i 0.01 -c 500 -W 1 10.1.0.10 >"$LAB/ping" & local pinger=$!
	sleep 0.3; "$@"; status=$?; wait $pinger
	n=$(awk '/packets transmitted/ { print $1 - $4 }' "$LAB/ping")
	echo "$n of 500 lost"; [ $status = 0 ] && [ "$n" -le "$most" ]
}
must "the host behind the hub reaches the site" until_true 20 in_ns host ping -q -c 1 -W 1 10.1.0.10

# ---- another address, of the endpoint that carries ----
ip -n "$P-hub" addr add 198.51.100.9/32 dev wan0
ip -n "$P-inet" route add 198.51.100.9/32 via 198.51.100.1
cp "$LAB/address.yaml" "$LAB/sluice.yaml"
case_ "the plan says that tunnel 0 ends, and not tunnel 1" plan_says '[[0,"tunnel"]]'
other=$(spi 1)
case_ "it is applied, and hosts go on by tunnel 1 without a loss" while_hosts_ping 0 sluice apply
case_ "tunnel 1 has noticed nothing" eval '[ "$(spi 1)" = "$other" ] && [ "$(closed_times 1)" = 0 ] && [ "$(established 1)" = 1 ]'
told_device() { # the branch is told of the address by its operator
	sed -i "s/remote_addrs = 198.51.100.*/remote_addrs = $1/" "$LAB/b1/0/swanctl/swanctl.conf"
	swan "$LAB/b1/0" --load-conns --file "$LAB/b1/0/swanctl/swanctl.conf" >/dev/null
	swan "$LAB/b1/0" --initiate --child t >"$LAB/initiate" 2>&1 & remember $!
	until_true 30 all_up 2
}
case_ "the device that is told of it is up at the new address" told_device 198.51.100.9
case_ "nobody listens at the old one" eval '! in_ns hub ss -Hlun "src 198.51.100.1" | grep -q . && in_ns hub ss -Hlun "src 198.51.100.9" | grep -q :4500'

# ---- one that was a mistake goes back by itself ----
cp "$LAB/wrong.yaml" "$LAB/sluice.yaml"
mistaken() { sluice apply --confirm 5s 2>&1 && [ "$(json_of show endpoints '.endpoints[] | select(.address == "198.51.100.77").state')" = "address missing" ]; }
case_ "an address that nobody has given the host is a fault of that endpoint" mistaken
case_ "it goes back by itself, and the device is up" until_true 60 eval '[ "$(json_of history ".revisions[0].why")" = "revision 3 was not confirmed in time" ] && all_up 2'
case_ "tunnel 1 has still noticed nothing" eval '[ "$(spi 1)" = "$other" ] && [ "$(closed_times 1)" = 0 ]'

# ---- another device, with the same address ----
ip -n "$P-hub" addr add 198.51.101.1/32 dev wan2
for net in 65 67; do echo "route add 100.$net.0.0/16 via 198.51.102.2 metric 9"; done | ip_batch hub
cp "$LAB/device.yaml" "$LAB/sluice.yaml"
case_ "the plan says that packets of both are lost for a moment" plan_says '[[0,"pause"],[1,"pause"]]'
before=$(spi 0)
moved() { sluice apply && ip -n "$P-inet" route add 198.51.101.1/32 via 198.51.102.1; }
timed "it is applied, and hosts lose packets of less than half a second" while_hosts_ping 50 moved
through() { in_ns b1 ping -q -c 3 -i 0.2 -W 1 -I "$(inside4 1 1 2)" "$(inside4 1 1 1)" >/dev/null; }
case_ "tunnel 1 carries by the new device" until_true 5 through
case_ "no session and no tunnel has ended" eval '[ "$(spi 1)" = "$other" ] && [ "$(spi 0)" = "$before" ] && [ "$(closed_times 1)" = 0 ] && all_up 2'
guarded() { # DEVICE: by TCX, whose link is pinned, or by a filter
	in_hub test -e "/sys/fs/bpf/sluice/link_tc_$(in_ns hub cat "/sys/class/net/$1/ifindex")" || in_hub tc filter show dev "$1" egress | grep -q leaving
}
guards() { for d in wan0 wan1 wan2; do ! guarded $d || echo $d; done | xargs; }
rules() { { in_ns hub ip rule show; in_ns hub ip -6 rule show; } | grep -c "iif $1.*blackhole"; }
closed() { echo "XDP on $(devices), guards on $(guards)"; [ "$(devices)" = "wan0 wan2" ] && [ "$(guards)" = "wan0 wan1 wan2" ] && [ "$(rules wan1)" = 2 ]; }
case_ "the old one stays closed, without XDP" closed
released() { sluice hub release && [ "$(guards)" = "wan0 wan2" ] && [ "$(rules wan1)" = 0 ] && [ "$(rules wan2)" = 2 ]; }
case_ "until it is released" released
is_rolled() { sluice rollback 1 && ip -n "$P-inet" route del 198.51.101.1/32 && ip -n "$P-hub" addr del 198.51.101.1/32 dev wan2 && told_device 198.51.100.1 && [ "$(devices)" = "wan0 wan1" ]; }
case_ "rollback puts all of it in force as it was" is_rolled
case_ "it stops" hub_stop
case_ "nothing is left" nothing_left
cases_end
