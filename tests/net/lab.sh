# shellcheck shell=bash
# A hub and its branches in network namespaces. Sourced by the demo and by the namespace tests.
#
#   $P-inet   the internet between them
#   $P-hub    the hub: wan0 198.51.100.1, wan1 198.51.101.1, lan 10.0.0.1/24; sluiced runs here
#   $P-host   a host behind the hub: 10.0.0.10, fd00:10::10
#   $P-bN     branch router N: tun0, tun1, lan 10.N.0.1/24; BIRD runs here
#   $P-bN-h   a host behind branch N: 10.N.0.10, fd00:10:N::10
#   $P-bN-w0, -w1   the branch's two uplinks; a strongSwan with userspace ESP in each, whose TUN is
#             moved into the branch router, so that outer and inner routing never meet
#   $P-c, $P-cA, $P-cB   in compact form: all branches in one router, one strongSwan per hub address
#
# Set before sourcing: P (prefix of the namespaces), LAB (scratch directory), BIN (sluiced, sluice,
# tests/net/*). lab_down removes everything that carries the prefix or stands in $LAB/pids.

HUB_AS=64999
HUB_ID=hub.sluice.test

in_ns() { local ns=$P-$1; shift; ip netns exec "$ns" "$@"; }

# The hub has its own mounts too: /run/sluice, /var/lib/sluice and bpffs are private to it.
in_hub() { nsenter -t "$(<"$LAB/hub.holder")" -m -n -r "$@"; }

# For the background: the command takes the place of the subshell, so that $! is its pid.
in_ns_exec() { local ns=$P-$1; shift; exec ip netns exec "$ns" "$@"; }
in_hub_exec() { exec nsenter -t "$(<"$LAB/hub.holder")" -m -n -r "$@"; }

remember() { echo "$1" >>"$LAB/pids"; }

# Waits until a command succeeds: until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# In namespace NS, commands of ip from standard input: starting it for each takes long where the machine
# is emulated.
ip_batch() { ip -n "$P-$1" -batch -; }

ns_add() {
	ip netns add "$P-$1"
	ip -n "$P-$1" link set lo up
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.default.accept_dad=0
}

# link NS1 DEVICE1 ADDRESSES1 NS2 DEVICE2 ADDRESSES2; addresses separated by commas
link() {
	ip -n "$P-$1" link add "$2" type veth peer name "$5" netns "$P-$4"
	device_up "$2" "$3" | ip_batch "$1"
	device_up "$5" "$6" | ip_batch "$4"
}

device_up() { # DEVICE ADDRESSES
	local a
	for a in ${2//,/ }; do
		case $a in *:*) echo "addr add $a dev $1 nodad" ;; *) echo "addr add $a dev $1" ;; esac
	done
	echo "link set $1 up"
}

default_via() { ip -n "$P-$1" route add default via "$2"; [ -z "${3:-}" ] || ip -n "$P-$1" -6 route add default via "$3"; }

# Inside block of site N tunnel T: number 2N+T, from 169.254.100.0 on.
inside4() { local k=$((2 * $1 + $2)); echo "169.254.$((100 + k / 64)).$((k % 64 * 4 + $3))"; }
inside6() { echo "fd00:ffff:$1:$2::$3"; }

