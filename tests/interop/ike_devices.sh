#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole hub and strongSwan in the place of devices that differ: by identity, by suite at one hub
# address, by forward secrecy, and one that never stops to dial and takes a refusal for final.
# Variables: BIN. A line a cell.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=${P:-slid} LAB=$(mktemp -d /tmp/slid.XXXXXX) BIN=${BIN:-$PWD/build/release}
. tests/net/lab.sh
. tests/net/cases.sh
[ -x /usr/sbin/charon-systemd ] || { echo "SKIP: strongSwan is not installed"; exit 77; }
cases_start
DN="O=Example, CN=r6 + serialNumber=FTX1"

make_pki() {
	local ca="$BIN/sluice ca"
	{
		$ca init --dir "$LAB/ca" && $ca issue hub --identity $HUB_ID --dir "$LAB/ca" &&
			$ca issue r6 --subject "$DN" --dir "$LAB/ca"
	} >/dev/null || return 1
	cp "$LAB/ca/root/ca.pem" "$LAB/b2/0/swanctl/x509ca/"
	cp "$LAB/ca/root/issued/r6.pem" "$LAB/b2/0/swanctl/x509/"
	cp "$LAB/ca/root/issued/r6.key" "$LAB/b2/0/swanctl/private/"
}

hub_yaml() { # SITES...: each has a suite of its own
	cat <<-E
	concentrator:
	  name: lab
	  asn: $HUB_AS
	  endpoints:
	    - { device: wan0, addresses: [198.51.100.1, '2001:db8:a::1'] }
	  networks: [10.0.0.0/24]
	  identity: $HUB_ID
	  log_directory: $LAB/log
	  certificate: file:$LAB/ca/root/issued/hub.pem
	  private_key: file:$LAB/ca/root/issued/hub.key
	  ca: ['file:$LAB/ca/root/ca.pem']
	sites:
	E
	[[ $* != *1* ]] || cat <<-E
	  - name: site-1
	    asn: 65001
	    address: any
	    tunnels:
	      - { identity: 'keyid:store-7', inside: 169.254.100.8/30, psk: 'file:$LAB/psk/1.0',
	          p1_encryption: [aes128-gcm16], p1_prf: [sha256], p1_dh_groups: [19],
	          p2_encryption: [aes128-gcm16], p2_dh_groups: [19] }
	E
	[[ $* != *3* ]] || cat <<-E # without a device; its suite is that of site-1
	  - name: site-3
	    asn: 65003
	    address: any
	    tunnels:
	      - { identity: store-3, inside: 169.254.100.24/30, psk: 'file:$LAB/psk/1.0',
	          p1_encryption: [aes128-gcm16], p1_prf: [sha256], p1_dh_groups: [19],
	          p2_encryption: [aes128-gcm16], p2_dh_groups: [19] }
	E
	[[ $* != *2* ]] || cat <<-E
	  - name: site-2
	    asn: 65002
	    address: any
	    tunnels:
	      - { identity: '$DN', inside: 169.254.100.16/30, auth: cert,
	          p1_encryption: [chacha20-poly1305], p1_prf: [sha384], p1_dh_groups: [31],
	          p2_encryption: [chacha20-poly1305], p2_dh_groups: [31] }
	E
}

swan_conf() { # N IKE ESP CHILD_TIMES: one that dials for ever
	local auth="auth = psk
	    id = keyid:store-7"
	[ "$1" = 1 ] || auth="auth = pubkey
	    certs = r6.pem" # its subject is the identity
	cat <<-E
	connections { hub { version = 2
	  local_addrs = 100.64.$1.2
	  remote_addrs = 198.51.100.1
	  proposals = $2
	  encap = yes
	  keyingtries = 0
	  dpd_delay = 5s
	  local { $auth }
	  remote { auth = $([ "$1" = 1 ] && echo psk || echo pubkey)
	    id = $HUB_ID }
	  children { t { local_ts = 0.0.0.0/0,::/0
	    remote_ts = 0.0.0.0/0,::/0
	    $4
	    start_action = start
	    close_action = start
	    dpd_action = restart
	    esp_proposals = $3 } } } }
	secrets { ike-1 { secret = "$(<"$LAB/psk/1.0")" } }
	E
}

