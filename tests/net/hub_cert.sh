#!/bin/bash
# Certificates end to end: a site on any address, the hub's certificate replaced and its processes
# killed under traffic, expiry warned of, a revoked site put out and another one left alone.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slct LAB=$(mktemp -d /tmp/slct.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
HUB_DPD_INTERVAL=3 HUB_DPD_TIMEOUT=10

ca() { "$BIN/sluice" ca "$@" --dir "$LAB/ca" >/dev/null; }
make_pki() { # an expiring certificate for the hub, one for each tunnel of the site
	local t
	ca init && ca subordinate branches --key rsa-3072 &&
		ca issue hub --identity "$HUB_ID" --days 20 || return 1
	"$BIN/sluice" ca revoke hub --dir "$LAB/ca" >/dev/null || return 1 # nobody asks for the hub's
	for t in 0 1; do
		ca issue "s1.t$t" --identity "s1.t$t.sluice.test" --authority branches \
			--key "$([ $t = 0 ] && echo ecdsa-p384 || echo rsa-2048)" || return 1
	done
	cp "$LAB/ca/root/issued/hub.pem" "$LAB/hub.pem"
	install -m 600 "$LAB/ca/root/issued/hub.key" "$LAB/hub.key"
	cp "$LAB/ca/branches/crl.pem" "$LAB/crl.pem"
}

# The lab's configuration and strongSwans, with certificates for PSKs.
cert_config() {
	hub_config 1 1 | sed -e "s|, psk: '[^']*'|, auth: cert|" -e "/site_rate:/i\\
  certificate: file:$LAB/hub.pem\\
  private_key: file:$LAB/hub.key\\
  ca: ['file:$LAB/ca/root/ca.pem']\\
  crl: ['file:$LAB/crl.pem']"
}
connection() {
	local d=$LAB/b$2/$3/swanctl
	cp "$LAB/ca/root/ca.pem" "$d/x509ca/root.pem"
	cp "$LAB/ca/branches/ca.pem" "$d/x509ca/branches.pem"
	cp "$LAB/ca/branches/issued/s$2.t$3.pem" "$d/x509/site.pem"
	cp "$LAB/ca/branches/issued/s$2.t$3.key" "$d/private/site.key"
	cat <<-E
	  $1 { version = 2
	    local_addrs = $4
	    remote_addrs = $5
	    proposals = aes128gcm16-prfsha256-ecp256
	    encap = yes
	    keyingtries = 0
	    dpd_delay = 3s
	    rekey_time = 4h
	    local { auth = pubkey
	      certs = site.pem
	      id = s$2.t$3.sluice.test }
	    remote { auth = pubkey
	      id = $HUB_ID }
	    children { t { local_ts = $6
	      remote_ts = $7
	      start_action = start
	      dpd_action = restart
	      close_action = start
	      rekey_time = 1h
	      esp_proposals = aes128gcm16-ecp256 } } }
	E
}
secret() { :; }

must "the authority, the hub and the site have certificates" make_pki
lab_hub_net
cert_config >"$LAB/sluice.yaml"
checks() { in_hub "$BIN/sluiced" --check -f "$LAB/sluice.yaml"; }
must "the configuration is accepted" checks
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2
sleep 2

