#!/bin/bash
# IKE set-ups: ours and strongSwan as the responder, the same initiators, one run, pinned alike
# (initiators on CPU 0, responder on CPU 1). CPU is what the responder's processes used, user and
# system, divided by set-ups. Ours is the engine of the ike process with sockets and no data plane;
# strongSwan has its userspace ESP, whose part is the installation of a pair. Memory is what the
# responder grew by, divided by set-ups. ecdsa-again: the same clients come once more, after a restart
# of theirs. Usage: ike_load.sh [ROUNDS]
set -u
. tests/net/lab.sh
. tests/bench/stats.sh
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

# row NAME GROUP COUNT AUTH PID: prints one line, appends ms per set-up to $LAB/NAME.GROUP.AUTH
row() {
	local name=$1 group=$2 count=$3 auth=$4 pid=$5 before after out status grown
	grown=$(rss "$pid") before=$(cpu_ns "$pid")
	# shellcheck disable=SC2046
	out=$(in_ns c taskset -c 0 "$OURS" client count="$count" local=10.97.0.1 remote=10.99.255.1 seconds=60 \
		ike="aes128gcm16-prfsha256-$group" esp="aes128gcm16-$group" $(secret_of "$auth") hold=1 2>"$LAB/err")
	status=$?
	after=$(cpu_ns "$pid") grown=$(($(rss "$pid") - grown))
	jq -r --arg n "$name" --arg g "$group, $auth" --argjson t $((after - before)) --argjson m "$grown" \
		'[$n, $g, "\(.up)/\(.wanted) up", "\((.up / .seconds) | floor)/s", "\(($t / 1000 / ([.up, 1] | max) | round) / 1000) ms",
		"\(($m / ([.up, 1] | max) * 10 | round) / 10) kB"] | @tsv' <<<"$out" | column -t -s $'\t' -o '  '
	jq --argjson t $((after - before)) '$t / 1e6 / ([.up, 1] | max)' <<<"$out" >>"$LAB/$name.$group.$auth"
	[ $status = 0 ] || { head -3 "$LAB/err"; lost=1; }
}
secret_of() { # secret_of AUTH: arguments of ike_load. Each client has a certificate of its own
	if [ "$1" = psk ]; then echo psk=correct-horse-battery; return; fi
	echo "issued=$LAB/ca/root/issued ca=$LAB/ca/root/ca.pem"
}

start_engine() { # COUNT GROUP AUTH
	# shellcheck disable=SC2046
	in_ns_exec hub taskset -c 1 "$OURS" server count="$1" local=10.99.255.1 seconds=600 \
		ike="aes128gcm16-prfsha256-$2" esp="aes128gcm16-$2" $(secret_of "$3") >/dev/null 2>"$LAB/server.err" &
	engine=$!; pids="$pids $engine"
	sleep 0.5
}
start_swan() { # AUTH
	local auth='auth = psk'; [ "$1" = psk ] || auth='auth = pubkey'
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
	  local { $auth
	    $([ "$1" = psk ] || echo "certs = hub.pem")
	    id = hub.test }
	  remote { $auth
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

make_pki() {
	local ca=("$BIN/sluice" ca)
	"${ca[@]}" init --dir "$LAB/ca" && "${ca[@]}" issue hub --identity hub.test --dir "$LAB/ca" || return 1
	for i in $(seq 0 999); do
		"${ca[@]}" issue "c$i" --identity "c$i.test" --dir "$LAB/ca" || return 1
	done
	cp "$LAB/ca/root/issued/hub.pem" "$LAB/swan/x509/"; cp "$LAB/ca/root/issued/hub.key" "$LAB/swan/private/"
	cp "$LAB/ca/root/ca.pem" "$LAB/swan/x509ca/"
}
make_pki >/dev/null || { echo "no certificates"; exit 1; }

lost=0
kinds=("ecp256 psk" "x25519 psk" "modp2048 psk" "ecp256 ecdsa")
for round in $(seq "$ROUNDS"); do
	for kind in "${kinds[@]}"; do
		read -r group auth <<<"$kind"
		start_engine 200 "$group" "$auth"
		row ours "$group" 200 "$auth" $engine
		[ "$auth" = psk ] || row ours "$group" 200 "$auth-again" $engine
		stop $engine
		start_swan "$auth"
		row strongSwan "$group" 200 "$auth" $swan
		[ "$auth" = psk ] || row strongSwan "$group" 200 "$auth-again" $swan
		stop $swan
	done
done
echo "a stampede of 1,000 initiators:"
start_engine 1000 ecp256 psk; row stampede ecp256 1000 psk $engine; stop $engine
start_engine 1000 ecp256 ecdsa; row stampede ecp256 1000 ecdsa $engine; stop $engine
echo
echo "median CPU per set-up of $ROUNDS rounds, 200 initiators at once:"
for kind in "${kinds[@]}" "ecp256 ecdsa-again"; do
	read -r group auth <<<"$kind"
	a=$(median <"$LAB/ours.$group.$auth") b=$(median <"$LAB/strongSwan.$group.$auth")
	awk -v g="$group, $auth" -v a="$a" -v b="$b" 'BEGIN { printf "  %-16s ours %.3f ms  strongSwan %.3f ms  ratio %.2f\n", g, a, b, a / b }'
done
exit $lost
