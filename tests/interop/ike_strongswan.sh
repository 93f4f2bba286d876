#!/bin/bash
# The whole hub against strongSwan, a cell for each combination: IKE version, authentication, who
# starts, outer family, every cipher, integrity and group. In each cell the tunnel comes up, traffic
# passes, both phases are rekeyed by both ends with traffic after each, and one end deletes it.
# Variables: ONLY (a pattern of cells), BIN. Closes with a table in Markdown.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slim LAB=$(mktemp -d /tmp/slim.XXXXXX) BIN=${BIN:-$PWD/build/release} ONLY=${ONLY:-}
. tests/net/lab.sh
. tests/net/cases.sh
[ -x /usr/sbin/charon-systemd ] || { echo "SKIP: strongSwan is not installed"; exit 77; }
cases_start
D=$LAB/b1/0 n_ok=0 n_fail=0
declare -A result

declare -A our_name=([aes128]=aes128 [aes256]=aes256 [aes128gcm16]=aes128-gcm16 [aes256gcm16]=aes256-gcm16
	[chacha20poly1305]=chacha20-poly1305 [modp1024]=2 [modp1536]=5 [modp2048]=14 [modp3072]=15 [modp4096]=16
	[modp6144]=17 [modp8192]=18 [ecp256]=19 [ecp384]=20 [ecp521]=21 [modp1024s160]=22 [modp2048s224]=23
	[modp2048s256]=24 [curve25519]=31 [sha1]=sha1 [sha256]=sha256 [sha384]=sha384 [sha512]=sha512)

sets() { # sets 1|2 SUITE: the options of a phase that allow this suite and nothing else
	local word encr="" integ="" prf="" group=none
	for word in ${2//-/ }; do
		case $word in
		prf*) prf=${word#prf} ;;
		sha*) integ=$word ;;
		modp* | ecp* | curve*) group=${our_name[$word]} ;;
		*) encr=${our_name[$word]} ;;
		esac
	done
	printf 'p%d_encryption: [%s], ' "$1" "$encr"
	[ -z "$integ" ] || printf 'p%d_integrity: [%s], ' "$1" "$integ"
	[ "$1" = 2 ] || printf 'p1_prf: [%s], ' "${prf:-$integ}"
	printf 'p%d_dh_groups: [%s]' "$1" "$group"
}

hub_yaml() { # VERSION AUTH ROLE FAMILY IKE ESP
	local start=add address=any outer=ipv4 auth="psk: 'file:$LAB/psk/1.0'"
	[ "$4" = 4 ] || outer=ipv6
	[ "$3" = peer ] || { start=start; address=$([ "$4" = 4 ] && echo 100.64.1.2 || echo 2001:db8:64:1::2); }
	[ "$2" = psk ] || auth="auth: cert"
	[ -z "${PPK:-}" ] || auth+=", ppk: 'file:$LAB/psk/ppk', ppk_identity: quantum"
	cat <<-E
	concentrator:
	  name: lab
	  asn: $HUB_AS
	  endpoints:
	    - { device: wan0, addresses: [198.51.100.1, '2001:db8:a::1'] }
	  networks: [10.0.0.0/24]
	  identity: $HUB_ID
	  allow_fast_dpd: true
	  log_directory: $LAB/log
	E
	[ "$2" = psk ] || cat <<-E
	  certificate: file:$LAB/hub.$2.pem
	  private_key: file:$LAB/hub.$2.key
	  ca: ['file:$LAB/ca/root/ca.pem']
	E
	cat <<-E
	sites:
	  - name: site-1
	    asn: 65001
	    address: '$address'
	    outer: $outer
	    tunnels:
	      - { identity: s1.t0.sluice.test, inside: 169.254.100.8/30, $auth, ike_versions: [ikev$1], startup_action: $start,
	          dpd_interval: 2, dpd_timeout: ${DPD_TIMEOUT:-20}, $(sets 1 "$5"), $(sets 2 "$6") }
	E
}

