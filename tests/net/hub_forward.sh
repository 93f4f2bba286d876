#!/bin/bash
# Two branches with strongSwan and BIRD on a real hub: reachability in both families, limits and
# pacing of rates, nothing in clear, attackers on the path, a change of configuration under traffic.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slfw LAB=$(mktemp -d /tmp/slfw.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1; branch_up 2
must "4 tunnels and 4 BGP sessions are up" until_true 60 all_up 4
routes() { [ "$(json_of show routes '[.routes[] | select(.kind == "bgp")] | length')" = 4 ]; }
must "both families of both sites are routed" until_true 20 routes
sleep 1

reach() { local out; out=$(in_ns "$1" ping -q -c 5 -i 0.1 -W 2 "$2") && [[ $out == *' 0% packet loss'* ]]; }
case_ "branch to hub, IPv4" reach b1-h 10.0.0.10
case_ "branch to hub, IPv6" reach b1-h fd00:10::10
case_ "hub to branch, IPv4" reach host 10.1.0.10
case_ "branch to branch, IPv4" reach b1-h 10.2.0.10
case_ "branch to branch, IPv6" reach b1-h fd00:10:2::10

# ---- rates ----
held() { # held JSON RATE PERCENT: as a rule it is the rate, and on the whole never more
	near "$(jq .typical_bits_per_second <<<"$1")" "$2" "$3" &&
		jq -e ".bits_per_second <= $2 * (100 + $3) / 100" <<<"$1" >/dev/null
}
policed() {
	local out; out=$(train b1-h host 10.0.0.10 125000000 1300 10)
	echo "$out"; held "$out" 100e6 2
}
timed "site to hub is policed at 100 Mbit/s, 10 s, 2 %" policed
idle_neighbour() {
	local other out
	train b1-h host 10.0.0.10 140000000 1300 6 >"$LAB/busy.json" & other=$!
	out=$(train b2-h host 10.0.0.10 8000000 1300 5)
	wait $other; echo "$out"
	[ "$(jq .lost <<<"$out")" = 0 ] && [ "$(jq .lost "$LAB/busy.json")" -gt 1000 ]
}
timed "a neighbour within its rate loses nothing" idle_neighbour
shaped() {
	local out; out=$(train host b1-h 10.1.0.10 125000000 1300 10)
	echo "$out"; held "$out" 100e6 2
}
timed "hub to site is held at 100 Mbit/s, 10 s, 2 %" shaped
tcp() { # tcp REVERSE PERCENT: goodput of one flow, as a rule and on the whole, against the limit
	local server out
	in_ns host iperf3 -s -1 >/dev/null 2>&1 & server=$!; remember $server
	sleep 0.5
	out=$(in_ns b1-h timeout 30 iperf3 -c 10.0.0.10 -t 10 -O 2 -i 0.5 -J $1 |
		jq -c '{typical: [.intervals[].sum | select(.omitted | not).bits_per_second] | sort | .[length / 2 | floor], all: .end.sum_received.bits_per_second}')
	wait $server
	echo "goodput $out"
	jq -e ".typical >= 1e6 * $2 and .all <= 102e6" <<<"$out" >/dev/null
}
# ESP in the branch is a userspace strongSwan, and a sanitizer build is slow: figures that depend on
# speed are those of the limit, not of the machine.
timed "one TCP flow from site to hub reaches 85 % of the limit" tcp "" 85
timed "one TCP flow from hub to site reaches 95 % of the limit" tcp -R 95
balance() { # offered = delivered + reasons, both directions, once nothing is in flight
	sleep 2
	sluice report --json | jq -e '[.sites[] | (.in, .out) | .offered.packets - .delivered.packets - ([.dropped[].packets] | add // 0)] | all(. == 0)'
}
case_ "offered is delivered plus the reasons" balance

control() { # the sessions are on both tunnels of both sites, hosts' traffic is much more and not among it
	json_of show tunnels '[.tunnels[] | select(.state == "up") | [.in_bytes, .in_control_bytes, .out_bytes, .out_control_bytes]]' | tee "$LAB/control" &&
		jq -e 'length == 4 and all(.[1] > 0 and .[1] <= .[0] and .[3] > 0 and .[3] <= .[2]) and (map(.[0]) | add) > 100 * (map(.[1]) | add)' "$LAB/control" >/dev/null
}
case_ "routing protocols are counted apart" control

