#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificates between the IKE engine and strongSwan, made by `sluice ca`: every kind of key, both
# roles, chains, peers without RFC 7427, and refusals. Uses the functions of ike_strongswan.sh.
# usage: ike_cert.sh [directory of ike_peer]
SLUICE=${BIN:-$(dirname "$0")/../../build/asan}/sluice
site_ike=${site_ike:-aes128gcm16-prfsha256-ecp256} site_esp=${site_esp:-aes128gcm16-ecp256}
suite="ike=$site_ike esp=$site_esp encap=force"

ca() { "$SLUICE" ca "$@" --dir "$tmp/ca" >/dev/null || exit 1; }

make_pki() {
	local k
	ca init
	ca subordinate branches
	ca issue rsa-4096 --identity hub.test --key rsa-4096
	for k in rsa-2048 rsa-3072 ecdsa-p256 ecdsa-p384 ecdsa-p521 ed25519; do
		ca issue "hub-$k" --identity hub.test --key $k
		ca issue "site-$k" --identity site.test --key $k --authority branches
	done
	ca issue other --identity other.test
	ca issue long --identity site.test --key rsa-4096 --authority branches
	ca issue by-name --subject "C=DE, O=Example, CN=site"
	cp "$tmp/ca/root/ca.pem" "$tmp/x509ca/root.pem"
	cp "$tmp/ca/branches/ca.pem" "$tmp/x509ca/branches.pem"
}

# site_cert AUTHORITY NAME [ID]: what strongSwan shows
site_cert() {
	local id=${3:-site.test}
	rm -f "$tmp"/x509/* "$tmp"/private/*
	cp "$tmp/ca/$1/issued/$2.pem" "$tmp/x509/site.pem"
	cp "$tmp/ca/$1/issued/$2.key" "$tmp/private/site.key"
	cat > "$tmp/swanctl.conf" <<C
connections { hub {
	version = $version
	local_addrs = $THEIRS
	remote_addrs = $OURS
	proposals = $site_ike
	encap = yes
	${fragmentation:+fragmentation = $fragmentation}
	local { auth = ${site_auth:-pubkey}
		certs = site.pem
		id = "$id" }
	remote { auth = pubkey
		id = hub.test }
	children { t {
		local_ts = $any
		remote_ts = $any
		esp_proposals = $site_esp } }
} }
C
	sctl --load-all --clear --file "$tmp/swanctl.conf" >"$tmp/load.log" 2>&1
}

hub() { # hub NAME ARGUMENTS...: our end with that certificate
	local n=$1; shift
	# shellcheck disable=SC2086
	start_peer $suite own="$tmp/ca/root/issued/$n.pem" key="$tmp/ca/root/issued/$n.key" ca="$tmp/ca/root/ca.pem" "$@"
}

both_ways() { # both_ways NAME SITE_AUTHORITY SITE HUB LOG: up in both roles, and strongSwan logged LOG
	site_cert "$2" "$3"
	hub "$4"
	initiate
	check "$1, they initiate: up" 6 ours "^state UP"
	check "$1: charon saw $5" 2 theirs_log "$5"
	check "$1: same SA pair" 4 same_pair
	stop_peer "$1"
	hub "$4" start=1
	check "$1, we initiate: up" 6 ours "^state UP"
	check "$1: charon saw $5" 2 theirs_log "$5"
	stop_peer "$1"
}

refused() { # refused NAME REASON
	check "$1: our reason" 4 ours "note $2"
	check "$1: they see AUTHENTICATION_FAILED" 4 theirs_log "AUTH_FAILED"
	check "$1: no SA" 1 eval '! ours "^add"'
	stop_peer "$1"
}

restart_charon() { # restart_charon OPTIONS of strongswan.conf
	charon_options=$1
	kill $charon; wait $charon 2>/dev/null
	start_charon
}

cert_cases() {
	local k day=86400
	make_pki
	for k in rsa-2048:RSA_EMSA_PKCS1_SHA2 rsa-3072:RSA_EMSA_PKCS1_SHA2 ecdsa-p256:ECDSA_WITH_SHA256 \
		ecdsa-p384:ECDSA_WITH_SHA384 ecdsa-p521:ECDSA_WITH_SHA512 ed25519:ED25519; do
		both_ways "${k%%:*}" branches "site-${k%%:*}" "hub-${k%%:*}" \
			"authentication of 'hub.test' with ${k##*:}"
	done
	fragmentation=no both_ways "rsa-4096 in one datagram" branches long rsa-4096 "RSA_EMSA_PKCS1"

	site_cert root by-name "C=DE, O=Example, CN=site"
	hub hub-rsa-2048 peer="C=DE, O=Example, CN=site"
	initiate
	check "distinguished name: up" 6 ours "^state UP"
	stop_peer "distinguished name"

	# refusals, each for its reason and all alike on the wire
	site_cert root other other.test
	hub hub-ecdsa-p256
	initiate
	refused "another identity" AUTH_UNKNOWN_ID
	site_cert branches site-ecdsa-p256
	hub hub-ecdsa-p256 wall=$((400 * day))
	initiate
	refused "expired" CERT_EXPIRED
	hub hub-ecdsa-p256 wall=$((-2 * day))
	initiate
	refused "not yet valid" CERT_NOT_YET_VALID
	ca revoke site-rsa-2048 --authority branches
	site_cert branches site-rsa-2048
	hub hub-ecdsa-p256 crl="$tmp/ca/branches/crl.pem"
	initiate
	refused "revoked" CERT_REVOKED
	site_cert branches site-rsa-3072
	hub hub-ecdsa-p256 crl="$tmp/ca/branches/crl.pem"
	initiate
	check "not revoked: up" 6 ours "^state UP"
	stop_peer "not revoked"
	"$SLUICE" ca init --dir "$tmp/ca2" >/dev/null || exit 1
	# shellcheck disable=SC2086
	start_peer $suite own="$tmp/ca/root/issued/hub-rsa-2048.pem" \
		key="$tmp/ca/root/issued/hub-rsa-2048.key" ca="$tmp/ca2/root/ca.pem"
	initiate
	refused "another root" CERT_UNTRUSTED
	hub other start=1
	check "our certificate lacks our identity: they refuse" 6 ours "note PEER_REFUSED.*AUTHENTICATION_FAILED"
	stop_peer "our certificate"
	# shellcheck disable=SC2086
	start_peer $suite
	initiate
	refused "a PSK tunnel" AUTH_METHOD

	# peers with other habits
	restart_charon "rsa_pss = yes"
	both_ways "RSASSA-PSS" branches site-rsa-3072 hub-rsa-3072 "authentication of 'site.test' (myself) with RSA_EMSA_PSS"
	hub hub-rsa-3072
	initiate
	check "RSASSA-PSS: answered with the same" 4 theirs_log "authentication of 'hub.test' with RSA_EMSA_PSS"
	stop_peer "RSASSA-PSS"
	restart_charon "signature_authentication = no"
	both_ways "no RFC 7427, RSA" branches site-rsa-2048 hub-rsa-2048 "authentication of 'hub.test' with RSA signature"
	both_ways "no RFC 7427, ECDSA" branches site-ecdsa-p384 hub-ecdsa-p256 "authentication of 'hub.test' with ECDSA-256"
}

cases=${cases:-cert_cases} # or those of a script that has sourced this one
# shellcheck source=tests/net/ike_strongswan.sh
. "$(dirname "$0")/ike_strongswan.sh"