swan_conf() { # VERSION AUTH FAMILY IKE ESP
	local remote=198.51.100.1 local=100.64.1.2 ts=0.0.0.0/0 auth="auth = psk"
	[ "$3" = 4 ] || { remote=2001:db8:a::1; local=2001:db8:64:1::2; }
	[ "$1" = 1 ] || ts=0.0.0.0/0,::/0
	[ "$2" = psk ] || auth="auth = pubkey"
	cat <<-E
	connections { hub { version = $1
	  local_addrs = $local
	  remote_addrs = $remote
	  proposals = $4
	  encap = yes
	  dpd_delay = 30s
	  ${PPK:+ppk_id = quantum}
	  ${PPK:+ppk_required = yes}
	  rekey_time = 4h
	  local { $auth
	    $([ "$2" = psk ] || echo "certs = site.$2.pem")
	    id = s1.t0.sluice.test }
	  remote { $auth
	    id = $HUB_ID }
	  children { t { local_ts = $ts
	    remote_ts = $ts
	    rekey_time = 1h
	    esp_proposals = $5 } } } }
	secrets { ike-1 { secret = "$(<"$LAB/psk/1.0")" }
	  ppk-1 { id = quantum
	    secret = "$(<"$LAB/psk/ppk")" } }
	E
}

state() { json_of show tunnels '.tunnels[0].state'; }
is() { [ "$(state)" = "$1" ]; }
spi() { json_of show sa '[.sas[] | select(.in_use)][0].spi_in'; }
spi_is_new() { local now; now=$(spi) && [ "$now" != null ] && [ "$now" != "$1" ]; }
events() { tail -n +"$mark" "$LAB/log/activity.log" | jq -r .reason_code | grep -c "^$1$"; }
had() { [ "$(events "$1")" -ge "$2" ]; }
traffic() { local out; out=$(in_ns b1 ping -q -c 3 -i 0.05 -W 2 -I tun0 169.254.100.9) && [[ $out == *' 0% packet loss'* ]]; }
ike_spis() { swan "$D" --list-sas 2>/dev/null | sed -n 's/^hub: #.* \([0-9a-f]\{16\}\)_i\*\? \([0-9a-f]\{16\}\)_r.*/\1/p' | sort; }
ike_is_new() { local now; now=$(ike_spis) && [ -n "$(comm -13 <(echo "$1") <(echo "$now"))" ]; }
no_sas() { local out; out=$(swan "$D" --list-sas 2>/dev/null) && [ -z "$out" ]; }

step() { # step NAME COMMAND...: the first one that fails names the cell's failure
	local name=$1; shift
	"$@" >/dev/null 2>&1 && return
	why="$name: $(tail -n +"$mark" "$LAB/log/activity.log" | jq -r '"\(.reason_code) \(.details)"' | tail -n 1)"
	return 1
}