lab_hub_net() {
	local net
	ns_add inet; ns_add hub; ns_add host
	link hub wan0 198.51.100.1/30,2001:db8:a::1/64 inet hub0 198.51.100.2/30,2001:db8:a::2/64
	link hub wan1 198.51.101.1/30,2001:db8:b::1/64 inet hub1 198.51.101.2/30,2001:db8:b::2/64
	link hub lan 10.0.0.1/24,fd00:10::1/64 host eth0 10.0.0.10/24,fd00:10::10/64
	default_via host 10.0.0.1 fd00:10::1
	{
		for net in 64 66; do echo "route add 100.$net.0.0/16 via 198.51.100.2"; done
		for net in 65 67; do echo "route add 100.$net.0.0/16 via 198.51.101.2"; done
		echo "route add 2001:db8:64::/48 via 2001:db8:a::2"
		echo "route add 2001:db8:65::/48 via 2001:db8:b::2"
	} | ip_batch hub
	# Forwarded UDP reaches the hub in bulk, as a NIC with receive offload would deliver it.
	in_ns hub ethtool -K lan gro on rx-udp-gro-forwarding on >/dev/null 2>&1 || true
	ip netns exec "$P-hub" unshare -m --propagation private sh -c \
		'for d in /var/lib/sluice /run/sluice; do mkdir -p $d && mount -t tmpfs tmpfs $d || exit; done; exec sleep infinity' &
	echo $! >"$LAB/hub.holder"
	remember $!
	until_true 5 in_hub mountpoint -q /run/sluice
}

# hub_config FIRST LAST: the configuration of sites FIRST..LAST on standard output.
hub_config() {
	local n t
	cat <<-E
	concentrator:
	  name: lab
	  asn: $HUB_AS
	  endpoints:
	    - { device: wan0, addresses: [198.51.100.1, '2001:db8:a::1'] }
	    - { device: wan1, addresses: [198.51.101.1, '2001:db8:b::1'] }
	  networks: [10.0.0.0/24, 'fd00:10::/64']
	  identity: $HUB_ID
	  site_rate: ${SITE_RATE:-100M}
	  dataplane: ${BACKEND:-auto}
	  hold_time: ${HOLD:-9}
	  keepalive: $((${HOLD:-9} / 3))
	  allow_fast_dpd: true
	  metrics: 127.0.0.1:9469
	  log_directory: $LAB/log
	  ${HUB_OPTIONS:-}
	defaults:
	  tunnel: { dpd_interval: ${HUB_DPD_INTERVAL:-3}, dpd_timeout: ${HUB_DPD_TIMEOUT:-10} }
	sites:
	E
	for n in $(seq "$1" "$2"); do
		printf '  - name: site-%d\n    asn: %d\n' "$n" $((65000 + n))
		[ -z "${BFD_MS:-}" ] || printf '    bfd: { interval: %dms, multiplier: %d }\n' "$BFD_MS" "${BFD_MISSES:-3}"
		[ -z "${SITE_OPTIONS:-}" ] || printf '    %s\n' "$SITE_OPTIONS"
		printf '    tunnels:\n'
		for t in 0 1; do
			[ -s "$LAB/psk/$n.$t" ] || (umask 077; tr -dc A-Za-z1-9 </dev/urandom | head -c 32 >"$LAB/psk/$n.$t")
			printf "      - { identity: s%d.t%d.sluice.test, inside: %s/30, inside6: '%s/126', psk: 'file:%s' }\n" \
				"$n" "$t" "$(inside4 "$n" "$t" 0)" "$(inside6 "$n" "$t" 0)" "$LAB/psk/$n.$t"
		done
	done
}

# The sanitizer build cannot look for leaks under its seccomp filter (that needs ptrace).
# START_WITH: options; without, it starts with the file as it is.
hub_start() {
	ASAN_OPTIONS=detect_leaks=0:log_path=$LAB/asan in_hub_exec "$BIN/sluiced" ${START_WITH---apply} -f "$LAB/sluice.yaml" >>"$LAB/sluiced.log" 2>&1 </dev/null &
	echo $! >"$LAB/sluiced.pid"
	remember $!
	until_true 10 sluice show sites
}

hub_stop() {
	local pid; pid=$(<"$LAB/sluiced.pid")
	kill "$pid" 2>/dev/null || return 0
	until_true 10 not_running "$pid"
}

