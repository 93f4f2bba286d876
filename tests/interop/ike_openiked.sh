#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The IKE engine against OpenIKED, in a kernel with ESP and PF_KEY (lib/uml.sh): shared key and
# certificates, both roles, rekeys by both ends with traffic after each, DPD, deletion. A line a cell.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release}
. tests/interop/lib/uml.sh
SECRET=a-correct-shared-key-of-some-length
[ -x /usr/sbin/iked ] || skip "openiked is not installed: tools/deps.sh interop"

# iked MODE AUTH IKESA CHILDSA [OPTIONS of the policy]: a daemon with that policy
iked_start() {
	cat >$W/iked.conf <<-E
	set fragmentation
	set dpd_check_interval ${their_dpd:-60}
	ikev2 "t" $1 esp from 0.0.0.0/0 to 0.0.0.0/0 local $THEIRS peer $OURS \\
		ikesa $3 childsa $4 srcid site.test dstid hub.test ${5:-} $2
	E
	chmod 600 $W/iked.conf
	ip netns exec $B /usr/sbin/iked -d -vv -f $W/iked.conf -s $W/iked.sock >>$W/their.log 2>&1 </dev/null 7>&- &
	iked=$!
	until_true 5 test -S $W/iked.sock
}
iked_stop() { kill "$iked" 2>/dev/null; wait "$iked"; ip -n $B xfrm state flush; ip -n $B xfrm policy flush; rm -f $W/iked.sock; }
ctl() { ip netns exec $B timeout 5 ikectl -s $W/iked.sock "$@" >/dev/null 2>&1; }

life() { # NAME
	cell "$1: same SA pair" 5 same_pair && cell "$1: traffic" 5 traffic || return
	order rekey-child
	cell "$1: child rekey by us" 8 ours_times "note CHILD_REKEYED" 1 && cell "$1: traffic after it" 8 traffic || return
	order rekey-ike
	cell "$1: IKE rekey by us" 8 ours_times "note IKE_REKEYED" 1 && cell "$1: traffic after it" 8 traffic || return
	order rekey-child
	cell "$1: child rekey on the new IKE SA" 8 ours_times "note CHILD_REKEYED" 2 && cell "$1: traffic at the end" 8 traffic
}
they_delete() { ctl reset id site.test; ctl reset sa; cell "$1: delete by iked" 6 ours "PEER_DELETED"; }
we_delete() { order down; cell "$1: delete by us" 6 no_states; }

run() { # NAME ROLE DELETER AUTH OUR_IKE OUR_ESP IKESA CHILDSA [OPTIONS of ike_peer...]
	local name=$1 role=$2 deleter=$3 auth=$4 ike=$5 esp=$6 ikesa=$7 childsa=$8 mode=active start=""; shift 8
	[ "$role" = theirs ] || { mode=passive; start=start=1; }
	[ "$role" = theirs ] || iked_start $mode "$auth" "$ikesa" "$childsa"
	# shellcheck disable=SC2086
	IDLE='^state' start_peer version=2 psk=$SECRET ike="$ike" esp="$esp" $start "$@"
	[ "$role" = ours ] || iked_start $mode "$auth" "$ikesa" "$childsa"
	cell "$name: up" 10 ours "^state UP" && life "$name" && "${deleter}_delete" "$name"
	stop_peer "$name"
	iked_stop
}

# iked hands its SAs over by PF_KEY, on Linux without HMAC-SHA2 ("unsupported integrity algorithm").
CBC=(aes128-sha256-modp2048 aes128-sha1 "enc aes-128 prf hmac-sha2-256 auth hmac-sha2-256 group modp2048"
	"enc aes-128 auth hmac-sha1 group none noesn")

timed() { # what has no command in ikectl comes by lifetimes and by silence
	start_peer version=2 psk=$SECRET ike="${CBC[0]}" esp="${CBC[1]}" dpd=1 timeout=4
	their_dpd=2 iked_start active "psk \"$SECRET\"" "${CBC[2]}" "${CBC[3]}" "ikelifetime 25 lifetime 15"
	cell "lifetimes: up" 10 ours "^state UP" &&
		cell "lifetimes: child rekey by iked" 20 ours "note CHILD_REKEYED.*by the peer" &&
		cell "lifetimes: traffic after it" 5 traffic &&
		cell "lifetimes: IKE rekey by iked" 30 ours "note IKE_REKEYED.*by the peer" &&
		cell "lifetimes: traffic after it" 5 traffic &&
		cell "dpd: probes are answered" 1 eval '! ours DPD_TIMEOUT' || { stop_peer timed; iked_stop; return; }
	link_down
	cell "dpd: silent peer noticed by us" 12 ours "DPD_TIMEOUT"
	link_up
	iked_stop
	iked_start active "psk \"$SECRET\"" "${CBC[2]}" "${CBC[3]}"
	cell "dpd: restarted peer is up again" 15 ours_times "^state UP" 2
	stop_peer timed
	iked_stop
}

refusals() {
	start_peer version=2 psk=another-shared-key-of-some-length ike="${CBC[0]}" esp="${CBC[1]}"
	iked_start active "psk \"$SECRET\"" "${CBC[2]}" "${CBC[3]}"
	cell "wrong key: our reason" 8 ours "note AUTH_WRONG_PSK" && cell "wrong key: no SA pair" 1 eval '! ours "^add"'
	stop_peer refusals
	iked_stop
}

certificates() { # KIND
	make_pki "$1" || { bad=$((bad + 1)); echo "FAIL    certificates"; return; }
	mountpoint -q /etc/iked || mount -t tmpfs iked /etc/iked
	mkdir -p /etc/iked/{ca,certs,crls,private,pubkeys/{fqdn,ufqdn,ipv4,ipv6}}
	cp $W/ca/root/ca.pem /etc/iked/ca/ca.crt
	cp $W/ca/root/issued/site.pem /etc/iked/certs/site.crt
	install -m 600 $W/ca/root/issued/site.key /etc/iked/private/local.key
	openssl pkey -in /etc/iked/private/local.key -pubout -out /etc/iked/local.pub
	run "$1, they initiate" theirs we "" "${CBC[@]}" "${with_cert[@]}"
	run "$1, we initiate" ours they "" "${CBC[@]}" "${with_cert[@]}"
	rm -rf $W/ca
}

cells() {
	local key="psk \"$SECRET\""
	run "psk cbc modp2048, they initiate" theirs we "$key" "${CBC[@]}"
	run "psk cbc modp2048, we initiate" ours they "$key" "${CBC[@]}"
	run "psk gcm ecp256, they initiate" theirs they "$key" aes256gcm16-prfsha256-ecp256 aes256-sha1-ecp256 \
		"enc aes-256-gcm prf hmac-sha2-256 group ecp256" "enc aes-256 auth hmac-sha1 group ecp256 noesn"
	run "psk gcm curve25519, we initiate" ours we "$key" aes128gcm16-prfsha512-x25519 aes128-sha1 \
		"enc aes-128-gcm prf hmac-sha2-512 group curve25519" "enc aes-128 auth hmac-sha1 group none noesn"
	cannot "ESP with HMAC-SHA2" "iked refuses it: pfkey_sa, unsupported integrity algorithm"
	cannot "IKEv1" "OpenIKED speaks IKEv2 only"
	timed
	refusals
	certificates rsa-3072
	certificates ecdsa-p256
}

interop_main "$PWD/tests/interop/ike_openiked.sh"