# One key and certificate at a time: with IKEv1 charon takes the method of any that it has.
swan_pki() { # psk|rsa|ecdsa
	rm -f "$D"/swanctl/{x509,private}/*
	[ "$1" != psk ] || return 0
	cp "$LAB/ca/branches/issued/site-$1.pem" "$D/swanctl/x509/site.$1.pem"
	cp "$LAB/ca/branches/issued/site-$1.key" "$D/swanctl/private/site.$1.key"
}

# Until the hub has moved to the new SA, which with IKEv1 takes longer the slower the group is, the rekey that it is asked
# for next would be this one. While the hub deletes the pair of before it refuses (RFC 7296 2.25.2), and charon waits for
# half a minute before it tries again.
peer_rekeys() { swan "$D" --rekey --ike hub >/dev/null 2>&1; until_true 8 had IKE_REKEYED 1; }

up_down() { # VERSION AUTH ROLE FAMILY IKE ESP DELETER: a whole life
	local before
	hub_yaml "$1" "$2" "$3" "$4" "$5" "$6" >"$LAB/sluice.yaml"
	swan_conf "$1" "$2" "$4" "$5" "$6" >"$D/swanctl/swanctl.conf"
	mark=$(($(wc -l <"$LAB/log/activity.log") + 1))
	swan_pki "$2"
	step "strongSwan does not take its configuration" swan "$D" --load-all --clear --file "$D/swanctl/swanctl.conf" || return 1
	step "the hub does not take its configuration" sluice apply || return 1
	sluice tunnel up site-1 0 >/dev/null # the cell before has left it down
	[ "$3" = hub ] || step "initiate" swan "$D" --initiate --child t --timeout 10 || return 1
	step "up" until_true 10 is up || return 1
	step "traffic" until_true 3 traffic || return 1
	before=$(spi)
	step "child rekey by strongSwan" swan "$D" --rekey --child t || return 1
	step "new pair after it" until_true 4 spi_is_new "$before" || return 1
	step "traffic on it" until_true 3 traffic || return 1
	before=$(spi)
	sluice rekey site-1 0 >/dev/null
	step "child rekey by the hub" until_true 4 spi_is_new "$before" || return 1
	step "traffic on it" until_true 3 traffic || return 1
	before=$(ike_spis)
	step "IKE rekey by strongSwan" until_true 25 peer_rekeys || return 1
	before=$(ike_spis)
	sluice rekey site-1 0 --ike >/dev/null
	step "IKE rekey by the hub" until_true 15 ike_is_new "$before" || return 1
	step "traffic after it" until_true 3 traffic || return 1
	if [ "$7" = peer ]; then
		swan "$D" --terminate --ike hub --timeout 5 >/dev/null 2>&1
		step "delete by strongSwan" until_true 5 is down || return 1
	else
		sluice tunnel down site-1 0 --force >/dev/null
		step "delete by the hub" until_true 5 no_sas || return 1
	fi
}

forget() { # nothing of this cell is left for the next one
	swan "$D" --terminate --ike hub --force --timeout 2 >/dev/null 2>&1
	sluice tunnel down site-1 0 --force >/dev/null 2>&1
	until_true 5 no_sas
}

cell() { # cell ROW COLUMN COMMAND...
	local row=$1 column=$2 start=$SECONDS why=""; shift 2
	[[ "$row $column" == *"$ONLY"* ]] || return 0
	if "$@"; then
		n_ok=$((n_ok + 1)); result[$row|$column]=ok
		printf 'ok    %-58s %-22s %2d s\n' "$row" "$column" $((SECONDS - start))
	else
		n_fail=$((n_fail + 1)); result[$row|$column]=FAIL
		printf 'FAIL  %-58s %-22s %s\n' "$row" "$column" "$why"
		[ -z "${KEEP_LOGS:-}" ] || { mkdir -p "$LAB/fail.$n_fail"; cp "$LAB/sluiced.log" "$D/log" "$LAB/fail.$n_fail"; }
	fi
	forget
}

suite() { # suite IKE ESP [VERSIONS]: a row of cells with a shared key
	local v f
	for v in ${3:-2 1}; do
		for f in 4 6; do
			cell "$1 / $2" "v$v in $f" up_down $v psk peer $f "$1" "$2" $([ $f = 4 ] && echo peer || echo hub)
			# The hub starts with IKEv2 only; with IKEv1 it starts rekeys, which every cell has.
			[ $v = 1 ] || cell "$1 / $2" "v$v out $f" up_down $v psk hub $f "$1" "$2" $([ $f = 4 ] && echo hub || echo peer)
		done
	done
}

make_pki() {
	local ca=("$BIN/sluice" ca) kind
	"${ca[@]}" init --dir "$LAB/ca" && "${ca[@]}" subordinate branches --dir "$LAB/ca" || return 1
	for kind in rsa:rsa-3072 ecdsa:ecdsa-p384; do
		"${ca[@]}" issue "hub-${kind%:*}" --identity "$HUB_ID" --key "${kind#*:}" --dir "$LAB/ca" &&
			"${ca[@]}" issue "site-${kind%:*}" --identity s1.t0.sluice.test --authority branches --key "${kind#*:}" --dir "$LAB/ca" || return 1
		cp "$LAB/ca/root/issued/hub-${kind%:*}.pem" "$LAB/hub.${kind%:*}.pem"
		install -m 600 "$LAB/ca/root/issued/hub-${kind%:*}.key" "$LAB/hub.${kind%:*}.key"
	done
	cp "$LAB/ca/root/ca.pem" "$D/swanctl/x509ca/root.pem"
	cp "$LAB/ca/branches/ca.pem" "$D/swanctl/x509ca/branches.pem"
}

dpd() { # VERSION: a peer that is silent is noticed, and comes back
	up_down "$1" psk peer 4 "$2" "$3" peer || return 1
	mark=$(($(wc -l <"$LAB/log/activity.log") + 1))
	DPD_TIMEOUT=6 hub_yaml "$1" psk peer 4 "$2" "$3" >"$LAB/sluice.yaml"
	sluice apply >/dev/null
	step "initiate" swan "$D" --initiate --child t --timeout 10 || return 1
	step "up" until_true 5 is up || return 1
	cut_on 1 0
	step "dead peer noticed" until_true 12 had DPD_TIMEOUT 1; local status=$?
	cut_off 1 0
	swan "$D" --terminate --ike hub --force --timeout 1 >/dev/null 2>&1
	[ $status = 0 ] && step "initiate again" swan "$D" --initiate --child t --timeout 10 && step "up again" until_true 5 is up
}

with_ppk() { PPK=1 up_down "$@"; }

behind_nat() { # the same life with a NAT in between; then the NAT takes another port
	in_ns inet nft 'table ip nat { chain post { type nat hook postrouting priority 100; ip saddr 100.64.1.2 oifname "hub0" masquerade; }; }'
	up_down "$@"; local status=$?
	in_ns inet nft delete table ip nat
	return $status
}

mkdir -p "$LAB/log"
lab_hub_net
(umask 077; tr -dc A-Za-z1-9 </dev/urandom | head -c 32 >"$LAB/psk/1.0"
	tr -dc A-Za-z1-9 </dev/urandom | head -c 48 >"$LAB/psk/ppk")
ns_add b1; ns_add b1-w0
link b1-w0 w 100.64.1.2/30,2001:db8:64:1::2/64 inet b1_0 100.64.1.1/30,2001:db8:64:1::1/64
default_via b1-w0 100.64.1.1 2001:db8:64:1::1
charon_start b1-w0 "$D" b1 tun0 169.254.100.10/30
hub_yaml 2 psk peer 4 aes128-sha256-ecp256 aes128-sha256-ecp256 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
must "certificates of the lab's authority" make_pki
touch "$LAB/log/activity.log"

suite aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256 2
suite aes256gcm16-prfsha384-ecp384 aes256gcm16-ecp384 2
suite chacha20poly1305-prfsha256-curve25519 chacha20poly1305-curve25519 2
suite aes128gcm16-prfsha512-ecp521 aes128gcm16 2
suite aes128-sha1-modp1024 aes128-sha1-modp1024
suite aes128-sha256-modp2048 aes128-sha256-modp2048
suite aes256-sha384-modp3072 aes256-sha384-modp3072
suite aes256-sha512-modp4096 aes256-sha512-modp4096
suite aes256-sha256-modp6144 aes256-sha256-modp2048
suite aes256-sha256-modp8192 aes256-sha256-modp2048
suite aes128-sha256-ecp256 aes128gcm16-ecp256
suite aes256-sha384-ecp384 aes256gcm16-ecp384
suite aes256-sha512-ecp521 aes256-sha512-ecp521
suite aes128-sha256-curve25519 chacha20poly1305-curve25519 2
suite aes128-sha256-modp2048 aes128-sha256-modp1536
suite aes128-sha256-modp2048 aes256-sha1
suite aes128-sha256-modp1024s160 aes128-sha256-modp1024s160
suite aes128-sha256-modp2048s224 aes128-sha256-modp2048s224
suite aes128-sha256-modp2048s256 aes128-sha256-modp2048s256
for auth in rsa ecdsa; do
	for v in 2 1; do
		for f in 4 6; do
			cell "certificates, $auth, subordinate CA" "v$v in $f" up_down $v $auth peer $f aes128-sha256-ecp256 aes128-sha256-ecp256 peer
			[ $v = 1 ] || cell "certificates, $auth, subordinate CA" "v$v out $f" up_down $v $auth hub $f aes128-sha256-ecp256 aes128-sha256-ecp256 hub
		done
	done
done
for auth in psk ecdsa; do
	cell "post-quantum key (RFC 8784), $auth" "v2 in 4" with_ppk 2 $auth peer 4 aes128-sha256-ecp256 aes128-sha256-ecp256 hub
	cell "post-quantum key (RFC 8784), $auth" "v2 out 4" with_ppk 2 $auth hub 4 aes128-sha256-ecp256 aes128-sha256-ecp256 peer
done
for v in 2 1; do
	cell "NAT in between, shared key" "v$v in 4" behind_nat $v psk peer 4 aes128-sha256-ecp256 aes128-sha256-ecp256 hub
	cell "NAT in between, certificates" "v$v in 4" behind_nat $v rsa peer 4 aes128-sha256-ecp256 aes128-sha256-ecp256 peer
	cell "silent peer (DPD)" "v$v in 4" dpd $v aes128-sha256-ecp256 aes128-sha256-ecp256
done

echo
columns=("v2 in 4" "v2 out 4" "v2 in 6" "v2 out 6" "v1 in 4" "v1 in 6")
printf '| IKE / ESP |'; printf ' %s |' "${columns[@]}"; printf '\n|'; printf -- '---|%.0s' "" "${columns[@]}"; echo
printf '%s\n' "${!result[@]}" | sed 's/|.*//' | sort -u | while read -r row; do
	printf '| %s |' "$row"
	for column in "${columns[@]}"; do printf ' %s |' "${result[$row|$column]:--}"; done
	echo
done
echo
echo "$n_ok cells passed, $n_fail failed"
[ $n_fail = 0 ] && [ $n_ok -gt 0 ] || { [ -n "${KEEP_LOGS:-}" ] && echo "logs are in $LAB"; exit 1; }
