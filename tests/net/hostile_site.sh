#!/bin/bash
# A site with valid keys and a session tries to hurt its neighbour and the hub, from within its tunnel: false
# sources, sessions of others, ICMP errors, services and control traffic of the hub, and the SPI of its neighbour. All
# the time the neighbour pings a host behind the hub; at the end nothing has left in clear, nothing is missing in any
# account, and the host is as it was.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slhs LAB=$(mktemp -d /tmp/slhs.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
ns_add bot
link bot w 100.71.0.2/30 inet bot 100.71.0.1/30
default_via bot 100.71.0.1
ip -n "$P-hub" route add 100.71.0.0/30 via 198.51.100.2
# What the hub sends outside, and is neither ESP nor IKE, nor how neighbours find each other.
in_ns inet nft -f - <<-E
table inet watch {
	counter clear { }
	chain p {
		type filter hook prerouting priority -300
		iifname != { "hub0", "hub1" } accept
		udp sport { 500, 4500 } accept
		meta l4proto esp accept
		icmpv6 type { 133, 134, 135, 136, 137 } accept
		ip6 daddr ff02::16 accept
		counter name clear
	}
}
E
# A wide prefix is the hostile site's, around a network that the hub is connected to and that nothing declares.
in_ns hub ip addr add fd00:30:5::1/64 dev lan nodad
BFD_MS=300 hub_config 1 2 | sed "s/^    asn: 65002/&\n    rate: 5M/; s/^    asn: 65001/&\n    prefixes: ['fd00:30::\/32']/" >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
export BFD_MS=300
branch_up 1; branch_up 2
must "4 tunnels and 4 BGP sessions are up" until_true 60 all_up 4
bfd_up() { [ "$(json_of show tunnels '[.tunnels[] | select(.bfd == "Up")] | length')" = 4 ]; }
must "BFD is up" until_true 20 bfd_up
reach() { local out; out=$(in_ns "$1" ping -q -c 3 -i 0.1 -W 1 "$2") && [[ $out == *' 0% packet loss'* ]]; }
must "the neighbour reaches a host behind the hub" until_true 20 reach b2-h 10.0.0.10

hostile() { in_ns b1 python3 tests/net/hostile_site.py "$@"; }
dropped() { json_of report ".sites[] | select(.name == \"$1\") | .$2.dropped.$3.packets // 0"; }
more() { # SITE WAY REASON LEAST: that many more than before, soon (reports are a second old)
	local now
	for _ in {1..15}; do
		now=$(dropped "$1" "$2" "$3"); [ $((now - before)) -ge "$4" ] && break
		sleep 0.2
	done
	echo "$3 +$((now - before))"; [ $((now - before)) -ge "$4" ]
}
descriptors() { local p; for p in $(json_of show dataplane '.processes[].pid'); do ls "/proc/$p/fd"; done | wc -l; }
memory() { # of all processes, in MB
	local p; for p in $(json_of show dataplane '.processes[].pid'); do cat "/proc/$p/status"; done | awk '/^VmRSS/ { n += $2 } END { print int(n / 1024) }'
}
# shellcheck disable=SC2016
host_state() { # routes, addresses, pins, and how much is in the maps that hub writes
	in_hub bash -c 'ip route show table all; ip -6 route show table all; ip -br addr; find /sys/fs/bpf/sluice
		for m in route4 route6 sources4 sources6; do
			echo "$m $(bpftool -j map dump pinned /sys/fs/bpf/sluice/$m | jq length)"
		done' | sed 's/ expires [0-9]*sec//' | sort
}
fds=$(descriptors) mb=$(memory)
host_state >"$LAB/state"
in_ns_exec b2-h ping -i 0.05 -W 1 10.0.0.10 >"$LAB/neighbour" 2>&1 & neighbour=$!; remember $neighbour

