#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The IKE engine against strongSwan: ike_strongswan.sh [DIRECTORY WITH ike_peer] [IKE VERSION]
# One line per case, "ok NAME" or "FAIL NAME"; exit status 1 when one failed. Needs root.
set -u
version=${2:-2}
here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$here/build/asan/tests/net}/ike_peer
tmp=$(mktemp -d /tmp/ikes.XXXXXX)
A=ikes$$a B=ikes$$b N=ikes$$n
OURS=192.0.2.1 THEIRS=192.0.2.2
charon= peer= failed=0
any=0.0.0.0/0,::/0
[ "$version" = 1 ] && any=0.0.0.0/0 # a quick mode has one selector a side

cleanup() {
	exec 7>&- 2>/dev/null
	for pid in $peer $charon; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
	ip netns del $A 2>/dev/null
	ip netns del $B 2>/dev/null
	ip netns del $N 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say() { # ok|FAIL NAME
	echo "$1 $2"
	[ "$1" = ok ] && return
	failed=1
	sed "s/^/    ours: /" "$tmp/peer.log" | tail -15
	tail -12 "$tmp/charon.log" | sed "s/^/    charon: /"
}

# until SECONDS COMMAND...: true as soon as the command is
until_true() {
	local end=$((SECONDS + $1)); shift
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -ge $end ] && return 1
		sleep 0.1
	done
}

check() { # NAME SECONDS COMMAND...
	local name=$1 seconds=$2; shift 2
	if until_true "$seconds" "$@"; then say ok "$name"; else say FAIL "$name"; fi
}

