# shellcheck shell=bash
# Three namespaces for benchmarks of data planes, sourced by tests/bench/*.sh:
#
#   $P-lan    a host behind the hub: 10.1.0.2, and 10.1.n.2 for site n
#   $P-hub    the hub: the data plane that is measured, alone on CPU 0
#   $P-site   the other end of the tunnels and the hosts behind it, 10.77.n+1.2; with the generators on CPU 1
#
# What the hub costs is exact: the kernel's receive side of its devices runs in threads of their own
# (threaded NAPI), pinned like the rest, and cpu_now adds up the run time of these and of
# all threads of the process (schedstat), in which what they cause in the kernel is contained. Idle
# time and what others do on the same CPU is not.
#
# Set before sourcing: P (prefix of the namespaces), BIN.

. tests/bench/stats.sh
LAB=$(mktemp -d "/tmp/$P.XXXXXX")
hub_pids=() other_pids=() autogroup='' page_lists=''

in_ns() { local n=$P-$1; shift; ip netns exec "$n" "$@"; }
in_ns_exec() { local n=$P-$1; shift; exec ip netns exec "$n" "$@"; }
on_hub() { exec ip netns exec "$P-hub" taskset -c 0 nice -n -20 "$@"; }
on_site() { exec ip netns exec "$P-site" taskset -c 1 nice -n -20 "$@"; }
on_lan() { exec ip netns exec "$P-lan" taskset -c 1 nice -n -20 "$@"; }
until_true() { local end=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done; }

bench_down() {
	local n
	exec 5>&- 6>&-
	for pid in "${other_pids[@]}" "${hub_pids[@]}"; do kill "$pid" 2>/dev/null; done
	sleep 0.3
	for pid in "${other_pids[@]}" "${hub_pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
	hub_pids=() other_pids=()
	wait 2>/dev/null
	for n in hub site lan; do
		[ -e "/run/netns/$P-$n" ] || continue
		ip netns pids "$P-$n" | xargs -r kill -9 2>/dev/null
		ip netns del "$P-$n"
	done
}
bench_finish() {
	local s=$?
	trap - EXIT
	bench_down
	[ -z "$autogroup" ] || echo "$autogroup" >/proc/self/autogroup
	[ -z "$page_lists" ] || sysctl -qw "vm.percpu_pagelist_high_fraction=$page_lists"
	rm -rf "$LAB"
	exit $s
}