shown() { [ "$(json_of show certificates '[.certificates[] | select(.kind == "site") | .names] | sort | join(" ")')" = "s1.t0.sluice.test s1.t1.sluice.test" ]; }
case_ "the site's certificates are shown" shown
expiring() { [ "$(json_of show certificates '.certificates[] | select(.kind == "hub").state')" = ok ]; }
case_ "20 of 20 days left are no reason to warn" expiring
metric() { in_hub curl -s http://127.0.0.1:9469/metrics | grep '^sluice_certificate_not_after_seconds{kind="site",site="site-1",tunnel="0",.*subject="CN=s1.t0"} 1[0-9]\{9\}$'; }
case_ "their ends are a metric" metric

refused() { # refused TEXT: a reload that changes nothing and says why
	local out; out=$(sluice apply 2>&1) && return 1
	grep -F -- "$1" <<<"$out" && [ "$(bgp_up)" = 2 ]
}
spoiled() { # spoiled FILE CONTENT TEXT
	local saved; saved=$(<"$1")
	printf '%s\n' "$2" >"$1"; refused "$3"; local r=$?
	printf '%s\n' "$saved" >"$1"; return $r
}
case_ "a damaged certificate is refused" spoiled "$LAB/hub.pem" nonsense "no certificate in PEM"
case_ "a key of another certificate is refused" spoiled "$LAB/hub.key" "$(<"$LAB/ca/branches/issued/s1.t0.key")" "does not belong"
case_ "a damaged revocation list is refused" spoiled "$LAB/crl.pem" nonsense "no revocation list"
readable() { chmod 644 "$LAB/hub.key"; refused "0600 is wanted"; local r=$?; chmod 600 "$LAB/hub.key"; return $r; }
case_ "a key that others can read is refused" readable
stranger() { spoiled "$LAB/hub.pem" "$("$BIN/tests/net/cert_make" "$LAB/ca/root/ca.pem" "$LAB/ca/root/ca.key" "$LAB/hub.key" other.test -1 90)" "identity does not stand in"; }
case_ "another identity's certificate is refused" stranger

sas() { json_of show sa '[.sas[] | select(.in_use) | .spi_in] | sort | join(" ")'; }
hub_serial() { json_of show certificates '.certificates[] | select(.kind == "hub").serial'; }
replaced() { # under traffic: another key, another certificate, by SIGHUP; then the ike process dies
	local before serial pid; before=$(sas) serial=$(hub_serial)
	ca issue hub2 --identity "$HUB_ID" --key rsa-3072 || return 1
	train b1-h host 10.0.0.10 2000000 500 15 >"$LAB/up.json" & local up=$!
	train host b1-h 10.1.0.10 2000000 500 15 >"$LAB/down.json" & local down=$!
	sleep 3
	cp "$LAB/ca/root/issued/hub2.pem" "$LAB/hub.pem"
	cat "$LAB/ca/root/issued/hub2.key" >"$LAB/hub.key"
	kill -HUP "$(<"$LAB/sluiced.pid")"
	until_true 5 changed "$serial" || { echo "the certificate is not shown"; return 1; }
	sleep 2
	[ "$(sas)" = "$before" ] || { echo "SAs changed"; return 1; }
	pid=$(json_of show dataplane '.processes[] | select(.name == "ike").pid'); kill -9 "$pid"
	wait $up $down
	echo "$(<"$LAB/up.json") $(<"$LAB/down.json")"
	[ "$(sas)" = "$before" ] && [ "$(jq .lost "$LAB/up.json")" = 0 ] && [ "$(jq .lost "$LAB/down.json")" = 0 ]
}
changed() { [ "$(hub_serial)" != "$1" ]; }
case_ "the hub's certificate is replaced, ike killed: no packet lost, same SAs" replaced
redialled() { # the strongSwan of tunnel 0 comes anew and sees the new certificate
	swan "$LAB/b1/0" --terminate --ike hub --timeout 5 >/dev/null 2>&1
	swan "$LAB/b1/0" --initiate --child t --timeout 10 >/dev/null 2>&1
	until_true 30 all_up 2 && grep -q 'using certificate "CN=hub2"' "$LAB/b1/0/log"
}
case_ "a new IKE SA shows the new certificate" redialled

warned() { # 20 of 365 days left: taken, and said
	local subject="certificate of hub, CN=made: expiring, valid until"
	"$BIN/tests/net/cert_make" "$LAB/ca/root/ca.pem" "$LAB/ca/root/ca.key" "$LAB/hub.key" "$HUB_ID" -345 20 \
		>"$LAB/hub.pem" && sluice apply && grep -F "$subject" "$LAB/sluiced.log" || return 1
	[ "$(json_of show certificates '.certificates[] | select(.kind == "hub").state')" = expiring ]
}
case_ "the end of a certificate is warned of" warned
over() { # a mistake, but not a reason to run without any
	"$BIN/tests/net/cert_make" "$LAB/ca/root/ca.pem" "$LAB/ca/root/ca.key" "$LAB/hub.key" "$HUB_ID" -345 -1 \
		>"$LAB/hub.pem" && sluice apply && grep -F "certificate of hub, CN=made: expired" "$LAB/sluiced.log" &&
		[ "$(bgp_up)" = 2 ]
}
case_ "one that is over is said to be, tunnels stay" over

tunnel_state() { json_of show tunnels ".tunnels[] | select(.tunnel == $1) | .state + \" \" + .reason"; }
put_out() { [[ "$(tunnel_state 1)" == "down CERT_REVOKED" ]]; }
revoked() { # the list is all that changes; tunnel 0 stays. This ike process has not seen the certificate.
	local spi; spi=$(json_of show sa '.sas[] | select(.tunnel == 0 and .in_use).spi_in')
	ca revoke s1.t1 --authority branches || return 1
	cp "$LAB/ca/branches/crl.pem" "$LAB/crl.pem"
	kill -HUP "$(<"$LAB/sluiced.pid")"
	until_true 10 put_out || { tunnel_state 1; return 1; }
	[ "$(json_of show sa '.sas[] | select(.tunnel == 0 and .in_use).spi_in')" = "$spi" ]
}
case_ "a revoked site is put out at once, the other tunnel stays" revoked
stays_out() {
	swan "$LAB/b1/1" --initiate --child t --timeout 5 >/dev/null 2>&1
	grep 'received AUTHENTICATION_FAILED' "$LAB/b1/1/log" && put_out
}
case_ "and does not get in again" stays_out
cases_end
