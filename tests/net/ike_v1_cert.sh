#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2154
# Certificates in IKEv1 against strongSwan: every kind of key that has a method, both roles, chains
# that need fragments and a peer that takes none, refusals. Uses the functions of ike_cert.sh.
# usage: ike_v1_cert.sh [directory of ike_peer]
site_ike=aes256-sha256-modp2048 site_esp=aes256-sha256-modp2048

v1_cert_cases() {
	make_pki
	both_ways "v1 RSA" branches site-rsa-2048 hub-rsa-2048 "authentication of 'hub.test' with RSA_EMSA_PKCS1_NULL"
	both_ways "v1 ECDSA-256" branches site-ecdsa-p256 hub-ecdsa-p256 "authentication of 'hub.test' with ECDSA"
	both_ways "v1 ECDSA-384" branches site-ecdsa-p384 hub-ecdsa-p384 "authentication of 'hub.test' with ECDSA"
	both_ways "v1 ECDSA-521" branches site-ecdsa-p521 hub-ecdsa-p521 "authentication of 'hub.test' with ECDSA"
	fragmentation=force both_ways "v1 RSA in fragments" branches long rsa-4096 "received fragment #2"
	fragmentation=no both_ways "v1 RSA without fragments" branches long rsa-4096 "RSA_EMSA_PKCS1_NULL"
	site_cert root other other.test
	hub hub-ecdsa-p256
	initiate 2
	check "v1 another identity: our reason" 4 ours "note AUTH_UNKNOWN_ID"
	stop_peer "v1 another identity"
	ca revoke site-rsa-2048 --authority branches
	site_cert branches site-rsa-2048
	hub hub-rsa-2048 crl="$tmp/ca/branches/crl.pem"
	initiate 2
	check "v1 revoked: our reason" 4 ours "note CERT_REVOKED"
	check "v1 revoked: they see AUTHENTICATION_FAILED" 4 theirs_log "AUTH_FAILED\|AUTHENTICATION_FAILED"
	stop_peer "v1 revoked"
}

cases=v1_cert_cases
# shellcheck source=tests/net/ike_cert.sh
. "$(dirname "$0")/ike_cert.sh" "${1:-}" 1