bench_start() {
	[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
	[ "$(nproc)" -ge 2 ] || { echo "needs two CPUs"; exit 77; }
	# Before what else runs on this machine; nice(1) alone ranks us only among our own session.
	autogroup=$(sed -n 's/.*nice //p' /proc/self/autogroup 2>/dev/null)
	[ -z "$autogroup" ] || echo -20 >/proc/self/autogroup
	trap bench_finish EXIT
	trap 'exit 130' INT TERM
	echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
}

# Over a veth one CPU sends from memory that the other frees, and whose list of free pages grows to
# hundreds of megabytes before any return: all that is sent is written to memory that no cache has. A
# card's memory is freed where it was sent. So these lists are kept short, for whoever is measured.
short_page_lists() {
	page_lists=$(sysctl -n vm.percpu_pagelist_high_fraction)
	sysctl -qw vm.percpu_pagelist_high_fraction=100000
}

# The receive side of a device in a thread on that CPU; prints the thread's pid.
napi_thread() { # NS DEVICE CPU
	local pid
	in_ns "$1" ethtool -K "$2" gro on >/dev/null 2>&1
	in_ns "$1" sh -c "echo 1 >/sys/class/net/$2/threaded" || return 1
	for pid in $(pgrep "^napi/$2-"); do taskset -cp "$3" "$pid" >/dev/null; renice -n -20 "$pid" >/dev/null; echo "$pid"; done
}

bench_net() { # SITES
	local n i
	for n in hub site lan; do
		ip netns add "$P-$n"
		ip -n "$P-$n" link set lo up
		in_ns $n sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	# The names of the devices are in those of the threads: they must be this run's own.
	ip -n "$P-hub" link add "${P}o" type veth peer name "${P}w" netns "$P-site"
	ip -n "$P-hub" link add "${P}l" type veth peer name "${P}h" netns "$P-lan"
	ip -n "$P-hub" addr add 192.0.2.1/24 dev "${P}o"; ip -n "$P-site" addr add 192.0.2.2/24 dev "${P}w"
	ip -n "$P-hub" addr add 10.1.255.1/24 dev "${P}l"; ip -n "$P-lan" addr add 10.1.255.2/24 dev "${P}h"
	for n in "hub ${P}o" "hub ${P}l" "site ${P}w" "lan ${P}h"; do
		set -- $n "${1:-1}" # the last stays
		# The ring of a veth has 256 places and drops the rest, unless there is a queue before it.
		ip -n "$P-$1" link set "$2" txqueuelen 10000 up
		in_ns "$1" tc qdisc replace dev "$2" root pfifo limit 10000
		in_ns "$1" ethtool -K "$2" gro on rx-udp-gro-forwarding on >/dev/null 2>&1
		set -- "${@: -1}"
	done
	for i in $(seq 0 $(($1 - 1))); do
		echo "addr add 10.1.$i.2/32 dev lo"
	done | ip -n "$P-lan" -batch -
	for i in $(seq 1 "$1"); do echo "addr add 10.77.$i.2/32 dev lo"; done | ip -n "$P-site" -batch -
	ip -n "$P-lan" route add default via 10.1.255.1 src 10.1.0.2
	for i in $(seq 0 $(($1 - 1))); do echo "route add 10.1.$i.0/24 via 10.1.255.2"; done | ip -n "$P-hub" -batch -
	# What goes past NAPI (super-packets) is received on the CPU that the receiver is on, too.
	in_ns lan sh -c "echo 2 >/sys/class/net/${P}h/queues/rx-0/rps_cpus"
	in_ns site sh -c "echo 2 >/sys/class/net/${P}w/queues/rx-0/rps_cpus"
	napi_site=$(napi_thread site "${P}w" 1) napi_lan=$(napi_thread lan "${P}h" 1)
	napi_hub="$(napi_thread hub "${P}o" 0) $(napi_thread hub "${P}l" 0)"
}

# ---- CPU ----

run_time() { awk '{ s += $1 } END { printf "%.0f\n", s }'; } # of schedstat
cpu_now() { # nanoseconds of the hub: its threads and those that receive for it
	local pid
	{
		for pid in $napi_hub; do cat "/proc/$pid/schedstat"; done
		for pid in "${hub_pids[@]}"; do cat /proc/$pid/task/*/schedstat; done
	} | run_time
}
own_now() { local pid; for pid in "${hub_pids[@]}"; do cat /proc/$pid/task/*/schedstat; done | run_time; } # its threads alone

# ---- our data plane at both ends ----

sluice_up() { # SITES WORKERS HORIZON
	mkdir -p /run/sluice/empty
	local end dev own peer fd
	for end in ${ENDS:-hub sites}; do
		if [ $end = hub ]; then dev=${P}o own=192.0.2.1 peer=192.0.2.2; else dev=${P}w own=192.0.2.2 peer=192.0.2.1; fi
		rm -f "$LAB/$end.in"; mkfifo "$LAB/$end.in"
		# shellcheck disable=SC2016
		ip netns exec "$P-${end%s}" taskset -c "$([ $end = hub ] && echo "${HUB_CPUS:-0}" || echo 1)" nice -n -20 bash -c 'mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf; exec "$@"' - \
			"$BIN/tests/net/data_loop" $end "$dev" $own $peer udp "$3" "$([ $end = hub ] && echo "$2" || echo 1)" "$1" <"$LAB/$end.in" >"$LAB/$end.log" 2>&1 &
		if [ $end = hub ]; then hub_pids+=($!); exec 5>"$LAB/$end.in"; else other_pids+=($!); exec 6>"$LAB/$end.in"; fi
		until_true 20 grep ^ready "$LAB/$end.log" || { cat "$LAB/$end.log"; return 1; }
	done
	hub_pids+=($(pgrep -P "${hub_pids[0]}"))
	ip -n "$P-hub" link set sluice0 txqueuelen 10000
	[ "${ENDS:-}" = hub ] || ip -n "$P-site" link set sluice0 txqueuelen 10000
}

# Only the hub, with as much load as CPU 1 can make: tests/net/blast.c seals for all sites and sends for the hosts
# behind the hub. What it sends to the outside device is received, up to the AF_XDP ring, on CPU 1 too, as with
# a card whose interrupts another CPU has.
load_up() { # SITES HORIZON
	read -r hub_since _ </proc/uptime
	ENDS=hub sluice_up "$1" 1 "$2" && load_net
}

# What comes out of the hub is thrown away at once: it goes to an address that no device has. That happens on the CPU
# it comes from and is part of what the hub is charged for, but an interrupt of another CPU would cost more.
load_net() {
	local n
	in_ns hub sh -c "echo 0 >/sys/class/net/${P}o/threaded" || return 1
	napi_hub=${napi_hub#* }
	ip -n "$P-hub" neigh replace 10.1.255.2 lladdr 02:00:00:00:00:01 dev "${P}l" nud permanent || return 1
	ip -n "$P-hub" neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev "${P}o" nud permanent || return 1
	inside_mac=$(in_ns hub cat "/sys/class/net/${P}l/address") || return 1
	ip -n "$P-lan" neigh replace 10.1.255.1 lladdr "$inside_mac" dev "${P}h" nud permanent || return 1
	in_ns lan sh -c "echo 0 >/sys/class/net/${P}h/queues/rx-0/rps_cpus" || return 1
	in_ns site sh -c "echo 0 >/sys/class/net/${P}w/queues/rx-0/rps_cpus" || return 1
	# What the hub sends must leave the wire in time, whatever the generator does.
	for n in $napi_site; do chrt -f -p 1 "$n" || return 1; done
	outside_mac=$(in_ns hub cat "/sys/class/net/${P}o/address")
}

delivered() { local n; n=$(counter "$1" delivered); echo "${n:-0}"; }

# load in|out|both BITS SIZE SECONDS SITES RUN: JSON with packets and nanoseconds; of UDP, or with TCP=1
load() {
	local sent=0 before after cpu own n way size=$3
	[ "$size" = imix ] && size=346 # the mean
	before=$(delivered in) && before=$((before + $(delivered out)))
	cpu=$(cpu_now) own=$(own_now)
	for way in in out; do
		case $1 in "$way" | both) ;; *) continue ;; esac
		(if [ $way = in ]; then on_site "$BIN/tests/net/blast" "in${TCP:+-tcp}" "$5" "$2" "$3" "$4" "$6" "${P}w" "$outside_mac" "$hub_since"
		else on_lan "$BIN/tests/net/blast" "out${TCP:+-tcp}" "$5" "$2" "$3" "$4" "$6" ${TCP:+"${P}h" "$inside_mac"}; fi) >"$LAB/load.$way" &
		others="${others:-} $!"
	done
	# shellcheck disable=SC2086
	wait $others; others=''
	cpu=$(($(cpu_now) - cpu)) own=$(($(own_now) - own))
	sleep 0.3
	for way in in out; do
		case $1 in "$way" | both) n=$(<"$LAB/load.$way"); sent=$((sent + n)) ;; esac
	done
	after=$(delivered in) && after=$((after + $(delivered out) - before))
	jq -nc --argjson sent $sent --argjson received $after --argjson cpu $cpu --argjson own $own --argjson seconds "$4" --argjson size "$size" \
		'{sent: $sent, received: $received, lost: ($sent - $received), cpu: $cpu, own: $own, share: ($cpu / $seconds / 1e9), bits_per_second: ($received * $size * 8 / $seconds)}'
}