branch() { # N
	ns_add "b$1"; ns_add "b$1-w0"
	link "b$1-w0" w "100.64.$1.2/30" inet "b$1_0" "100.64.$1.1/30"
	default_via "b$1-w0" "100.64.$1.1"
	charon_start "b$1-w0" "$LAB/b$1/0" "b$1" tun0 "$(inside4 "$1" 0 2)/30"
}

device() { # N IKE ESP CHILD_TIMES: it has this configuration and dials
	swan_conf "$@" >"$LAB/b$1/0/swanctl/swanctl.conf"
	swan "$LAB/b$1/0" --load-all --clear --file "$LAB/b$1/0/swanctl/swanctl.conf"
}

state_is() { [ "$(json_of show tunnels ".tunnels[] | select(.site == \"site-$1\") | .state")" = "$2" ]; }
traffic() { local out; out=$(in_ns "b$1" ping -q -c 3 -i 0.05 -W 2 -I tun0 "$(inside4 "$1" 0 1)") && [[ $out == *' 0% packet loss'* ]]; }
works() { until_true "$2" state_is "$1" up && until_true 4 traffic "$1"; }
said() { grep -q "$1" "$LAB/sluiced.log" || grep -q "$1" "$LAB/log/activity.log"; }
apply() { hub_yaml "$@" >"$LAB/sluice.yaml"; sluice apply; }

removed() { grep -c TUNNEL_REMOVED "$LAB/sluiced.log"; }
removed_more() { [ "$(removed)" -gt "$1" ]; }
away() { # OTHERS...: its site is removed while it dials, these stay
	local log=$LAB/b1/0/log before heard
	before=$(removed)
	heard=$(wc -l <"$log") || return 1
	apply "$@" && until_true 20 removed_more "$before" && sleep 12 && state_is 2 up || return 1
	heard=$(tail -n +"$((heard + 1))" "$log")
	[[ $heard == *retransmit* ]] || { echo "the device does not dial"; return 1; }
	! grep 'AUTH_FAILED\|AUTHENTICATION_FAILED\|NO_PROP' <<<"$heard"
}

no_pfs() { # up by IKE_AUTH, refused at the first rekey, without a pair at the end of its lifetime
	swan "$LAB/b1/0" --terminate --ike hub --force >/dev/null 2>&1
	device 1 aes128gcm16-prfsha256-ecp256 aes128gcm16 "rekey_time = 5s
	    life_time = 10s
	    rand_time = 0" >/dev/null && works 1 30 && until_true 20 said PFS_REQUIRED
}

with_pfs() { device 1 aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256 "" >/dev/null && works 1 20; }

mkdir -p "$LAB/log"
lab_hub_net
(umask 077; tr -dc A-Za-z1-9 </dev/urandom | head -c 32 >"$LAB/psk/1.0")
branch 1
branch 2
must "certificates, one of a name with two attributes in one RDN" make_pki
hub_yaml 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
touch "$LAB/log/activity.log"
case_ "device 1 takes its configuration" device 1 aes128gcm16-prfsha256-ecp256 aes128gcm16-ecp256 ""
case_ "device 2 takes its configuration" device 2 chacha20poly1305-prfsha384-curve25519 chacha20poly1305-curve25519 ""
case_ "identity keyid:store-7, shared key: up, traffic" works 1 20
case_ "identity $DN, certificate, another suite at the same hub address: up, traffic" works 2 20
case_ "an apply removes its site, and no other has its suite: the device that dials hears nothing" away 2
case_ "the site is back" apply 1 2 3
case_ "the device comes back by itself" works 1 40
case_ "an apply removes its site, and another has its suite: the device that dials hears nothing" away 2 3
case_ "the site is back" apply 1 2
case_ "the device comes back by itself" works 1 40
case_ "no forward secrecy at the device: up by IKE_AUTH, its rekey is refused" no_pfs
case_ "its pair has expired, the IKE SA without one is closed" until_true 80 said NO_SA_PAIR
# strongSwan starts anew by itself only what had a pair when the IKE SA went.
case_ "it has forward secrecy now: up, traffic" with_pfs
cases_end