# The traffic classes of the TCP packets to or from port 179 that the hub sends within four seconds.
bgp_classes() {
	in_hub python3 -c '
import socket, time
ALL, SENT, TCP = 3, 4, 6
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
s.bind(("sluice0", 0))
s.settimeout(0.5)
seen, end = set(), time.time() + 4
while time.time() < end:
    try:
        p, who = s.recvfrom(65536)
    except socket.timeout:
        continue
    v6 = p[0] >> 4 == 6
    tcp = p[40:] if v6 else p[(p[0] & 15) * 4:]
    if who[2] == SENT and p[6 if v6 else 9] == TCP and b"\0\xb3" in (tcp[0:2], tcp[2:4]):
        seen.add("v6 %02x" % ((p[0] & 15) << 4 | p[1] >> 4) if v6 else "v4 %02x" % p[1])
print(" ".join(sorted(seen)))'
}

# What the hub's kernel has of ours. Each asks for something that must be readable, so that a command
# that fails is never taken for "nothing there".
xdp_attached() { local out; out=$(in_hub bpftool net show dev wan0) && [[ $out == *xdp:* && $out == *" id "* ]]; }
nothing_left() { # programs, inside device, routes
	local programs devices routes
	programs=$(in_hub bpftool net show dev wan0) && devices=$(in_hub ip -o link show) &&
		routes=$(in_hub ip route show table all) || return 1
	[[ $programs == *xdp:* && $programs != *" id "* && $devices == *wan0* && $devices != *sluice0* &&
		$routes == *wan0* && $routes != *"proto 83"* ]]
}
left_closed() { # what a killed hub leaves: no device and no route, but what closes the outside devices
	local devices routes
	devices=$(in_hub ip -o link show) && routes=$(in_hub ip route show table all) || return 1
	[[ $devices == *wan0* && $devices != *sluice0* && $routes == *wan0* && $routes != *"proto 83"* ]] && xdp_attached
}
nothing_pinned() { in_hub test -d /sys/fs/bpf && in_hub test ! -e /sys/fs/bpf/sluice; }

not_running() { ! kill -0 "$1" 2>/dev/null; }

sluice() { in_hub "$BIN/sluice" "$@"; }

# What `sluice show ...` has: json_of COMMAND... FILTER
json_of() { local filter=${*: -1}; sluice "${@:1:$#-1}" --json | jq -r "$filter"; }