# ---- sources ----
forged_session() { # FROM TO: site 2's ends, in its name
	local before; before=$(dropped site-1 in source)
	hostile bfd tun0 "$1" "$2"; hostile syn tun0 "$1" "$2" 179
	more site-1 in source 2
}
case_ "BFD and BGP in the neighbour's name are dropped and counted" forged_session "$(inside4 2 0 2)" "$(inside4 2 0 1)"
case_ "and of its other tunnel, with IPv6" forged_session "$(inside6 2 1 2)" "$(inside6 2 1 1)"
# A user of the host without any right: he may have a socket at each of its addresses.
nobody() {
	local before; before=$(dropped site-2 out source)
	in_ns hub setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 tests/net/hostile_site.py speak "$1" "$2" && return 1
	more site-2 out source 3
}
case_ "nobody on the host speaks BGP or BFD to a site" nobody "$(inside4 2 0 1)" "$(inside4 2 0 2)"
case_ "nor with IPv6" nobody "$(inside6 2 1 1)" "$(inside6 2 1 2)"
sources() { # WANTED-NUMBER: those of it that arrive, of the hostile site's own and of others
	in_ns_exec host python3 tests/net/hostile_site.py hear 4001 30 >"$LAB/heard" & local ear=$! from
	until_true 5 udp_open $ear 4001
	for from in 10.1.0.10 10.2.0.10 "$(inside4 2 0 2)" 10.0.0.77 10.0.0.1 198.51.100.1 8.8.8.8; do hostile udp tun0 "$from" 10.0.0.10 3; done
	for from in fd00:10:1::10 fd00:30:6::77 fd00:30:5::77 fd00:30:5::1 fd00:10:2::10 fd00:10::77 2001:db8:a::1 2001:4860::8; do hostile udp tun1 "$from" fd00:10::10 3; done
	sleep 0.5; kill $ear; wait $ear 2>/dev/null
	sort -u "$LAB/heard" | tr '\n' ' '
	[ "$(sort -u "$LAB/heard" | tr '\n' ' ')" = "$1" ]
}
case_ "of all sources only its own arrive, by both tunnels" sources "10.1.0.10 fd00:10:1::10 fd00:30:6::77 "

# ---- ICMP errors: the kernel would lower the path MTU to wherever the quoted packet went ----
lowered() { local out; out=$(ip -n "$P-hub" route get "$1" | tr '\n' ' '); echo "$out"; [[ $out == *" mtu 601"* || $out == *" mtu 1281"* ]]; }
lies() { # about packets to the neighbour's host and device, inside and outside, and to a host behind the hub
	local before to; before=$(dropped site-1 in service)
	for to in 10.2.0.10 "$(inside4 2 0 2)" 100.64.2.2 10.0.0.10; do hostile too_big tun0 10.1.0.10 10.0.0.1 "$to" 601; done
	hostile too_big tun0 10.1.0.10 198.51.100.1 100.64.2.2 601
	for to in fd00:10:2::10 "$(inside6 2 0 2)" fd00:10::10; do hostile too_big tun1 fd00:10:1::10 fd00:10::1 "$to" 1281; done
	hostile too_big tun1 fd00:10:1::10 2001:db8:a::1 2001:db8:64:2::2 1281
	more site-1 in service 9 || return 1
	for to in 10.2.0.10 "$(inside4 2 0 2)" 100.64.2.2 10.0.0.10 fd00:10:2::10 "$(inside6 2 0 2)" fd00:10::10 2001:db8:64:2::2; do
		! lowered "$to" || return 1
	done
}
case_ "what it says of paths to others is dropped, counted and not believed" lies
hostile too_big tun0 10.1.0.10 10.0.0.1 10.1.0.10 601; hostile too_big tun1 fd00:10:1::10 fd00:10::1 fd00:10:1::10 1281
case_ "what it says of the path to itself is believed" until_true 5 lowered 10.1.0.10
case_ "with IPv6, too" until_true 5 lowered fd00:10:1::10
stranger() {
	in_ns bot python3 tests/net/hostile_site.py too_big - 100.71.0.2 198.51.100.1 100.64.2.2 601
	until_true 5 eval '[ "$(json_of show dataplane .outside.too_big_icmp.packets)" = 1 ]' || return 1
	! lowered 100.64.2.2
}
case_ "nor is a stranger outside who speaks of an echo" stranger

# ---- the hub itself ----
in_hub_exec python3 -c '
import socket
s = socket.create_server(("10.0.0.1", 2222)); s.settimeout(60)
try:
    while 1: s.accept()[0].sendall(b"hub")
except OSError: pass' & remember $!
connects() { in_ns "$1" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null; }
closed() { local before; before=$(dropped site-1 in service); ! connects b1-h 10.0.0.1 2222 && ! connects b1-h 10.0.0.1 179 && more site-1 in service 2; }
case_ "services of the hub are closed to sites" closed
case_ "but it answers echo requests" reach b1-h 10.0.0.1
in_ns_exec b1-h python3 -c '
import socket
s = socket.create_server(("10.1.0.10", 2222)); s.settimeout(60); s.accept()' & remember $!
answered() { until_true 5 in_hub timeout 2 bash -c 'exec 3<>/dev/tcp/10.1.0.10/2222'; }
case_ "and gets answers to what it asks a site" answered
sed -i 's/^  site_rate:.*/&\n  site_services: [tcp\/2222]/; s/^    asn: 65001/&\n    source_check: off/' "$LAB/sluice.yaml"
case_ "site_services, and source_check of one site, are applied" sluice apply
case_ "what is opened is reached" until_true 5 connects b1-h 10.0.0.1 2222

