#!/bin/bash
# The data plane with a fixed key between three namespaces: a host behind the hub, the hub, a site.
# Measures what passes at which rate, both directions, both forms of ESP, and that nothing is lost
# uncounted, that a rekey loses nothing, and that nothing is left behind.
# Alone: it measures.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/asan}
P=sldl
LAB=$(mktemp -d)
passed=0 failed=0
hub_pid='' site_pid=''
helper_pids=()

down() {
	for pid in $site_pid "${helper_pids[@]}" $hub_pid; do kill "$pid" 2>/dev/null; done
	site_pid='' hub_pid='' helper_pids=()
	wait 2>/dev/null
	for n in hub site lan; do ip netns del $P-$n 2>/dev/null; done
}
finish() { local s=$?; trap - EXIT; down; rm -rf "$LAB"; exit $s; }

[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
ip netns add $P-probe 2>/dev/null && ip netns del $P-probe || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
trap finish EXIT
trap 'exit 130' INT TERM

in_ns() { local n=$P-$1; shift; ip netns exec "$n" "$@"; }
ok() { passed=$((passed + 1)); echo "ok    $*"; }
bad() { failed=$((failed + 1)); echo "FAIL  $*"; tail -n 5 "$LAB"/*.log | sed 's/^/      | /'; }
check() { local name=$1; shift; if "$@"; then ok "$name"; else bad "$name"; fi; }

# up FORM OUTER-FAMILY; HORIZON, WORKERS, SITE_MTU and perhaps QUEUES are set by the caller
up() {
	local form=$1 hub=192.0.2.1 site=192.0.2.2
	[ "$2" = 6 ] && hub=2001:db8:f::1 site=2001:db8:f::2
	for n in hub site lan; do ip netns add $P-$n; ip -n $P-$n link set lo up; done
	ip -n $P-hub link add out0 type veth peer name eth0 netns $P-site
	ip -n $P-hub link add lan0 type veth peer name eth0 netns $P-lan
	for d in "hub out0" "hub lan0" "site eth0" "lan eth0"; do
		set -- $d
		ip -n $P-"$1" link set "$2" up
		in_ns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf."$2".accept_dad=0
	done
	if [ "${QUEUES:-1}" = 2 ]; then # the sending CPU chooses the queue
		in_ns hub ethtool -L out0 rx 2 tx 2 && in_ns site ethtool -L eth0 rx 2 tx 2 &&
			in_ns site sh -c 'echo 1 >/sys/class/net/eth0/queues/tx-0/xps_cpus; echo 2 >/sys/class/net/eth0/queues/tx-1/xps_cpus'
	fi
	# A veth peer needs GRO or redirected frames vanish.
	in_ns site ethtool -K eth0 gro on >/dev/null 2>&1
	ip -n $P-hub addr add 192.0.2.1/24 dev out0; ip -n $P-site addr add 192.0.2.2/24 dev eth0
	ip -n $P-hub addr add 2001:db8:f::1/64 dev out0 nodad; ip -n $P-site addr add 2001:db8:f::2/64 dev eth0 nodad
	ip -n $P-hub addr add 10.1.0.1/24 dev lan0; ip -n $P-lan addr add 10.1.0.2/24 dev eth0
	ip -n $P-hub addr add 2001:db8:1::1/64 dev lan0 nodad; ip -n $P-lan addr add 2001:db8:1::2/64 dev eth0 nodad
	ip -n $P-lan route add default via 10.1.0.1; ip -n $P-lan -6 route add default via 2001:db8:1::1
	rm -f "$LAB/commands"; mkfifo "$LAB/commands"
	mkdir -p /run/sluice/empty
	# shellcheck disable=SC2016
	ip netns exec $P-hub bash -c 'mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf; exec "$@"' - \
		"$BIN/tests/net/data_loop" hub out0 $hub $site "$form" "$HORIZON" "$WORKERS" \
		<"$LAB/commands" >"$LAB/hub.log" 2>&1 &
	hub_pid=$!
	exec 5>"$LAB/commands"
	for _ in $(seq 100); do grep -q ^ready "$LAB/hub.log" && break; sleep 0.1; done
	ip netns exec $P-site "$BIN/tests/net/data_loop" site $hub $site "$form" >"$LAB/site.log" 2>&1 &
	site_pid=$!
	for _ in $(seq 50); do ip -n $P-site link show site0 >/dev/null 2>&1 && break; sleep 0.1; done
	ip -n $P-site addr add 10.77.1.2/24 dev site0
	ip -n $P-site addr add 2001:db8:77:1::2/64 dev site0 nodad
	ip -n $P-site link set site0 up mtu "$SITE_MTU" txqueuelen 4000
	ip -n $P-site route add 10.1.0.0/24 dev site0; ip -n $P-site -6 route add 2001:db8:1::/64 dev site0
}

tell() { local before; before=$(grep -c ^ok "$LAB/hub.log"); echo "$*" >&5; for _ in $(seq 50); do [ "$(grep -c ^ok "$LAB/hub.log")" -gt "$before" ] && return; sleep 0.1; done; return 1; }
counter() { tell stats; grep "^$1 " "$LAB/hub.log" | tail -n 1 | tr ' ' '\n' | sed -n "s|^$2=\([-0-9]*\).*|\1|p"; }

train() { # FROM TO ADDRESS RESULT [BITS SIZE SECONDS]
	ip netns exec $P-"$2" "$BIN/tests/net/flow" recv 7000 20 >"$LAB/$4" & local receiver=$!
	for _ in $(seq 50); do ip netns exec $P-"$2" ss -Hlun sport = 7000 | grep . >/dev/null && break; sleep 0.1; done
	in_ns "$1" "$BIN/tests/net/flow" send "$3" 7000 "${5:-5000000}" "${6:-500}" "${7:-8}" >"$LAB/sent"; wait $receiver
}
# udp_rate FROM TO ADDRESS: typical bits per second of packets of 1,400 bytes, of 160 Mbit/s for 4 s. The receiver
# has room for all of them: one with little room loses what the hub let pass.
udp_rate() {
	train "$1" "$2" "$3" udp.json 160000000 1400 4
	jq -r '"\(.received) came and \(.lost) did not, silent for \(.longest_gap_ms) ms"' "$LAB/udp.json" >"$LAB/detail"
	jq '.typical_bits_per_second | floor' "$LAB/udp.json"
}
tcp_rate() { : >"$LAB/detail"; in_ns "$1" timeout 20 iperf3 -J -t 5 -c "$2" 2>/dev/null | jq '.end.sum_received.bits_per_second | floor'; }
# within NAME LOW HIGH COMMAND...: too little may be the fault of a busy machine, too much never is.
within() {
	local name=$1 low=$2 high=$3 got attempt; shift 3
	for attempt in 1 2 3; do
		got=$("$@"); got=${got:-0}
		[ "$got" -lt "$low" ] || break
		echo "      | $name: $got in attempt $attempt $(<"$LAB/detail")"
	done
	if [ "$got" -ge "$low" ] && [ "$got" -le "$high" ]; then ok "$name: $((got / 1000)) kbit/s"; else bad "$name: $got, wanted $low to $high"; fi
}
servers() {
	for n in lan site; do ip netns exec $P-$n iperf3 -s >/dev/null 2>&1 & helper_pids+=($!); done
	sleep 0.5
}
equal() { [ "$(counter "$1" missing)" = 0 ]; }
classes() { [ "$(in_ns "$1" nft -j list counter inet class "$2" | jq '[.nftables[].counter.packets? // empty] | add')" -ge 5 ]; }
ping_ok() { local n=$1; shift; in_ns "$n" ping -q -c 5 -i 0.05 -W 2 "$@" >/dev/null; }

for setting in "udp 4" "udp 6" "native 4" "native 6"; do
	set -- $setting
	HORIZON=25000 WORKERS=2 SITE_MTU=1400
	[ "$2" = 6 ] && SITE_MTU=1380
	up "$1" "$2"
	check "$setting: site to host" ping_ok site 10.1.0.2
	check "$setting: host to site" ping_ok lan 10.77.1.2
	check "$setting: IPv6 inside" ping_ok lan 2001:db8:77:1::2
	# Larger than the tunnel: cut before encryption; with DF the kernel answers.
	check "$setting: 4000 bytes, fragments inside" ping_ok lan -s 4000 10.77.1.2
	in_ns lan ping -c 2 -i 0.1 -W 1 -M "do" -s 1460 10.77.1.2 >"$LAB/ping.log" 2>&1
	check "$setting: too big with DF is answered" grep -q "Frag needed and DF set (mtu = 1438)" "$LAB/ping.log"
	# RFC 6040: DSCP EF and ECT(0) of a ping are in the outer header; congestion on the way back comes
	# in as the reply's own, and where the reply cannot carry it, it is dropped.
	family=$([ "$2" = 6 ] && echo ip6 || echo ip)
	in_ns site nft -f - <<-E
	table inet class {
		counter out { }
		chain in {
			type filter hook input priority 0
			meta iifname eth0 $family dscp ef $family ecn ect0 counter name out
		}
		chain congested {
			type filter hook output priority 0
			meta oifname eth0 meta nfproto ipv$2 $family ecn set ce
		}
	}
	E
	in_ns lan nft -f - <<-E
	table inet class {
		counter ce { }
		chain in {
			type filter hook input priority 0
			ip dscp ef ip ecn ce counter name ce
		}
	}
	E
	check "$setting: ping with DSCP EF and ECT(0)" ping_ok lan -Q 186 10.77.1.2
	check "$setting: DSCP and ECN are in the outer header" classes site out
	check "$setting: outer congestion comes in" classes lan ce
	before=$(counter in ecn)
	in_ns lan ping -q -c 3 -i 0.05 -W 1 10.77.1.2 >/dev/null
	check "$setting: what cannot tell of congestion is dropped" test $(($(counter in ecn) - before)) -ge 3
	in_ns site nft delete table inet class; in_ns lan nft delete table inet class
	if [ "$1" = native ]; then
		# Outer fragments: the kernel reassembles them for the raw socket of the data process.
		before=$(counter in delivered)
		ip -n $P-site link set eth0 mtu 1300
		in_ns site ping -q -c 5 -i 0.02 -W 1 -s 1340 10.1.0.2 >/dev/null
		check "$setting: outer fragments arrive" test $(($(counter in delivered) - before)) -ge 5
		before=$(counter in ecn)
		in_ns site nft "table inet class { chain congested { type filter hook output priority 0; meta oifname eth0 meta nfproto ipv$2 $family ecn set ce; }; }"
		in_ns site ping -q -c 5 -i 0.02 -W 1 -s 1340 10.1.0.2 >/dev/null
		in_ns site nft delete table inet class
		check "$setting: they tell of congestion too" test $(($(counter in ecn) - before)) -ge 5
		ip -n $P-site link set eth0 mtu 1500
	else
		# A NAT gives the site another port: the hub follows the newest authentic packet.
		kill -USR1 "$site_pid"
		check "$setting: site moves" ping_ok site 10.1.0.2
		check "$setting: hub has followed" ping_ok lan 10.77.1.2
	fi
	check "$setting: in = delivered + reasons" equal in
	check "$setting: out = delivered + reasons" equal out
	echo quit >&5; wait "$hub_pid" 2>/dev/null; exec 5>&-
	check "$setting: device gone" bash -c "! ip -n $P-hub link show sluice0 2>/dev/null"
	check "$setting: routes gone" bash -c "[ -z \"\$(ip -n $P-hub route show proto 83; ip -n $P-hub -6 route show proto 83)\" ]"
	check "$setting: XDP gone" bash -c "out=\$(ip -n $P-hub link show out0) && [[ \$out == *out0* && \$out != *xdp* ]]"
	down
done

# A tunnel's packets come by one queue, then by the other, and both workers open them with the same SA.
moving() {
	local site i before
	before=$(counter in replay)
	site=$(pgrep -P $site_pid) || site=$site_pid
	train site lan 10.1.0.2 moved.json & local train=$!
	for i in $(seq 40); do taskset -cp $((i % 2)) "$site" >/dev/null || return 1; sleep 0.2; done
	wait $train
	echo "      | $(jq -c . "$LAB/moved.json"), workers wrote $(counter worker0 writes) and $(counter worker1 writes)"
	# One that waits for its CPU while the other goes on by a whole window may lose what it has: counted.
	[ "$(counter worker0 writes)" -gt 500 ] && [ "$(counter worker1 writes)" -gt 500 ] && [ "$(jq .received "$LAB/moved.json")" -gt 8000 ] &&
		[ "$(jq .repeated "$LAB/moved.json")" = 0 ] && [ "$(jq .lost "$LAB/moved.json")" -le $(($(counter in replay) - ${before:-0})) ]
}
# A policer has no queue. A sender whose answers come after 40 us sends what was lost again before there is room
# for it, loses that as well and waits for its timer, which no branch is near enough to do: the host is 0.2 ms
# further away.
far() {
	ip -n $P-lan link set eth0 down
	ip -n $P-lan link set eth0 name near
	ip -n $P-lan addr flush dev near
	ip -n $P-lan link add eth0 type veth peer name wire
	ip -n $P-lan addr add 10.1.0.2/24 dev eth0
	for d in near wire eth0; do # the wire takes frames as they are: cut, and with their checksums
		in_ns lan ethtool -K $d tso off gso off tx off >/dev/null 2>&1
		ip -n $P-lan link set $d up
	done
	in_ns hub ethtool -K lan0 tso off gso off tx off >/dev/null 2>&1
	ip -n $P-lan route add default via 10.1.0.1
	ip netns exec $P-lan "$BIN/tests/net/delay" near wire 100 >"$LAB/wire.log" & helper_pids+=($!)
}
if [ -z "${QUICK:-}" ]; then
	HORIZON=25000 WORKERS=1 SITE_MTU=1438
	up udp 4
	far
	servers
	tell rate in 100000000 0 0
	within "100 Mbit/s in, one TCP flow" 60000000 98500000 tcp_rate site 10.1.0.2
	echo quit >&5; wait "$hub_pid" 2>/dev/null; exec 5>&-
	down
fi
if [ "$(nproc)" -ge 2 ]; then
	HORIZON=25000 WORKERS=2 SITE_MTU=1400 QUEUES=2
	up udp 4
	check "a tunnel moves between queues and workers" moving
	check "in = delivered + reasons of both workers" equal in
	echo quit >&5; wait "$hub_pid" 2>/dev/null; exec 5>&-
	down
fi

HORIZON=25000 WORKERS=1 SITE_MTU=1438 QUEUES=1
up udp 4
servers
if [ -z "${QUICK:-}" ]; then
	tell rate in 100000000 0 0; tell rate out 100000000 0 0
	# The bucket's burst adds 0.5 Mbit/s to 4 s; 2 % allowed.
	want=100000000
	within "100 Mbit/s out, paced, UDP" $((want * 98 / 100)) $((want * 102 / 100)) udp_rate lan site 10.77.1.2
	within "100 Mbit/s in, policed, UDP" $((want * 98 / 100)) $((want * 102 / 100)) udp_rate site lan 10.1.0.2
	# 1386 of 1438 are TCP payload: 96.4 Mbit/s at best.
	within "100 Mbit/s out, one TCP flow" 91500000 98500000 tcp_rate lan 10.77.1.2
	tell rate all-out 50000000 0 0; tell rate all-in 50000000 0 0
	want=50000000
	within "50 Mbit/s for all, out" $((want * 97 / 100)) $((want * 103 / 100)) udp_rate lan site 10.77.1.2
	within "50 Mbit/s for all, in" $((want * 97 / 100)) $((want * 103 / 100)) udp_rate site lan 10.1.0.2
	check "aggregate drops are counted, out" test "$(counter out aggregate_rate)" -gt 100
	check "aggregate drops are counted, in" test "$(counter in aggregate_rate)" -gt 100
	sleep 0.3
	check "in = delivered + reasons under overload" equal in
	check "out = delivered + reasons under overload" equal out
	tell rate all-out 0 0 0; tell rate all-in 0 0 0
fi
tell rate in 0 0 0; tell rate out 0 0 0
in_ns lan ping -q -c 300 -i 0.01 10.77.1.2 >"$LAB/ping.log" 2>&1 & ping_pid=$!
for _ in 1 2 3; do sleep 0.5; tell rekey; done
wait $ping_pid
check "three rekeys lose nothing" grep -q " 0% packet loss" "$LAB/ping.log"
# The process with the keys is killed under load: the next one goes on with them.
restarted() { # more than its rate goes to the site, so there is always something in the wheel
	local out
	tell rate out 4000000 0 0
	train site lan 10.1.0.2 up.json & local up=$!
	train lan site 10.77.1.2 down.json & local down=$!
	sleep 3; tell restart; wait $up $down
	out=$(jq -rs 'map("\(.lost) lost, silent for \(.longest_gap_ms) ms, \(.repeated) twice") | join("; ")' "$LAB/up.json" "$LAB/down.json")
	echo "      | killed at 1250 packets/s each way: $out"
	jq -es 'all(.received > 5000 and .repeated == 0 and .longest_gap_ms < 1500)' "$LAB/up.json" "$LAB/down.json" >/dev/null
}
check "a data process that is killed goes on with its SAs" restarted
check "nothing that was sent again counts as a replay" test $(($(counter in replay) + 0)) -le 5
check "what was lost with it is counted" equal in
check "what waited for its turn to the site, too: $(counter out internal) packets" test "$(counter out internal)" -ge 10
check "out = delivered + reasons after it" equal out
tell rate out 0 0 0
echo "      | $(tcp_rate lan 10.77.1.2) bit/s TCP to the site, $(tcp_rate site 10.1.0.2) bit/s from it, without a limit"
# A packet that is authentic, but not from where the site's selectors say.
in_ns lan ping -q -c 100 -i 0.01 10.77.1.2 >/dev/null 2>&1 & ping_pid=$! # the site switches when the hub does
tell narrow
wait $ping_pid
ip -n $P-site addr add 10.99.0.1/32 dev lo
icmp_in() { in_ns lan cat /proc/net/snmp | awk '/^Icmp: [0-9]/ { print $2 }'; }
check "a narrow selector lets its own through" ping_ok site 10.1.0.2
before=$(counter in selector) seen=$(icmp_in)
in_ns site ping -q -c 5 -i 0.05 -W 1 -I 10.99.0.1 10.1.0.2 >/dev/null
check "a foreign source is dropped and counted" test $(($(counter in selector) - before)) = 5
check "nothing of it reaches the inside" test "$(icmp_in)" = "$seen"
grep ^mode "$LAB/hub.log" | sed 's/^/      | /'
echo quit >&5; wait "$hub_pid"; status=$?; exec 5>&-
check "the hub ends in order" test $status = 0

echo "$passed passed, $failed failed"
[ $failed = 0 ]
