#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The IKE engine against libreswan, in a kernel with ESP (lib/uml.sh): IKEv2 and IKEv1, shared key and
# certificates, both roles, rekeys by both ends with traffic after each, DPD, deletion. A line a cell.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release}
. tests/interop/lib/uml.sh
SECRET=a-correct-shared-key-of-some-length
# Its package conflicts with strongSwan's, so tools/deps.sh unpacks it here.
LIBRESWAN=$PWD/build/peers/libreswan/usr/libexec/ipsec
[ -x "$LIBRESWAN/pluto" ] || skip "libreswan is not there: tools/deps.sh interop"

whack() { ip netns exec $B timeout 12 "$LIBRESWAN/whack" --rundir $W/run --ctlsocket $W/run/pluto.ctl "$@"; }
# Since libreswan 5 whack calls a pair a child.
child=ipsec; ! "$LIBRESWAN/whack" --help 2>&1 | grep -q rekey-child || child=child

start_pluto() {
	mkdir -p $W/run $W/nss $W/ipsec.d/policies
	rm -f $W/run/*
	printf 'config setup\n\tikev1-policy=accept\n\tnssdir=%s\n' $W/nss >$W/ipsec.conf
	printf '@site.test @hub.test : PSK "%s"\n' $SECRET >$W/secrets
	# pluto looks for its helper programs where its package would have put them
	ip netns exec $B sh -c "mount -t tmpfs none /usr/libexec && mkdir /usr/libexec/ipsec &&
		mount --bind '$LIBRESWAN' /usr/libexec/ipsec && exec '$LIBRESWAN/pluto' --config $W/ipsec.conf --nofork \
		--logfile $W/their.log --rundir $W/run --secretsfile $W/secrets --ipsecdir $W/ipsec.d --nssdir $W/nss \
		--no-dnssec --nhelpers 1" >$W/pluto.out 2>&1 </dev/null 7>&- &
	pluto=$!
	until_true 10 test -S $W/run/pluto.ctl && until_true 10 whack --listen
}

connection() { # VERSION IKE ESP [OPTIONS of the whole]; auth and cert are options of both ends
	local version=$1 ike=$2 esp=$3; shift 3
	local narrowing="" # our 0.0.0.0/0 and ::/0 to its one selector
	local whole=--$by each=""
	[ "$version" = 1 ] || { narrowing=--allow-narrowing each="--authby $by" whole=""; }
	whack --delete --name t >/dev/null 2>&1
	# shellcheck disable=SC2086
	whack --name t --ikev"$version" --id @site.test --host $THEIRS --client 0.0.0.0/0 --updown /bin/true $site_end $each \
		--to --id @hub.test --host $OURS --client 0.0.0.0/0 --updown /bin/true $each \
		--ike "$ike" --esp "$esp" --encrypt --tunnel --pfs --no-esn $narrowing --ikefrag-allow $whole --encaps=yes "$@" >$W/connection.log 2>&1
}

initiate() { whack --initiate --name t >$W/initiate.log 2>&1; }
state_count() { [ "$(whack --showstates | grep -c -- "$1")" = "$2" ]; }

life() { # NAME VERSION: what an established tunnel can be asked
	local name=$1
	cell "$name: same SA pair" 5 same_pair || return
	cell "$name: traffic" 5 traffic || return
	if [ "$2" = 1 ]; then
		cannot "$name: rekeys by libreswan" "its whack says: cannot force rekey of IKEv1 connection"
		order rekey-child
		cell "$name: child rekey by us" 8 ours_times "^use " 2 || return
		cell "$name: traffic after it" 8 traffic
		return
	fi
	whack --rekey-$child --name t --asynchronous >/dev/null 2>&1
	cell "$name: child rekey by libreswan" 8 ours_times "^use " 2 || return
	cell "$name: traffic after it" 8 traffic || return
	order rekey-child
	cell "$name: child rekey by us" 8 ours_times "^use " 3 || return
	cell "$name: traffic after it" 8 traffic || return
	whack --rekey-ike --name t --asynchronous >/dev/null 2>&1
	cell "$name: IKE rekey by libreswan" 8 ours_times "note IKE_REKEYED" 1 || return
	cell "$name: traffic after it" 8 traffic || return
	sleep 2 # both ends still have the old SA for a moment
	order rekey-ike
	cell "$name: IKE rekey by us" 8 ours_times "note IKE_REKEYED" 2 || return
	cell "$name: traffic at the end" 8 traffic || return
}

they_delete() { whack --terminate --name t >/dev/null 2>&1; cell "$1: delete by libreswan" 6 ours "PEER_DELETED"; }
we_delete() { order down; cell "$1: delete by us" 6 no_states; }

run() { # NAME VERSION ROLE DELETER OUR_IKE OUR_ESP THEIR_IKE THEIR_ESP [OPTIONS of ike_peer...]
	local name=$1 version=$2 role=$3 deleter=$4 ike=$5 esp=$6 start=""
	connection "$version" "$7" "$8"; shift 8
	[ "$role" = theirs ] || start=start=1
	# shellcheck disable=SC2086
	IDLE='^state' start_peer version="$version" psk=$SECRET ike="$ike" esp="$esp" $start "$@"
	[ "$role" = ours ] || initiate
	cell "$name: up" 8 ours "^state UP" && life "$name" "$version" && "${deleter}_delete" "$name"
	stop_peer "$name"
	whack --terminate --name t >/dev/null 2>&1
	until_true 6 no_states
}

silent() { # NAME VERSION: dead peer detection, and that a peer that answers is not taken for dead
	connection "$2" aes128-sha2_256-modp2048 aes128-sha2_256-modp2048
	start_peer version="$2" psk=$SECRET ike=aes128-sha256-modp2048 esp=aes128-sha256-modp2048 dpd=1 timeout=4
	initiate
	if cell "$1: up" 8 ours "^state UP"; then
		sleep 3
		cell "$1: probes are answered" 1 eval '! ours DPD_TIMEOUT'
		link_down
		cell "$1: silent peer noticed by us" 12 ours "DPD_TIMEOUT"
		link_up
		whack --terminate --name t >/dev/null 2>&1
		initiate
		cell "$1: up again" 10 ours_times "^state UP" 2
	fi
	stop_peer "$1"
	whack --terminate --name t >/dev/null 2>&1
}

refusal() { # NAME VERSION
	connection "$2" aes128-sha2_256-modp2048 aes128-sha2_256-modp2048
	start_peer version="$2" psk=another-shared-key-of-some-length ike=aes128-sha256-modp2048 esp=aes128-sha256-modp2048
	whack --initiate --name t --asynchronous >/dev/null 2>&1
	cell "$1: wrong key, our reason" 8 ours "note AUTH_WRONG_PSK" &&
		cell "$1: wrong key, no SA pair" 1 eval '! ours "^add"'
	whack --delete --name t >/dev/null 2>&1
	stop_peer "$1"
}

certificates() { # KIND AUTHBY OUR_OPTIONS
	make_pki "$1" || { bad=$((bad + 1)); echo "FAIL    certificates"; return; }
	kill "$pluto"; wait "$pluto"
	rm -rf $W/nss; mkdir $W/nss
	certutil -N -d sql:$W/nss --empty-password
	certutil -A -d sql:$W/nss -n ca -t CT,, -i $W/ca/root/ca.pem
	openssl pkcs12 -export -in $W/ca/root/issued/site.pem -inkey $W/ca/root/issued/site.key -name site \
		-passout pass: -out $W/site.p12
	pk12util -i $W/site.p12 -d sql:$W/nss -W "" -K "" >/dev/null
	start_pluto
	by=$2 site_end="--cert site --sendcert always"
	run "v2 $1, they initiate" 2 theirs we aes128-sha256-modp2048 aes128-sha256-modp2048 aes128-sha2_256-modp2048 aes128-sha2_256-modp2048 "${with_cert[@]}"
	run "v2 $1, we initiate" 2 ours they aes128-sha256-modp2048 aes128-sha256-modp2048 aes128-sha2_256-modp2048 aes128-sha2_256-modp2048 "${with_cert[@]}"
	[ "$2" != rsasig ] || run "v1 $1, they initiate" 1 theirs they aes128-sha256-modp2048 aes128-sha256-modp2048 \
		aes128-sha2_256-modp2048 aes128-sha2_256-modp2048 "${with_cert[@]}"
	rm -rf $W/ca
}

cells() {
	mkdir -p $W/nss; certutil -N -d sql:$W/nss --empty-password
	start_pluto || { bad=1; echo "FAIL    pluto does not start"; tail -n 20 $W/their.log | sed 's/^/      theirs: /'; return; }
	by=psk site_end=""
	run "v2 psk cbc modp2048, they initiate" 2 theirs we aes128-sha256-modp2048 aes128-sha256-modp2048 aes128-sha2_256-modp2048 aes128-sha2_256-modp2048
	run "v2 psk gcm ecp256, they initiate" 2 theirs they aes256gcm16-prfsha256-ecp256 aes256gcm16-ecp256 aes_gcm256-sha2_256-dh19 aes_gcm256-null-dh19
	run "v2 psk gcm ecp384, we initiate" 2 ours we aes128gcm16-prfsha384-ecp384 aes128gcm16-ecp384 aes_gcm128-sha2_384-dh20 aes_gcm128-null-dh20
	run "v2 psk cbc curve25519, we initiate" 2 ours they aes256-sha512-x25519 aes256-sha512-x25519 aes256-sha2_512-dh31 aes256-sha2_512-dh31
	run "v1 psk cbc modp2048, they initiate" 1 theirs we aes128-sha256-modp2048 aes128-sha256-modp2048 aes128-sha2_256-modp2048 aes128-sha2_256-modp2048
	run "v1 psk sha1 modp1536, they initiate" 1 theirs they aes256-sha1-modp1536 aes256-sha1-modp1536 aes256-sha1-modp1536 aes256-sha1-modp1536
	cannot "v1, we initiate" "Sluice starts tunnels with IKEv2 only"
	silent "v2 dpd" 2
	silent "v1 dpd" 1
	refusal "v2" 2
	certificates rsa-3072 rsasig
	certificates ecdsa-p384 ecdsa
}

interop_main "$PWD/tests/interop/ike_libreswan.sh"
