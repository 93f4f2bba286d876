#!/bin/bash
# Options of the data plane that the other tests leave at their defaults: each has the effect that
# sluice.yaml(5) promises.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slop LAB=$(mktemp -d /tmp/slop.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
ip -n "$P-hub" rule add pref 100 lookup 100
ip -n "$P-inet" route add 10.0.0.0/24 via 198.51.100.1
HUB_OPTIONS=$'df: set\n  rate_bytes: outer\n  pacing_horizon: 0\n  burst: 40k\n  workers: 2\n  route_table: 100\n  outside_forwarding: true' \
	SITE_RATE=2M SITE_OPTIONS="packets_per_second: 300" hub_config 1 1 |
	sed 's/^  tunnel: {/  tunnel: { replay_window: 64,/' >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2

in_table() { [ -n "$(in_hub ip route show table 100 10.1.0.0/24)" ] && [ -z "$(in_hub ip route show table main 10.1.0.0/24)" ]; }
case_ "route_table: the site's route is there, and not in main" until_true 20 in_table
reach() { local out; out=$(in_ns host ping -q -c 3 -i 0.1 -W 1 10.1.0.10) && [[ $out == *' 0% packet loss'* ]]; }
case_ "traffic passes" until_true 20 reach
mode() { local out; out=$(json_of show dataplane .mode) && echo "$out" && [[ $out == *'2 workers'* && $out == *policed* ]]; }
case_ "workers, pacing_horizon: show dataplane says so" mode

dropped() { json_of report ".sites[0].$1.dropped.$2.packets // 0"; }
# 1,000 packets a second of 100 bytes, a fifth of the rate
packets() { # WAY FROM TO ADDRESS
	local out before; before=$(dropped "$1" site_pps)
	out=$(train "$2" "$3" "$4" 800000 100 4); echo "$out, site_pps +$(($(dropped "$1" site_pps) - before))"
	[ "$(jq .received <<<"$out")" -le 1350 ] && [ "$(jq .received <<<"$out")" -ge 900 ] && [ $(($(dropped "$1" site_pps) - before)) -gt 1500 ]
}
case_ "packets_per_second: site to hub" packets in b1-h host 10.0.0.10
case_ "packets_per_second: hub to site" packets out host b1-h 10.1.0.10
policed() { # 400 packets a second of 1,300 bytes, twice the rate; nothing waits
	local out before; before=$(dropped out site_rate)
	out=$(train host b1-h 10.1.0.10 4000000 1300 4); echo "$out, site_rate +$(($(dropped out site_rate) - before)), horizon $(dropped out horizon)"
	[ $(($(dropped out site_rate) - before)) -gt 300 ] && [ "$(dropped out horizon)" = 0 ]
}
case_ "pacing_horizon: 0 drops at once" policed
burst() { # 40,000 bytes at 2 Mbit/s
	local way ns
	for way in in out; do
		ns=$(in_hub bpftool -j map lookup pinned /sys/fs/bpf/sluice/bucket_$way key 0 0 0 0 | jq '.formatted.value.burst_ns // .value.burst_ns')
		echo "$ns ns"; [ "$ns" -gt 159900000 ] && [ "$ns" -le 160000000 ] || return 1
	done
}
case_ "burst: in the buckets of both ways" burst
# 100 bytes in the tunnel are 164 on the wire (AES-GCM, UDP, IPv4): what arrives of 100 kbit/s is 61.
outer() { # FROM TO ADDRESS
	local out
	out=$(train "$1" "$2" "$3" 400000 100 5); echo "$out"
	[ "$(jq '.steady_bits_per_second | floor' <<<"$out")" -le 67000 ] && [ "$(jq '.steady_bits_per_second | floor' <<<"$out")" -ge 55000 ]
}
sed -i 's/^\( *\)site_rate: .*/\1site_rate: 100k/; s/^\( *\)rate: 2M/\1rate: 100k/' "$LAB/sluice.yaml"
case_ "a lower rate is applied" sluice apply
sleep 2 # the burst of the rate before is worth more time now
timed "rate_bytes: outer, site to hub" outer b1-h host 10.0.0.10
timed "rate_bytes: outer, hub to site" outer host b1-h 10.1.0.10
sed -i 's/100k$/2M/' "$LAB/sluice.yaml"
case_ "and the rate before again" sluice apply
# Its sender would have it cut, and is told all the same; what the hub's kernel cut first would arrive.
whole() {
	local out told; in_ns host ip route flush cache
	out=$(in_ns host ping -M dont -c 1 -W 1 -s 1460 10.1.0.10) || true
	told=$(ip -n "$P-host" route get 10.1.0.10); echo "$(grep -o '. received' <<<"$out"), $(grep -o 'mtu .*' <<<"$told"), dropped $(dropped out mtu)"
	[[ $out == *' 0 received'* && $told == *'mtu 1438'* ]] && [ "$(dropped out mtu)" -ge 1 ]
}
case_ "df: set, nothing is fragmented, the sender is told" until_true 10 whole
in_clear() { in_ns inet ping -q -c 2 -i 0.1 -W 1 10.0.0.10 >/dev/null; }
case_ "outside_forwarding: others may pass in clear" in_clear