ours() { grep -q -- "$1" "$tmp/peer.log"; }
ours_times() { [ "$(grep -c -- "$1" "$tmp/peer.log")" -ge "$2" ]; }
theirs() { sctl --list-sas 2>/dev/null | grep -q -- "$1"; }
theirs_log() { tail -n +"$mark" "$tmp/charon.log" | grep -q -- "$1"; }
no_sas() { [ -z "$(sctl --list-sas 2>/dev/null)" ]; }
sctl() {
	STRONGSWAN_CONF=$tmp/strongswan.conf SWANCTL_DIR=$tmp timeout 10 \
		swanctl "$@" --uri unix://$tmp/vici
}
# The last pair we use is the last one charon installed.
same_pair() {
	local line in out
	line=$(grep '^use ' "$tmp/peer.log" | tail -1)
	in=${line#*in=}; in=${in%% *}; out=${line#*out=}
	local sas; sas=$(sctl --list-sas 2>/dev/null)
	[ "$(grep -c INSTALLED <<<"$sas")" = 1 ] && grep -q "in  $out" <<<"$sas" &&
		grep -q "out $in" <<<"$sas"
}

start_charon() {
	mkdir -p "$tmp"/{x509,x509ca,private}
	cat > "$tmp/strongswan.conf" <<C
charon-systemd {
	load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey kdf kernel-libipsec kernel-netlink socket-default vici
	threads = 16
	${charon_options:-}
	retransmit_tries = 3
	retransmit_timeout = 1.0
	retransmit_base = 1.3
	plugins {
		vici { socket = unix://$tmp/vici }
		kernel-libipsec { allow_peer_ts = yes }
		kernel-netlink { fwmark = 0xdead }
	}
	filelog { l { path = $tmp/charon.log
		flush_line = yes
		default = 1 } }
}
swanctl { load = pem pkcs1 pkcs8 x509 pubkey openssl random }
C
	rm -f "$tmp/vici"
	ip -n $B route flush table 220 2>/dev/null
	STRONGSWAN_CONF=$tmp/strongswan.conf ip netns exec $B /usr/sbin/charon-systemd \
		>"$tmp/charon.out" 2>&1 </dev/null 7>&- &
	charon=$!
	until_true 10 test -S "$tmp/vici" || { echo "charon did not start"; exit 1; }
}

# configure IKE_SUITE ESP_SUITE [SECRET] [REMOTE_TS]
configure() {
	cat > "$tmp/swanctl.conf" <<C
connections { hub {
	version = $version
	${aggressive:+aggressive = $aggressive}
	local_addrs = $THEIRS
	remote_addrs = $OURS
	proposals = $1
	encap = ${encap:-yes}
	dpd_delay = 20s
	rekey_time = 1h
	local { auth = psk
		id = site.test }
	remote { auth = psk
		id = hub.test }
	children { t {
		local_ts = $any
		remote_ts = ${4:-$any}
		rekey_time = 30m
		esp_proposals = $2 } }
} }
secrets { ike-1 { secret = "${3:-correct-psk}" } }
C
	sctl --load-all --clear --file "$tmp/swanctl.conf" >/dev/null 2>&1
}

start_peer() { # ARGUMENTS of ike_peer
	mark=$(($(wc -l < "$tmp/charon.log") + 1))
	rm -f "$tmp/in"; mkfifo "$tmp/in"
	ip netns exec $A "$bin" local=$OURS remote=$THEIRS id=hub.test peer=site.test \
		psk=correct-psk version=$version "$@" <"$tmp/in" >"$tmp/peer.log" 2>&1 &
	peer=$!
	exec 7>"$tmp/in"
	until_true 10 ours "^state DOWN"
}

stop_peer() {
	exec 7>&-
	until_true 3 no_sas
	local status=0
	wait $peer; status=$?
	peer=
	[ $status = 0 ] || say FAIL "$1: ike_peer ended with status $status"
	sctl --terminate --ike hub --force >/dev/null 2>&1
	until_true 5 no_sas
}

command() { echo "$1" >&7; }
initiate() { sctl --initiate --child t --timeout "${1:-8}" >"$tmp/initiate.log" 2>&1; }

whole_life() { # NAME: everything that an established tunnel can be asked
	check "$1 same SA pair" 4 same_pair
	sctl --rekey --child t >/dev/null 2>&1
	check "$1 child rekey by strongSwan" 4 ours "note CHILD_REKEYED.*by the peer"
	sleep 0.7
	check "$1 same SA pair after it" 4 same_pair
	command rekey-child
	check "$1 child rekey by us" 4 ours_times "note CHILD_REKEYED" 2
	check "$1 same SA pair after it" 4 same_pair
	sctl --rekey --ike hub >/dev/null 2>&1
	check "$1 IKE rekey by strongSwan" 4 ours "note IKE_REKEYED.*by the peer"
	command rekey-ike
	check "$1 IKE rekey by us" 4 ours_times "note IKE_REKEYED" 2
	check "$1 same SA pair after it" 4 same_pair
	# IKEv1 has no rekey that ends the old SA at once
	check "$1 one IKE SA left" $((version == 1 ? 25 : 4)) eval '[ $(sctl --list-sas 2>/dev/null | grep -c "IKEv$version") = 1 ]'
	command rekey-child
	check "$1 child rekey on the new IKE SA" 4 ours_times "note CHILD_REKEYED" 3
	check "$1 same SA pair at the end" 4 same_pair
}

# A second way between both, through a NAT before strongSwan.
make_nat() {
	ip netns add $N
	ip -n $N link add outer type veth peer name vn netns $A
	ip -n $N link add inner type veth peer name vn netns $B
	ip -n $N addr add 198.51.100.2/24 dev outer; ip -n $N link set outer up
	ip -n $N addr add 10.77.0.1/24 dev inner; ip -n $N link set inner up
	ip -n $A addr add 198.51.100.1/24 dev vn; ip -n $A link set vn up
	ip -n $B addr add 10.77.0.2/24 dev vn; ip -n $B link set vn up
	ip -n $B route add 198.51.100.0/24 via 10.77.0.1
	ip netns exec $N sysctl -qw net.ipv4.ip_forward=1
	ip netns exec $N nft -f - <<C
table ip nat {
	chain post {
		type nat hook postrouting priority 100
		oifname "outer" masquerade
	}
}
C
}

nat_case() { # SUITE
	make_nat
	OURS=198.51.100.1 THEIRS=10.77.0.2 encap=no configure "$1" "$1"
	OURS=198.51.100.1 THEIRS=198.51.100.2 start_peer ike="$1" esp="$1"
	initiate
	check "v$version behind a NAT: up" 6 ours "^state UP"
	check "v$version behind a NAT: ESP in UDP" 2 ours "^add .*encap=1"
	check "v$version behind a NAT: same SA pair" 4 same_pair
	command rekey-child
	check "v$version behind a NAT: child rekey by us" 4 ours "note CHILD_REKEYED"
	command rekey-ike
	check "v$version behind a NAT: IKE rekey by us" 4 ours "note IKE_REKEYED"
	check "v$version behind a NAT: same SA pair after it" 4 same_pair
	stop_peer "v$version nat"
	ip netns del $N
}

ip netns add $A && ip netns add $B || exit 1
ip -n $A link set lo up; ip -n $B link set lo up
ip -n $A link add v type veth peer name v netns $B
ip -n $A addr add $OURS/24 dev v; ip -n $B addr add $THEIRS/24 dev v
ip -n $A link set v up; ip -n $B link set v up
start_charon

if [ -n "${cases:-}" ]; then # another script has sourced this one for its functions
	$cases
	exit $failed
fi

# 1. strongSwan initiates, GCM
configure aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256
start_peer ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16-ecp256 encap=force
initiate
check "gcm ecp256, they initiate: up" 5 ours "^state UP"
whole_life "gcm"
sctl --terminate --child t >/dev/null 2>&1
check "gcm child delete by strongSwan" 4 ours "PEER_DELETED_CHILD"
initiate
check "gcm new child on the same IKE SA" 4 eval 'ours_times "^state UP" 2'
command down
check "gcm delete by us" 4 no_sas
stop_peer gcm

# 2. strongSwan initiates, CBC + HMAC
configure aes256-sha256-modp2048 aes256-sha256-modp2048
start_peer ike=aes256-sha256-modp2048 esp=aes256-sha256-modp2048
initiate
check "cbc modp2048, they initiate: up" 5 ours "^state UP"
whole_life "cbc"
sctl --terminate --ike hub >/dev/null 2>&1
check "cbc delete by strongSwan" 4 ours "PEER_DELETED_IKE"
stop_peer cbc

# 3. we initiate
configure aes256gcm16-prfsha384-ecp384 aes256gcm16-ecp384
start_peer ike=aes256gcm16-prfsha384-ecp384 esp=aes256gcm16-ecp384 encap=force start=1
check "ecp384, we initiate: up" 5 ours "^state UP"
whole_life "ecp384"
stop_peer ecp384

configure aes256-sha256-modp2048,aes128-sha512-x25519 aes256-sha256-modp2048
start_peer ike=aes256-sha256-ecp521-modp2048 esp=aes256-sha256-modp2048 start=1
check "wrong first group, we initiate: up" 6 ours "^state UP"
check "wrong first group: charon asked for another" 1 theirs_log "INVAL_KE\|INVALID_KE\|DH group"
stop_peer group

# 4. refusals
configure aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256 wrong-psk
start_peer ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16-ecp256
initiate
check "wrong PSK: our reason" 3 ours "note AUTH_WRONG_PSK"
check "wrong PSK: they see AUTHENTICATION_FAILED" 3 theirs_log "AUTH_FAILED"
stop_peer psk
configure aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256
start_peer ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16-ecp256 peer=other.test
initiate
check "unknown identity: our reason" 3 ours "note AUTH_UNKNOWN_ID"
check "unknown identity: they see the same" 3 theirs_log "AUTH_FAILED"
stop_peer id
start_peer ike=aes256-sha256-modp2048 esp=aes128gcm16-ecp256
initiate
check "no IKE proposal: offered and allowed" 3 \
	ours "note IKE_NO_PROPOSAL offered aes128gcm16-prfsha256-ecp256; allowed aes256"
stop_peer proposal
start_peer ike=aes128gcm16-prfsha256-ecp256 esp=aes256-sha256-modp2048
initiate
check "no ESP proposal: offered and allowed" 3 ours "note ESP_NO_PROPOSAL offered aes128gcm16"
stop_peer esp

# 5. cookies, dead peer detection, the peer comes back
start_peer ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16-ecp256 cookies=1 dpd=1 timeout=4
initiate
check "cookie: sent" 3 ours "note COOKIE_SENT"
check "cookie: up" 5 ours "^state UP"
sleep 2.5
check "probes answered: still up" 1 eval '! ours "DPD_TIMEOUT"'
ip -n $B link set v down
check "DPD: dead peer noticed" 10 ours "state DOWN DPD_TIMEOUT"
ip -n $B link set v up
sctl --terminate --ike hub --force --timeout 1 >/dev/null 2>&1
until_true 5 no_sas
initiate
check "DPD: up again" 6 ours_times "^state UP" 2
# a restarted peer knows nothing of the old SA
sctl --list-sas >/dev/null
kill -9 $charon; wait $charon 2>/dev/null
start_charon
configure aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256
initiate
check "restarted peer: INITIAL_CONTACT or newer wins" 6 same_pair
stop_peer dpd

nat_case aes256-sha256-modp2048
exit $failed