since() { # the minutes since the start add up to the counters, and the worst second is among them
	local all minutes
	all=$(sluice report --json | jq -c '[.sites[] | [.name, (.in, .out | .offered.bytes, .delivered.bytes, (.dropped | map_values(.packets)))]]') &&
		minutes=$(sluice report --since 1h --json | jq -c '[.sites[] | [.name, (.in, .out | .offered.bytes, .delivered.bytes, (.dropped | map_values(.packets)))]]')
	[ -n "$all" ] && [ "$all" = "$minutes" ] || { echo "$all"; echo "$minutes"; return 1; }
	sluice report site-1 --since 5m
	sluice report site-1 --since 5m --json | jq -e '.sites[0].in | .worst_second.dropped_bps > 10e6 and .worst_second.offered_bps >= .offered_bps' >/dev/null
}
case_ "the report of the last hour adds up" until_true 10 since

# ---- hostile path ----
clear_outside() {
	local out
	in_ns inet "$BIN/tests/net/wiretap" watch hub0 6 >"$LAB/watch.json" & local watcher=$!; remember $watcher
	sleep 0.5; train b1-h host 10.0.0.10 5000000 1000 2 >/dev/null; train host b1-h 10.1.0.10 5000000 1000 2 >/dev/null
	wait $watcher; out=$(<"$LAB/watch.json"); echo "$out"
	[ "$(jq .clear <<<"$out")" = 0 ] && [ "$(jq .frames <<<"$out")" -gt 1000 ]
}
case_ "nothing leaves or enters the outside device in clear" clear_outside
dropped() { json_of report "[.sites[] | select(.name == \"site-1\") | .in.dropped.$1.packets // 0] | add"; }
attacked() {
	local out replay auth malformed
	replay=$(dropped replay) auth=$(dropped auth) malformed=$(dropped malformed)
	in_ns inet "$BIN/tests/net/wiretap" attack b1_0 300 >"$LAB/attack.json" & local attacker=$!; remember $attacker
	sleep 0.5; out=$(train b1-h host 10.0.0.10 1000000 1000 6); wait $attacker
	sleep 2
	echo "$out $(<"$LAB/attack.json") replay +$(($(dropped replay) - replay)) auth +$(($(dropped auth) - auth)) malformed +$(($(dropped malformed) - malformed))"
	[ "$(jq .packets "$LAB/attack.json")" = 300 ] &&
		[ "$(jq .repeated <<<"$out")" = 0 ] && [ "$(jq .lost <<<"$out")" = 0 ] &&
		[ $(($(dropped replay) + $(dropped auth) + $(dropped malformed) - replay - auth - malformed)) = 900 ] &&
		[ "$(json_of show dataplane .outside.unknown_spi.packets)" -ge 300 ]
}
case_ "repeated, changed, shortened and misdirected packets are dropped and counted" attacked

# The second fragment begins within the first one and says something else (RFC 5722; RFC 791 leaves it open).
# The first one has an SPI of the hub's: others end before they are put together.
overlapping() {
	local before failed spi
	spi=$(json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in')
	before=$(json_of show dataplane .outside.fragments_overlap.packets) failed=$(json_of show dataplane .outside.reassembly_failed.packets)
	in_ns inet /usr/bin/python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
first = struct.pack("!HHHHI", 4500, 4500, 56, 0, int(sys.argv[1], 16)) + b"a" * 20
for number in range(20):
    for offset, more, fill in ((0, 0x2000, first), (3, 0, b"b" * 32)):
        s.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 1000 + number, more | offset, 64, 17, 0,
            socket.inet_aton("198.51.100.2"), socket.inet_aton("198.51.100.1")) + fill, ("198.51.100.1", 0))' "$spi" || return 1
	sleep 0.5
	echo "overlapping +$(($(json_of show dataplane .outside.fragments_overlap.packets) - before)), given up +$(($(json_of show dataplane .outside.reassembly_failed.packets) - failed))"
	[ $(($(json_of show dataplane .outside.fragments_overlap.packets) - before)) = 20 ] &&
		[ $(($(json_of show dataplane .outside.reassembly_failed.packets) - failed)) -ge 20 ]
}
case_ "outer fragments that overlap are given up and counted" overlapping

# ---- configuration under way ----
refused() { cp "$LAB/sluice.yaml" "$LAB/good.yaml"; echo "colour: red" >>"$LAB/sluice.yaml"; local r out
	out=$(sluice apply 2>&1); r=$?; echo "$out"; [ $r = 1 ] && grep -q "unknown key 'colour'" <<<"$out" && reach b1-h 10.0.0.10; r=$?; cp "$LAB/good.yaml" "$LAB/sluice.yaml"; return $r; }
