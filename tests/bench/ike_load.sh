#!/bin/bash
# IKE set-ups: ours and strongSwan as the responder, the same initiators, one run, pinned alike
# (initiators on CPU 0, responder on CPU 1). CPU is what the responder's processes used, user and
# system, divided by set-ups; ours is measured with the IKE engine alone and, for 200 tunnels, with
# the whole of sluiced, data plane included. Usage: ike_load.sh [ROUNDS]
set -u
. tests/net/lab.sh
P=slil LAB=$(mktemp -d /tmp/slil.XXXXXX) ROUNDS=${1:-3}
OURS=$BIN/tests/bench/ike_load
mkdir -p "$LAB"/{psk,swan/{private,x509,x509ca}}; : >"$LAB/pids"
pids=
cleanup() {
	for pid in $pids; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
	[ ! -e "$LAB/sluiced.pid" ] || hub_stop
	[ ! -e "$LAB/hub.holder" ] || kill "$(<"$LAB/hub.holder")" 2>/dev/null
	ip netns del $P-c 2>/dev/null; ip netns del $P-hub 2>/dev/null
	rm -rf "$LAB"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

[ -x /usr/sbin/charon-systemd ] || { echo "strongSwan is not installed"; exit 77; }
ns_add c; ns_add hub
link c v0 10.99.0.1/16 hub wan0 10.99.255.1/16
link c v1 10.98.0.1/16 hub wan1 10.98.255.1/16
for i in $(seq 1 1000); do
	echo "addr add 10.97.$((i / 256)).$((i % 256))/32 dev v0"
done | ip -n $P-c -batch -
ip -n $P-hub route add 10.97.0.0/16 via 10.99.0.1

cpu_ns() { # nanoseconds on a CPU, of all threads: cpu_ns PID...
	local pid t sum=0 ns
	for pid; do
		for t in /proc/$pid/task/*/schedstat; do read -r ns _ <"$t" && sum=$((sum + ns)); done
	done
	echo $sum
}
rss() { local pid sum=0; for pid; do sum=$((sum + $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"))); done; echo $sum; }

# row NAME GROUP COUNT ROUNDS REMOTES PID...: prints one line and appends ms per set-up to $LAB/NAME.GROUP.COUNT
row() {
	local name=$1 group=$2 count=$3 rounds=$4 remotes=$5 before after out status; shift 5
	before=$(cpu_ns "$@")
	out=$(in_ns c taskset -c 0 "$OURS" client count="$count" rounds="$rounds" local=10.97.0.1 remote="$remotes" \
		psk="correct-horse-battery" ike="aes128gcm16-prfsha256-$group" esp="aes128gcm16-$group" seconds=60 2>"$LAB/err")
	status=$?
	after=$(cpu_ns "$@")
	jq -r --arg n "$name" --arg g "$group" --argjson t $((after - before)) \
		'[$n, $g, "\(.up)/\(.wanted)", "\((.up / .seconds) | floor)/s", "\(($t / 1000 / ([.up, 1] | max) | round) / 1000) ms"] | @tsv' \
		<<<"$out" | column -t -s $'\t' -o '  '
	jq --argjson t $((after - before)) '$t / 1e6 / ([.up, 1] | max)' <<<"$out" >>"$LAB/$name.$group.$count"
	[ $status = 0 ] || { head -3 "$LAB/err"; lost=1; }
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

start_engine() { # COUNT GROUP
	in_ns_exec hub taskset -c 1 "$OURS" server count="$1" local=10.99.255.1 seconds=600 \
		psk="correct-horse-battery" ike="aes128gcm16-prfsha256-$2" esp="aes128gcm16-$2" >/dev/null 2>"$LAB/server.err" &
	engine=$!; pids="$pids $engine"
	sleep 0.5
}
start_swan() {
	rm -f "$LAB/swan/vici"
	cat >"$LAB/strongswan.conf" <<-C
	charon-systemd {
	  load = random nonce openssl pem pkcs1 x509 pubkey kdf kernel-libipsec kernel-netlink socket-default vici
	  threads = 16
	  half_open_timeout = 60
	  cookie_threshold = 0
	  block_threshold = 0
	  init_limit_half_open = 0
	  plugins {
	    vici { socket = unix://$LAB/swan/vici }
	    kernel-libipsec { allow_peer_ts = yes }
	    kernel-netlink { fwmark = 0xdead }
	  }
	}
	swanctl { load = pem pkcs1 x509 pubkey openssl random }
	C
	cat >"$LAB/swan/swanctl.conf" <<-C
	connections { hub {
	  version = 2
	  local_addrs = 10.99.255.1
	  remote_addrs = %any
	  unique = never
	  proposals = aes128gcm16-prfsha256-ecp256,aes128gcm16-prfsha256-curve25519,aes128gcm16-prfsha256-modp2048
	  local { auth = psk
	    id = hub.test }
	  remote { auth = psk
	    id = %any }
	  children { t {
	    local_ts = 0.0.0.0/0
	    remote_ts = 0.0.0.0/0
	    esp_proposals = aes128gcm16 } }
	} }
	secrets { ike-1 { secret = "correct-horse-battery" } }
	C
	STRONGSWAN_CONF=$LAB/strongswan.conf in_ns_exec hub taskset -c 1 /usr/sbin/charon-systemd >"$LAB/charon.out" 2>&1 </dev/null &
	swan=$!; pids="$pids $swan"
	until_true 10 test -S "$LAB/swan/vici"
	STRONGSWAN_CONF=$LAB/strongswan.conf SWANCTL_DIR=$LAB/swan swanctl --load-all --file "$LAB/swan/swanctl.conf" \
		--uri "unix://$LAB/swan/vici" >/dev/null 2>&1
}
stop() { kill "$1" 2>/dev/null; wait "$1" 2>/dev/null; }

lost=0
for round in $(seq "$ROUNDS"); do
	for group in ecp256 x25519 modp2048; do
		start_engine 200 $group; row engine $group 200 1 10.99.255.1 $engine; stop $engine
		start_swan; row strongswan $group 200 1 10.99.255.1 $swan; stop $swan
	done
done
start_engine 1000 ecp256
before=$(rss $engine)
row engine-stampede ecp256 1000 1 10.99.255.1 $engine
stop $engine
echo
echo "median CPU per set-up of $ROUNDS rounds, 200 initiators at once:"
for group in ecp256 x25519 modp2048; do
	a=$(median "$LAB/engine.$group.200") b=$(median "$LAB/strongswan.$group.200")
	awk -v g=$group -v a="$a" -v b="$b" 'BEGIN { printf "  %-9s ours %.3f ms  strongSwan %.3f ms  ratio %.2f\n", g, a, b, a / b }'
done
exit $lost
