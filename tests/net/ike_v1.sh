#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154
# IKEv1 against strongSwan: ike_v1.sh [directory of ike_peer]. Uses the functions of ike_strongswan.sh.

# up_with NAME IKE ESP [PEER ARGUMENTS...]: they initiate, both use the same pair
up_with() {
	local name=$1 ike=$2 esp=$3; shift 3
	configure "$ike" "$esp"
	start_peer "ike=$ike" "esp=$esp" "$@"
	initiate
	check "$name: up" 6 ours "^state UP  *v1"
	check "$name: same SA pair" 4 same_pair
	stop_peer "$name"
}

# refused_with NAME REASON THEIR_LOG PEER ARGUMENTS...
refused_with() {
	local name=$1 reason=$2 log=$3; shift 3
	start_peer "$@"
	initiate 2
	check "$name: our reason" 4 ours "note $reason"
	[ -z "$log" ] || check "$name: they see it" 4 theirs_log "$log"
	stop_peer "$name"
}

v1_cases() {
	local n suite esps esp good
	# 1. they initiate, then everything an established tunnel can be asked
	configure aes256-sha256-modp2048 aes256-sha256-modp2048
	start_peer ike=aes256-sha256-modp2048 esp=aes256-sha256-modp2048 encap=force
	initiate
	check "v1, they initiate: up" 5 ours "^state UP  *v1"
	whole_life "v1"
	sctl --terminate --child t >/dev/null 2>&1
	check "v1 child delete by strongSwan" 4 ours "PEER_DELETED_CHILD"
	initiate
	check "v1 new child on the same IKE SA" 4 eval 'ours_times "^state UP" 2'
	command down
	check "v1 delete by us" 4 no_sas
	stop_peer "v1"

	# 2. we initiate; the first proposal and the first group are not theirs
	configure aes128-sha1-modp1024,aes128-sha384-ecp384 aes128gcm16-ecp384
	start_peer ike=aes256-aes128-sha512-sha384-modp3072-ecp384 esp=aes256gcm16-aes128gcm16-modp3072-ecp384 \
		start=1 encap=force
	check "v1, we initiate, others first: up" 8 ours "^state UP  *v1"
	check "v1, we initiate: the next group of quick mode" 1 ours_times "^add" 1
	whole_life "v1 ours"
	sctl --terminate --ike hub >/dev/null 2>&1
	check "v1 delete by strongSwan" 4 ours "PEER_DELETED_IKE"
	check "v1 comes back by itself" 10 eval 'ours_times "^state UP" 2'
	stop_peer "v1 ours"

	# 3. every cipher, hash and group; PFS or not
	n=0
	for suite in aes128-sha1-modp1024 aes256-sha1-modp1536 aes128-sha256-modp2048 \
		aes256-sha384-modp3072 aes128-sha512-modp4096 aes256-sha256-ecp256 aes128-sha384-ecp384 \
		aes256-sha512-ecp521 aes128-sha256-modp1024s160 aes128-sha256-modp2048s224 \
		aes128-sha256-modp2048s256; do
		esps=("$suite" aes128-sha256 aes256gcm16 "aes128gcm16-${suite##*-}")
		esp=${esps[n++ % 4]}
		up_with "v1 $suite, $esp" "$suite" "$esp"
	done

	# 4. refusals
	good=aes128-sha256-modp2048
	configure $good $good wrong-psk
	refused_with "v1 wrong PSK" "AUTH_WRONG_PSK" "AUTHENTICATION_FAILED\|AUTH_FAILED" ike=$good esp=$good
	configure $good $good
	refused_with "v1 unknown identity" "AUTH_UNKNOWN_ID identity fqdn:site.test, expected fqdn:other.test" \
		"INVALID_ID" ike=$good esp=$good peer=other.test
	refused_with "v1 no IKE proposal" "IKE_NO_PROPOSAL offered aes128-sha256-modp2048-psk; allowed aes256" \
		"NO_PROPOSAL_CHOSEN\|NO_PROP" ike=aes256-sha256-modp2048 esp=$good
	refused_with "v1 no ESP proposal" "ESP_NO_PROPOSAL offered aes128-sha256-modp2048" \
		"NO_PROPOSAL_CHOSEN\|NO_PROP" ike=$good esp=aes256-sha256-modp2048
	refused_with "v1 where only IKEv2 is allowed" "IKE_VERSION version 1.0, allowed 2.0" "" \
		ike=$good esp=$good version=2
	configure $good aes128-sha256
	refused_with "v1 without PFS" "PFS_REQUIRED" "NO_PROPOSAL_CHOSEN\|NO_PROP" ike=$good esp=$good
	aggressive=yes configure $good $good
	refused_with "v1 aggressive mode" "IKE_AGGRESSIVE" "" ike=$good esp=$good
	configure $good $good "" 10.9.0.0/16
	start_peer ike=$good esp=$good
	initiate
	check "v1 narrower selectors of theirs: up" 5 ours "^state UP  *v1"
	stop_peer "v1 narrow"

	# 5. a site whose address is not known
	configure $good $good
	start_peer ike=$good esp=$good remote=any encap=force
	initiate
	check "v1 peer without a configured address: up" 5 ours "^state UP  *v1"
	stop_peer "v1 any"

	# 6. dead peer detection, the peer comes back, an old one is forgotten
	start_peer ike=$good esp=$good dpd=1 timeout=4
	initiate
	check "v1 DPD: up" 5 ours "^state UP"
	sleep 2.5
	check "v1 probes answered: still up" 1 eval '! ours "DPD_TIMEOUT"'
	ip -n $B link set v down
	check "v1 DPD: dead peer noticed" 10 ours "state DOWN DPD_TIMEOUT"
	ip -n $B link set v up
	sctl --terminate --ike hub --force --timeout 1 >/dev/null 2>&1
	until_true 5 no_sas
	initiate
	check "v1 DPD: up again" 6 ours_times "^state UP" 2
	kill -9 $charon; wait $charon 2>/dev/null
	start_charon
	configure $good $good
	initiate
	check "v1 restarted peer: INITIAL_CONTACT" 6 same_pair
	stop_peer "v1 dpd"

	nat_case $good
}

cases=v1_cases
# shellcheck source=tests/net/ike_strongswan.sh
. "$(dirname "$0")/ike_strongswan.sh" "${1:-}" 1