# charon NS DIRECTORY INNER_NS TUN ADDRESS...: a strongSwan in NS, its TUN in INNER_NS.
charon_start() {
	local ns=$1 d=$2 inner=$3 tun=$4 a; shift 4
	mkdir -p "$d"/swanctl/{x509,x509ca,x509ocsp,x509aa,x509ac,x509crl,pubkey,private,rsa,ecdsa,bliss,pkcs8,pkcs12}
	cat >"$d/strongswan.conf" <<-E
	charon-systemd {
	  load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints kdf kernel-libipsec kernel-netlink socket-default vici
	  threads = 16
	  retransmit_tries = 4
	  retransmit_timeout = 1.0
	  retransmit_base = 1.3
	  ikesa_table_size = 256
	  ikesa_table_segments = 4
	  plugins {
	    vici { socket = unix://$d/vici }
	    kernel-libipsec { allow_peer_ts = yes }
	    kernel-netlink { fwmark = 0xdead }
	  }
	  filelog { l { path = $d/log
	    time_format = %H:%M:%S
	    time_add_ms = yes
	    flush_line = yes
	    default = 1 } }
	}
	swanctl { load = pem pkcs1 pkcs8 x509 pubkey openssl random }
	E
	STRONGSWAN_CONF=$d/strongswan.conf in_ns_exec "$ns" /usr/sbin/charon-systemd >"$d/out" 2>&1 </dev/null &
	echo $! >"$d/pid"
	remember $!
	until_true 20 test -S "$d/vici"
	ip -n "$P-$ns" link set ipsec0 netns "$P-$inner" name "$tun"
	# libipsec insists on a device of that name for its routes.
	ip -n "$P-$ns" link add ipsec0 type veth peer name ipsec0p
	ip -n "$P-$ns" link set ipsec0 up
	ip -n "$P-$inner" link set "$tun" up mtu 1400
	for a; do ip -n "$P-$inner" addr add "$a" dev "$tun" $([[ $a == *:* ]] && echo nodad); done
}

swan() { local d=$1; shift; STRONGSWAN_CONF=$d/strongswan.conf SWANCTL_DIR=$d/swanctl timeout 20 swanctl "$@" --uri "unix://$d/vici"; }

# connection NAME N T LOCAL REMOTE LOCAL_TS REMOTE_TS: one IKEv2 connection of a branch.
connection() {
	cat <<-E
	  $1 { version = ${IKE_VERSION:-2}
	    local_addrs = $4
	    remote_addrs = $5
	    proposals = ${IKE:-aes128gcm16-prfsha256-ecp256}
	    encap = yes
	    keyingtries = 0
	    dpd_delay = ${BRANCH_DPD:-3s}
	    rekey_time = ${REKEY:-4h}
	    local { auth = psk
	      id = s$2.t$3.sluice.test }
	    remote { auth = psk
	      id = $HUB_ID }
	    children { t { local_ts = $6
	      remote_ts = $7
	      start_action = start
	      dpd_action = restart
	      close_action = start
	      rekey_time = ${CHILD_REKEY:-1h}
	      life_time = ${CHILD_LIFE:-66m}
	      rand_time = 1s
	      esp_proposals = ${ESP:-aes128gcm16-ecp256} } } }
	E
}

secret() { printf 'ike-%d-%d { id = s%d.t%d.sluice.test\n secret = "%s" }\n' "$1" "$2" "$1" "$2" "$(<"$LAB/psk/$1.$2")"; }

# branch_up N: a real branch with its own router, host, two strongSwans and BIRD. NARROW is for selectors
# that are not everything: an address within each of the site's, separated by spaces. libipsec makes a route
# for each policy, from an address within it that its own namespace must have, or gives the SA up.
branch_up() {
	local n=$1 t w d a remote
	ns_add "b$n"; ns_add "b$n-h"
	link "b$n" lan "10.$n.0.1/24,fd00:10:$n::1/64" "b$n-h" eth0 "10.$n.0.10/24,fd00:10:$n::10/64"
	default_via "b$n-h" "10.$n.0.1" "fd00:10:$n::1"
	for t in 0 1; do
		w=b$n-w$t d=$LAB/b$n/$t
		ns_add "$w"
		link "$w" w "100.$((64 + t)).$n.2/30,2001:db8:$((64 + t)):$n::2/64" \
			inet "b${n}_$t" "100.$((64 + t)).$n.1/30,2001:db8:$((64 + t)):$n::1/64"
		default_via "$w" "100.$((64 + t)).$n.1" "2001:db8:$((64 + t)):$n::1"
		[ -z "${NARROW:-}" ] || for a in "$(inside4 "$n" $t 2)" $NARROW; do echo "addr add $a/32 dev lo"; done | ip_batch "$w"
		charon_start "$w" "$d" "b$n" "tun$t" "$(inside4 "$n" $t 2)/30" "$(inside6 "$n" $t 2)/126"
		remote=198.51.$((100 + t)).1
		{
			echo "connections {"
			connection hub "$n" $t %any $remote 0.0.0.0/0,::/0 0.0.0.0/0,::/0
			echo "}"
			echo "secrets { $(secret "$n" $t) }"
		} >"$d/swanctl/swanctl.conf"
		swan "$d" --load-all --file "$d/swanctl/swanctl.conf" >"$d/load.out" 2>&1 &
		remember $!
	done
	branch_bird "$n"
}

# Only the LAN is announced. Tunnel 1 is the backup in both directions: MED and a longer path out,
# local preference in. With EQUAL_PATHS both tunnels are announced alike.
branch_bird() {
	local n=$1 t bfd="" password="" hop4 hop6 from to
	[ -z "${BGP_PASSWORD:-}" ] || password="password \"$BGP_PASSWORD\";"
	[ -z "${BGP_TTL:-}" ] || password+=" ttl security on;"
	[ -z "${BFD_MS:-}" ] || bfd="protocol bfd { interface \"tun*\" { interval $BFD_MS ms; multiplier 3; }; }"
	{
		cat <<-E
		router id 10.$n.0.1;
		log "$LAB/b$n/bird.log" all;
		protocol device { scan time 2; }
		protocol direct { ipv4; ipv6; interface "lan*"; }
		$bfd
		protocol kernel { ipv4 { import none; export filter { if source = RTS_BGP then { krt_prefsrc = 10.$n.0.1; accept; } reject; }; }; }
		protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }
		template bgp hub { local as $((65000 + n)); hold time ${HOLD:-9}; keepalive time $((${HOLD:-9} / 3)); connect retry time 2; connect delay time 1; error wait time 1,4; ${BFD_MS:+bfd on;} $password }
		E
		for t in 0 1; do
			local out="if source != RTS_DEVICE then reject; bgp_med = $((10 + 90 * t));"
			[ $t = 1 ] && out+=" bgp_path.prepend($((65000 + n)));"
			[ -z "${EQUAL_PATHS:-}" ] || out="if source != RTS_DEVICE then reject; bgp_med = 10;"
			hop4="" hop6="next hop address $(inside6 "$n" $t 2);" from=$(inside4 "$n" $t 2) to=$(inside4 "$n" $t 1)
			if [ -n "${BGP_V6:-}" ]; then
				hop4="next hop address $from;" hop6="" from=$(inside6 "$n" $t 2) to=$(inside6 "$n" $t 1)
			fi
			cat <<-E
			protocol bgp t$t from hub { local $from; neighbor $to as $HUB_AS;
			  ipv4 { import filter { bgp_local_pref = $((200 - 100 * t)); accept; }; $hop4 export filter { $out accept; }; };
			  ipv6 { import filter { bgp_local_pref = $((200 - 100 * t)); accept; }; $hop6 export filter { $out accept; }; }; }
			E
		done
	} >"$LAB/b$n/bird.conf"
	bird_start "b$n" "$LAB/b$n"
}