# ESP of tunnel 1 is blocked from the site to the hub, IKE on the same port is not: RFC 3948 2.2.
in_ns inet nft 'table inet sealed { chain f { type filter hook forward priority 0
	iifname "b1_1" udp dport 4500 @th,64,32 != 0 drop; }; }'
tells() { # REASON_NO_ESP: in the state of a tunnel that is up, in its log, and of its session
	[ "$(json_of show tunnels '.tunnels[1] | "\(.state) \(.reason)"')" = "up NO_ESP" ] &&
		[[ $(json_of show tunnels '.tunnels[1].detail') == *'none received: ESP in UDP 4500 is blocked on the way'* ]] &&
		[[ $(json_of show log '.events[] | select(.reason_code == "NO_ESP" and .tunnel == 1).details') == *'none received'* ]] &&
		[[ $(json_of show bgp '.sessions[1].detail') == *'none received'* ]]
}
case_ "nothing comes through a tunnel that is up: it is told, and why" until_true 40 tells
in_ns inet nft delete table inet sealed
quiet() { all_up 2 && [ "$(json_of show tunnels '.tunnels[1] | "\(.state) \(.reason)"')" = "up " ]; }
case_ "it comes through again, and nothing is told any more" until_true 40 quiet
# The other way: what the device sends comes in, and it hears nothing.
in_ns inet nft 'table inet sealed { chain f { type filter hook forward priority 0
	oifname "b1_1" udp sport 4500 @th,64,32 != 0 drop; }; }'
deaf() { [[ $(json_of show tunnels '.tunnels[1].bgp_detail') == *'it has not acknowledged the hub'?'s answer to its SYN for '*'ESP towards it is blocked, or a filter there drops it'* ]]; }
case_ "the device hears nothing: that is told, and in which direction" until_true 60 deaf
in_ns inet nft delete table inet sealed
case_ "it hears again, and nothing is told any more" until_true 60 quiet
# The device has another inside address than the hub knows.
sed -i "/protocol bgp t1/ s/local $(inside4 1 1 2);/local 169.254.100.114;/" "$LAB/b1/bird.conf"
in_ns b1 ip addr add 169.254.100.114/32 dev tun1
in_ns b1 birdc -s "$LAB/b1/bird.ctl" configure >/dev/null
differs() {
	[ "$(json_of show bgp '.sessions[1].detail')" = "the device's inside address is 169.254.100.114, $(inside4 1 1 2) is configured" ] &&
		json_of show bgp-log '.events[].message.details // ""' | grep -q "BGP from other addresses than configured: the device's inside address is 169.254.100.114"
}
case_ "another inside address of the device is named" until_true 40 differs
case_ "it stops" hub_stop
cases_end