case_ "a bad configuration is refused and changes nothing" refused
applied() {
	local out other
	train b2-h host 10.0.0.10 5000000 1000 6 >"$LAB/untouched.json" & other=$!
	sleep 1
	SITE_RATE=100M hub_config 1 2 | sed '/name: site-1/a\    rate: 20M' >"$LAB/sluice.yaml"
	sluice apply; out=$(train b1-h host 10.0.0.10 60000000 1300 4)
	wait $other; echo "$out $(<"$LAB/untouched.json")"
	held "$out" 20e6 6 && [ "$(jq .lost "$LAB/untouched.json")" = 0 ]
}
case_ "a new rate applies at once, the other site is untouched" applied
limit_is() { [ "$(json_of show sites '.sites[] | select(.name == "site-1").rate_bps')" = "$1" ]; }
hangup() { # the rate of the site is the default again
	hub_config 1 2 >"$LAB/sluice.yaml"; kill -HUP "$(<"$LAB/sluiced.pid")"
	until_true 5 limit_is 100000000 && reach b1-h 10.0.0.10
}
case_ "SIGHUP applies a change" hangup
removed() {
	local routes; hub_config 2 2 >"$LAB/sluice.yaml"; sluice apply || return 1
	reach b2-h 10.0.0.10 && routes=$(json_of show routes '.routes[].prefix') && [[ $routes == *10.2.0.0/24* && $routes != *10.1.* ]] &&
		[ -z "$(in_hub ip route show 10.1.0.0/24)" ]
}
case_ "a removed site leaves no route, the other site is untouched" removed
# A branch that was told AUTHENTICATION_FAILED does not ask again by itself.
redial() { local t; for t in 0 1; do swan "$LAB/b$1/$t" --initiate --child t --timeout 10 >/dev/null 2>&1; done; }
returns() { hub_config 1 2 >"$LAB/sluice.yaml"; sluice apply; redial 1; until_true 40 all_up 4 && until_true 10 reach b1-h 10.0.0.10; }
case_ "the site comes back when it is added again" returns
moved() {
	local out; mkdir -p "$LAB/sites"
	hub_config 1 1 | sed '1,/^sites:/d; s/^  - //; t; s/^    //' >"$LAB/sites/site-1.yaml"
	hub_config 2 2 >"$LAB/sluice.yaml"
	out=$(sluice apply) && echo "$out" && [[ $out == *'0 sites added, 0 changed, 0 removed, 2 untouched'* ]] && all_up 4
}
case_ "a site moves into a document of its own, nothing is interrupted" moved
misspelt() {
	local out r; sed 's/^asn:/ans:/' "$LAB/sites/site-1.yaml" >"$LAB/sites/site-3.yaml"
	out=$(sluice apply 2>&1); r=$?; rm "$LAB/sites/site-3.yaml"; echo "$out"
	[ $r = 1 ] && [[ $out == *"sites/site-3.yaml:1: name 'site-1' is not that of the file"* && $out == *"site-3.yaml:2: unknown key 'ans'; did you mean 'asn'?"* ]] && all_up 4
}
case_ "a mistake in such a document is named with its file and line" misspelt
moved_back() {
	local out; rm -r "$LAB/sites"; hub_config 1 2 >"$LAB/sluice.yaml"
	out=$(sluice apply) && echo "$out" && [[ $out == *'2 untouched'* ]] && all_up 4
}
case_ "it moves back" moved_back
audited() {
	local out f=/var/lib/sluice/audit/audit.ndjson
	out=$(sluice audit show --json) && sluice audit verify || return 1
	jq -e '[.[] | select(.verb == "apply" and (.who | type) == "object" and .who.uid == 0)] | length > 3' <<<"$out" >/dev/null &&
		jq -e '[.[] | select(.of and .outcome == "refused" and (.detail | contains("colour")))] | length == 1' <<<"$out" >/dev/null || return 1
	in_hub cp "$f" "$LAB/audit"; in_hub sed -i '2d' "$f"
	out=$(sluice audit verify 2>&1); local r=$?; echo "$out"
	[ $r = 1 ] && [[ $out == *'audit.ndjson:2: not the line that was written after number 1'* ]] || return 1
	sluice apply && grep 'the audit log was changed' "$LAB/sluiced.log" && ! sluice audit verify
}
case_ "who changed what is in the audit log, and what is taken away is found" audited
dump() { in_hub bpftool map dump pinned "/sys/fs/bpf/sluice/$1"; }
bpftool_reads() { grep -q '"name": "site-1"' <<<"$(dump sites)" && grep -q '"site_rate"' <<<"$(dump site_in_stats)"; }
case_ "bpftool reads the maps by name" bpftool_reads
metrics() { grep -q 'sluice_site_delivered_bytes_total{concentrator="lab",site="site-1",direction="in"} [1-9]' <<<"$(in_hub curl -sf http://127.0.0.1:9469/metrics)"; }
case_ "metrics are served" metrics
curl_asks() { # by anybody's program: what is answered is what the contract says
	in_hub curl -sf --unix-socket /run/sluice/control.sock http://localhost/v1/sites/site-1 | jq -e '.sites[0].name == "site-1"' >/dev/null || return 1
	[ "$(in_hub curl -s -o /dev/null -w '%{http_code} %{content_type}' --unix-socket /run/sluice/control.sock http://localhost/v1/sites/none)" = "404 application/problem+json" ] || return 1
	local out; out=$(in_hub env -C "$PWD" /usr/bin/python3 tests/net/openapi.py /run/sluice/control.sock live); local r=$?
	grep -v '^ok' <<<"$out"; return $r
}
case_ "curl asks the control socket, and hears what docs/openapi.yaml says" curl_asks
idle() { # connections that ask half of something: they take no operator's place, give way, and end
	local holder api open
	in_hub timeout 60 bash -c 'for i in {1..700}; do exec {fd}<>/dev/tcp/127.0.0.1/9469; printf "GET /me" >&$fd; done; sleep 60' 2>/dev/null & holder=$!
	remember $holder
	sleep 3; metrics || return 1
	api=$(json_of show dataplane '.processes[] | select(.name == "api").pid') && open=$(find "/proc/$api/fd" | wc -l) &&
		echo "$open files open" && [ "$open" -gt 200 ] && [ "$open" -lt 400 ] || return 1
	kill $holder
}
case_ "hundreds of idle connections to them change nothing" idle
secrets_hidden() {
	local out key
	out=$(sluice show tunnels --json; sluice show sa --json; sluice report --json; cat "$LAB/sluiced.log")
	[[ $out == *spi_in* && $out == *IKE_UP* ]] || { echo "no output to search"; return 1; }
	for key in "$LAB"/psk/*; do
		[ "$(wc -c <"$key")" = 32 ] && [[ $out != *"$(<"$key")"* ]] || return 1
	done
}
case_ "no secret is in any output" secrets_hidden
case_ "XDP is attached while it runs" xdp_attached
stops_clean() { hub_stop && nothing_left && nothing_pinned; }
case_ "a stop leaves no pin, no program, no device, no route" stops_clean
# ---- too big and DF set, IPv4 ----
big() { local out; out=$(in_ns host ping -M do -c 3 -i 0.2 -W 2 -s 1460 10.1.0.10 2>&1); in_ns host ip route flush cache; echo "$out"; }
hub_start
must "the sites are back after a start" until_true 60 all_up 4
refused() { local out; out=$(big); [[ $out == *'100% packet loss'* && $out == *'Frag needed'* ]]; }
case_ "df: copy, the sender is told" until_true 20 refused
# ---- a router on the way to one tunnel of one site takes less ----
ip -n "$P-inet" link set b1_0 mtu 1400; ip -n "$P-b1-w0" link set w mtu 1400
inner_mtus() { json_of show tunnels '[.tunnels[] | select(.site == "site-1").inner_mtu] | join(" ")'; }
narrow() { local out; in_ns host ip route flush cache; out=$(in_ns host ping -M do -c 2 -i 0.2 -W 1 -s 1372 10.1.0.10 2>&1); echo "$out"; [[ $out == *"Frag needed and DF set (mtu = $1)"* ]]; }
case_ "a narrow path is found, and the sender is told what fits" until_true 10 narrow 1338
mtus() { local out; out=$(inner_mtus); echo "$out"; [ "$out" = "1338 1438" ]; }
case_ "show tunnels: of that tunnel alone" mtus
route_mtu() { local out; out=$(in_hub ip route show 10.1.0.0/24 proto 83); echo "$out"; [[ $out == *'mtu 1338'* ]]; }
case_ "its routes have it" route_mtu
case_ "what fits passes" in_ns host ping -M "do" -q -c 3 -i 0.2 -W 2 -s 1310 10.1.0.10
hub_stop
hub_config 1 2 | sed 's/^  name: lab$/&\n  df: clear/' >"$LAB/sluice.yaml"
hub_start
must "and after another one" until_true 60 all_up 4
in_fragments() { local out; out=$(big); [[ $out == *' 0% packet loss'* && $out != *'Frag needed'* ]]; }
case_ "df: clear, the packet arrives in fragments" until_true 20 in_fragments
cases_end