bird_start() {
	in_ns_exec "$1" bird -f -c "$2/bird.conf" -s "$2/bird.ctl" -P "$2/bird.pid" >"$2/bird.out" 2>&1 </dev/null &
	remember $!
}

# compact_up N: all of N branches as two strongSwans (one per hub address, a connection, source
# address, identity and LAN each) and one BIRD with two sessions per site. The hub's selectors stay
# 0/0; each branch offers its own, because libipsec takes the first policy that matches a source.
compact_up() {
	local n t x d=$LAB/compact
	mkdir -p "$d"
	ns_add c
	for t in 0 1; do
		x=$([ $t = 0 ] && echo A || echo B)
		ns_add "c$x"
		link "c$x" w "100.$((66 + t)).255.254/16" inet "c$x" "100.$((66 + t)).255.253/16"
		default_via "c$x" "100.$((66 + t)).255.253"
		for n in $(seq "$1"); do
			echo "addr add 100.$((66 + t)).0.$n/16 dev w"
			echo "addr add $(inside4 "$n" $t 2)/32 dev lo"
			echo "addr add 10.$n.0.1/32 dev lo"
		done | ip -n "$P-c$x" -batch -
		charon_start "c$x" "$d/$x" c "tun$x"
		for n in $(seq "$1"); do
			echo "addr add $(inside4 "$n" $t 2)/30 dev tun$x"
			[ $t = 1 ] || echo "addr add 10.$n.0.10/32 dev lo"
			[ $t = 1 ] || echo "rule add from 10.$n.0.0/24 lookup $((1000 + n))"
		done | ip -n "$P-c" -batch -
		{
			echo "connections {"
			for n in $(seq "$1"); do
				connection "s$n" "$n" $t "100.$((66 + t)).0.$n" "198.51.$((100 + t)).1" \
					"$(inside4 "$n" $t 2)/32,10.$n.0.0/24" 0.0.0.0/0
			done
			echo "}"
			echo "secrets {"
			for n in $(seq "$1"); do secret "$n" $t; done
			echo "}"
		} >"$d/$x/swanctl/swanctl.conf"
	done
	compact_bird "$1"
	for x in A B; do swan "$d/$x" --load-all --file "$d/$x/swanctl/swanctl.conf" >"$d/$x/load.out" 2>&1 & remember $!; done
	bird_start c "$d"
}