lost() { tail -n 3 "$1" | grep transmitted; awk '/transmitted/ { exit !($1 > 100 && $1 - $4 <= '"$2"') }' "$1"; }
kill -INT $neighbour; wait $neighbour 2>/dev/null
timed "the neighbour's pings were answered all the time" lost "$LAB/neighbour" 1

# ---- control traffic: the hub's answers go to a site of 5 Mbit/s, 45 Mbit/s of them ----
bytes() { json_of report ".sites[] | select(.name == \"site-2\") | .out.delivered.bytes"; }
answers() {
	local from at to; from=$(bytes) at=$(date +%s%N)
	hostile echo tun0 10.2.0.10 10.0.0.1 0xc0 1400 4000 3 >/dev/null; sleep 1.2
	to=$((($(bytes) - from) * 8000 / (($(date +%s%N) - at) / 1000000)))
	echo "$to bit/s into the neighbour"; [ "$to" -lt 6000000 ]
}
case_ "answers with TOS 0xc0 are held at the neighbour's rate" answers
sed -i '/^    source_check: off/d' "$LAB/sluice.yaml"
case_ "its sources are checked again" sluice apply
in_ns_exec b2-h ping -i 0.02 -s 1000 -W 1 10.0.0.10 >"$LAB/neighbour2" 2>&1 & neighbour=$!; remember $neighbour

# ---- the neighbour's SPI, from an address that is not its own: four times its rate ----
junk() {
	local spi before; spi=$(json_of show sa '[.sas[] | select(.site == "site-2" and .tunnel == 0 and .in_use)][0].spi_in')
	before=$(dropped site-2 in foreign)
	in_ns bot python3 tests/net/hostile_site.py junk 198.51.100.1 "$spi" 1300 2000 4
	more site-2 in foreign 4000
}
case_ "junk with the neighbour's SPI is held back" junk
kill -INT $neighbour; wait $neighbour 2>/dev/null
timed "and takes nothing from it: its pings are answered" lost "$LAB/neighbour2" 1

# ---- what stands at the end ----
sessions() { grep "site-2 .*BGP closed" "$LAB/sluiced.log"; [ "$(grep -c "site-2 .*BGP closed" "$LAB/sluiced.log")" = 0 ] && all_up 4 && bfd_up; }
case_ "no session of the neighbour ended" sessions
account() { # nothing is on its way
	sluice report --json | jq -c '[.sites[] | {name, in, out} | .name as $n | {in, out} | to_entries[] |
		{site: $n, way: .key, missing: (.value.offered.packets - .value.delivered.packets - ([.value.dropped[].packets] | add // 0))} | select(.missing != 0)]'
}
accounts() { local out; out=$(account); echo "$out"; [ "$out" = "[]" ]; }
case_ "offered = delivered + reasons, of both sites and ways" until_true 10 accounts
routed() { [ "$(json_of show routes '[.routes[] | select(.kind == "bgp")] | length')" = 4 ]; }
case_ "routes are what they were" routed
in_clear() { local n; n=$(in_ns inet nft -j list counter inet watch clear | jq '[.nftables[].counter.packets? // empty] | add'); echo "$n packets"; [ "$n" = 0 ]; }
case_ "nothing left the hub in clear" in_clear
same_state() { diff "$LAB/state" <(host_state); }
case_ "routes, addresses, pins and maps of the host are what they were" eval 'until_true 5 same_state; same_state'
same_memory() { local now; now=$(memory); echo "$now MB, $mb before"; [ "$now" -lt $((mb + mb / 4 + 16)) ]; }
case_ "and no process has grown" same_memory
same_fds() { echo "$(descriptors) of $fds descriptors"; [ "$(descriptors)" = "$fds" ]; }
case_ "no descriptor was left open" until_true 5 same_fds

# ---- sites that must not reach each other at all ----
case_ "it stops" hub_stop
case_ "nothing is left" nothing_left
sed -i 's/^  site_rate:.*/&\n  site_to_site: false/' "$LAB/sluice.yaml"
must "it starts with site_to_site: false" hub_start
must "both sites come back" until_true 60 all_up 4
must "and reach the host" until_true 20 reach b1-h 10.0.0.10
apart() {
	local before from; before=$(dropped site-2 out isolation)
	in_ns_exec b2-h python3 tests/net/hostile_site.py hear 4001 2 >"$LAB/heard" & local ear=$!
	until_true 5 udp_open $ear 4001
	for from in 10.1.0.10 10.0.0.10; do hostile udp tun0 "$from" 10.2.0.10 5; done
	wait $ear
	cat "$LAB/heard"; [ ! -s "$LAB/heard" ] && more site-2 out isolation 5
}
case_ "what one sends to the other is dropped, whatever its source" apart
case_ "it stops" hub_stop
cases_end