# highest RATES COMMAND...: the result of the highest of the rates (in Mbit/s) without loss, found by halves; in
# COMMAND, RATE is the rate
highest() {
	local rates=($1) best='' out low=-1 high middle
	shift
	high=${#rates[@]}
	while [ $((high - low)) -gt 1 ]; do
		middle=$(((low + high) / 2))
		# Three times: it may have been the machine.
		for _ in 1 2 3; do
			out=$("${@/RATE/${rates[middle]}000000}") || return
			jq -e '.lost * 1000 <= .sent' <<<"$out" >/dev/null && break
		done
		if jq -e '.lost * 1000 <= .sent' <<<"$out" >/dev/null; then low=$middle best=$out; else high=$middle; fi
		[ -n "$best" ] || [ $middle -gt 0 ] || best=$out
	done
	echo "$best"
}

# A command of data_loop at the hub; and one of its counters: tell COMMAND..., counter in|out NAME
tell() { local n; n=$(grep -c ^ok "$LAB/hub.log"); echo "$*" >&5; until_true 5 eval '[ "$(grep -c ^ok "$LAB/hub.log")" -gt '"$n"' ]'; }
counter() { tell stats; grep "^$1 " "$LAB/hub.log" | tail -n 1 | tr ' ' '\n' | sed -n "s|^$2=\([-0-9]*\).*|\1|p"; }

# ---- traffic: each prints one line of JSON with what arrived, and the hub's nanoseconds: cpu, and own ----

# udp in|out BITS SIZE SECONDS [SITES]
udp() {
	local direction=$1 port=$((20000 + RANDOM % 20000)) receiver before after own sites=${5:-1} to from address
	if [ "$direction" = in ]; then from=site to=lan address=10.1.0.2; else from=lan to=site address=10.77.1.2; fi
	on_$to "$BIN/tests/net/flow" recv $port $(($4 + 10)) "$sites" >"$LAB/udp.$direction" & receiver=$!
	sleep 0.3
	before=$(cpu_now) own=$(own_now)
	(on_$from "$BIN/tests/net/flow" send $address $port "$2" "$3" "$4" "$sites") >"$LAB/sent.$direction"
	after=$(cpu_now) own=$(($(own_now) - own))
	wait $receiver
	jq -c --argjson cpu $((after - before)) --argjson own $own --argjson seconds "$4" --slurpfile sent "$LAB/sent.$direction" \
		'. + {cpu: $cpu, own: $own, sent: $sent[0].sent, share: ($cpu / $seconds / 1e9)}' "$LAB/udp.$direction"
}

# tcp in|out SECONDS [STREAMS]
tcp() {
	local direction=$1 server before after threads from to own address
	if [ "$direction" = in ]; then from=site to=lan own=10.77.1.2 address=10.1.0.2; else from=lan to=site own=10.1.0.2 address=10.77.1.2; fi
	on_$to iperf3 -s -1 >/dev/null 2>&1 & server=$!
	sleep 0.3
	before=$(cpu_now) threads=$(own_now)
	(on_$from timeout $(($2 + 10)) iperf3 -Z -J -B $own -c $address -t "$2" -P "${3:-1}") >"$LAB/tcp.json" 2>"$LAB/tcp.err"
	after=$(cpu_now) threads=$(($(own_now) - threads))
	kill $server 2>/dev/null; wait $server 2>/dev/null
	jq -c --argjson cpu $((after - before)) --argjson own $threads '.end | {bits_per_second: .sum_received.bits_per_second, bytes: .sum_received.bytes, retransmits: .sum_sent.retransmits, cpu: $cpu, own: $own, share: ($cpu / .sum_received.seconds / 1e9)}' "$LAB/tcp.json"
}