compact_bird() {
	local n t
	{
		echo "router id 10.255.255.1; log \"$LAB/compact/bird.log\" { warning, error, fatal, remote, auth };"
		echo "protocol device { scan time 5; }"
		for n in $(seq "$1"); do
			echo "ipv4 table T$n; protocol static L$n { ipv4 { table T$n; }; route 10.$n.0.0/24 unreachable; }"
			echo "protocol kernel K$n { kernel table $((1000 + n)); ipv4 { table T$n; import none; export where source = RTS_BGP; }; }"
			for t in 0 1; do
				echo "protocol bgp s${n}_$t { router id 10.$n.0.1; local $(inside4 "$n" $t 2) as $((65000 + n)); neighbor $(inside4 "$n" $t 1) as $HUB_AS;"
				echo " hold time 9; keepalive time 3; connect retry time 2; connect delay time 1; error wait time 1,4;"
				echo " ipv4 { table T$n; import filter { bgp_local_pref = $((200 - 100 * t)); accept; }; next hop self; export filter { if source != RTS_STATIC then reject; bgp_med = $((10 + 90 * t)); accept; }; }; }"
			done
		done
	} >"$LAB/compact/bird.conf"
}

# A silent cut of one uplink: both directions dropped, carrier stays. cut_on N T, cut_off N T
cut_on() {
	in_ns inet nft "table inet cut_$1_$2 {
		chain f {
			type filter hook forward priority 0
			iifname \"b$1_$2\" drop
			oifname \"b$1_$2\" drop
		}
	}"
}
cut_off() { in_ns inet nft delete table inet "cut_$1_$2"; }

# Counts of what is up, from the hub's own view.
tunnels_up() { json_of show tunnels '[.tunnels[] | select(.state == "up")] | length'; }
bgp_up() { json_of show tunnels '[.tunnels[] | select(.bgp == "established")] | length'; }
all_up() { [ "$(bgp_up)" = "$1" ]; }

# Whether a socket of that UDP port is open where the process is: udp_open PID PORT
udp_open() { grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$2") " "/proc/$1/net/udp6"; }

# train FROM_NS TO_NS ADDRESS BITS SIZE SECONDS: one packet train; prints the receiver's JSON. With
# TRAIN_CPU its sender stays on that CPU.
train() {
	local port=$((20000 + RANDOM % 20000)) out
	out=$(mktemp "$LAB/train.XXXXXX")
	in_ns_exec "$2" "$BIN/tests/net/flow" recv $port $(($6 + 15)) >"$out" &
	local receiver=$!
	remember $receiver
	until_true 5 udp_open $receiver $port
	in_ns "$1" ${TRAIN_CPU:+taskset -c "$TRAIN_CPU"} "$BIN/tests/net/flow" send "$3" $port "$4" "$5" "$6" >/dev/null
	wait $receiver
	cat "$out"
	rm -f "$out"
}

lab_init() {
	mkdir -p "$LAB/psk"
	: >"$LAB/pids"
	tools/users.sh
}

lab_down() {
	local pid ns
	[ -e "$LAB/pids" ] || return 0
	[ -e "$LAB/sluiced.pid" ] && kill "$(<"$LAB/sluiced.pid")" 2>/dev/null && until_true 6 not_running "$(<"$LAB/sluiced.pid")"
	while read -r pid; do kill "$pid" 2>/dev/null; done <"$LAB/pids"
	sleep 0.3
	while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$LAB/pids"
	for ns in $(ip netns list | awk -v p="$P-" 'index($1, p) == 1 { print $1 }'); do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del "$ns"
	done
	return 0
}
