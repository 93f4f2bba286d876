#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The API over TCP of a daemon that runs: who is let in by certificates and tokens, what TLS refuses, and slow clients.
# Release: the filter of system calls is whole only there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slrm LAB=$(mktemp -d /tmp/slrm.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
lab_hub_net

NAME=api.sluice.test PORT=8443
ca() { "$BIN/sluice" ca "$@" >/dev/null; }
issue() { ca issue "$1" --identity "$1.sluice.test" --subject "O=Lab, CN=$1" --dir "$2"; } # NAME AUTHORITY'S DIRECTORY
slow_key() { # NAME OPTION: a client's certificate with a key of that kind
	openssl genpkey -algorithm RSA -pkeyopt "$2" -out "$LAB/$1.key" 2>/dev/null &&
		"$BIN/tests/net/cert_make" "$LAB/clients/root/ca.pem" "$LAB/clients/root/ca.key" "$LAB/$1.key" "$1.sluice.test" -1 9 >"$LAB/$1.pem"
}
make_pki() {
	local n
	ca init --dir "$LAB/ca" && ca init --dir "$LAB/clients" && ca init --dir "$LAB/others" || return 1
	for n in api again; do
		ca issue "$n" --identity "$NAME" --identity localhost --subject "CN=$n" --dir "$LAB/ca" || return 1
	done
	for n in noc watch stranger lost; do issue "$n" "$LAB/clients" || return 1; done
	cp "$LAB/clients/root/crl.pem" "$LAB/clients.crl"
	issue noc "$LAB/others" || return 1
	cp "$LAB/ca/root/issued/api.pem" "$LAB/api.pem" && install -m 600 "$LAB/ca/root/issued/api.key" "$LAB/api.key"
	cp "$LAB/clients/root/issued/noc.key" "$LAB/old.key"
	"$BIN/tests/net/cert_make" "$LAB/clients/root/ca.pem" "$LAB/clients/root/ca.key" "$LAB/old.key" old.sluice.test -9 -1 >"$LAB/old.pem" &&
		slow_key bits rsa_keygen_bits:5120 && slow_key exponent rsa_keygen_pubexp:4294967311
}
must "authorities of the hub, of its clients and of others" make_pki
configure() { # ROLE
	HUB_OPTIONS="api: 127.0.0.1:$PORT
  api_role: $1
  api_certificate: file:$LAB/api.pem
  api_private_key: file:$LAB/api.key
  api_ca: ['file:$LAB/clients/root/ca.pem']
  api_crl: ['file:$LAB/clients.crl']
  access: [{certificate: 'O=Lab, CN=noc', role: admin}, {certificate: 'O=Lab, CN=watch', role: viewer}]"
	hub_config 1 2 >"$LAB/sluice.yaml"
}
configure operator
in_hub_exec env ASAN_OPTIONS=detect_leaks=0:log_path="$LAB/asan" "$BIN/sluiced" -f "$LAB/sluice.yaml" >"$LAB/sluiced.log" 2>&1 </dev/null &
echo $! >"$LAB/sluiced.pid"; remember $!
must "the daemon runs" until_true 20 sluice show sites

remote() { # PATH [curl's options]
	local path=$1; shift
	in_hub curl -s --max-time 20 --cacert "$LAB/ca/root/ca.pem" --resolve "$NAME:$PORT:127.0.0.1" "$@" "https://$NAME:$PORT$path"
}
status() { remote "$@" -o /dev/null -w '%{http_code}'; }
as() { # CLIENT PATH [curl's options]: by its certificate
	local client=$1 path=$2; shift 2
	status "$path" --cert "$LAB/clients/root/issued/$client.pem" --key "$LAB/clients/root/issued/$client.key" "$@"
}
is() { local want=$1; shift; local got; got=$("$@"); echo "$got"; [[ $got == $want ]]; }
bearer() { echo "Authorization: Bearer $1"; }

must "it is served" until_true 10 is 401 status /v1/sites
case_ "without signing in there is nothing to see" is '{*"status"*401*"code"*"not-signed-in"*}' remote /v1/sites
case_ "not even which paths there are" is 401 status /v1/nonsense
case_ "a certificate reads" is 200 as watch /v1/sites
case_ "and changes nothing beyond its role" is 403 as watch /v1/sites/site-1/rekey -d ''
case_ "an admin's changes what the cap permits" is 200 as noc /v1/sites/site-1/rekey -d ''
case_ "and nothing beyond it" is 403 as noc /v1/apply -d ''
case_ "one that nothing is granted to sees nothing" is 403 as stranger /v1/sites
other() { status /v1/sites --cert "$LAB/others/root/issued/noc.pem" --key "$LAB/others/root/issued/noc.key"; }
case_ "one of another authority is none" is 401 other
old() { remote /v1/sites --cert "$LAB/old.pem" --key "$LAB/old.key"; }
case_ "one that has expired is told so" is '{*has expired*"not-signed-in"*}' old
by_file() { status /v1/sites --cert "$LAB/$1.pem" --key "$LAB/$1.key" "${@:2}"; }
for key in bits exponent; do
	for version in 1.2 1.3; do
		case_ "TLS $version: nobody is verified by a key of many $key" is 000 by_file "$key" --tls-max "$version"
	done
done
viewer=$(sluice token create --role viewer --days 1 2>/dev/null) admin=$(sluice token create --role admin --days 1 2>/dev/null)
case_ "a token reads" is 200 status /v1/sites -H "$(bearer "$viewer")"
case_ "and changes nothing beyond its role" is 403 status /v1/sites/site-1/rekey -H "$(bearer "$viewer")" -d ''
case_ "an admin's changes what the cap permits" is 200 status /v1/sites/site-1/rekey -H "$(bearer "$admin")" -d ''
case_ "and nothing beyond it" is 403 status /v1/apply -H "$(bearer "$admin")" -d ''
case_ "a wrong one is refused" is 401 status /v1/sites -H "$(bearer "${viewer%?}")"
case_ "with a certificate it takes away" is 403 as noc /v1/sites/site-1/rekey -H "$(bearer "$viewer")" -d ''

followed() { # events as they happen, by a token that only reads
	remote /v1/events -N -H "$(bearer "$viewer")" -H 'Accept: text/event-stream' >"$LAB/stream" 2>/dev/null </dev/null & remember $!
	until_true 5 grep -q '^retry: ' "$LAB/stream" && sluice tunnel down site-1 0 --force >/dev/null &&
		until_true 5 grep -q '"detail":"tunnel-down"' "$LAB/stream" && sluice tunnel up site-1 0 >/dev/null
}
case_ "events come as they happen" followed
whose() { sluice events --json | jq -e --arg r "$1" --arg a "$2" '[.events[] | select(.reason == $r) | .actor] | any(contains($a))' >/dev/null; }
case_ "who was refused is an event, by the certificate" whose forbidden 'CN=stranger'
case_ "or by the address" whose wrong-token 127.0.0.1:

configure admin
case_ "the cap is lifted while it runs" sluice apply
case_ "an admin's certificate applies" is 200 as noc /v1/apply -d ''
for path in /v1/secrets /v1/tokens; do case_ "$path is not for who comes over TCP" is 403 as noc "$path"; done
case_ "nor is a new secret" is '*control socket only*' remote /v1/secrets/lab/rotate -H "$(bearer "$admin")" -d ''

lost() { remote /v1/sites --cert "$LAB/clients/root/issued/lost.pem" --key "$LAB/clients/root/issued/lost.key"; }
case_ "one that nobody has revoked is only granted nothing" is '{*"forbidden"*}' lost
revoke() { ca revoke lost --dir "$LAB/clients" && cp "$LAB/clients/root/crl.pem" "$LAB/clients.crl" && sluice apply; }
case_ "it is revoked while the daemon runs" revoke
case_ "and is told so" until_true 5 is '{*was revoked*"not-signed-in"*}' lost
case_ "the others come in as before" is 200 as noc /v1/sites
out_of_date() { # by openssl, with the same certificate on it
	printf 'R\t990101000000Z\t200101000000Z\t%s\tunknown\t/CN=lost\n' \
		"$(openssl x509 -in "$LAB/clients/root/issued/lost.pem" -noout -serial | cut -d= -f2)" >"$LAB/index"
	printf '[ca]\ndefault_ca = l\n[l]\ndatabase = %s\ndefault_md = sha256\n' "$LAB/index" >"$LAB/ca.conf"
	openssl ca -config "$LAB/ca.conf" -gencrl -cert "$LAB/clients/root/ca.pem" -keyfile "$LAB/clients/root/ca.key" \
		-crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z -out "$LAB/clients.crl" 2>"$LAB/said" || { cat "$LAB/said"; return 1; }
	sluice apply && sluice plan | grep "revocation list.*has ended"
}
case_ "a list that is out of date is taken, and the plan says so" out_of_date
case_ "it still revokes" until_true 5 is '{*was revoked*"not-signed-in"*}' lost
case_ "and lets in whom it does not name" is 200 as noc /v1/sites
no_list() { cp "$LAB/api.key" "$LAB/clients.crl"; ! sluice apply 2>"$LAB/said" && grep api_crl "$LAB/said"; local s=$?; cp "$LAB/clients/root/crl.pem" "$LAB/clients.crl"; return $s; }
case_ "what is no list is refused, and changes nothing" no_list
case_ "so it stays revoked" is '{*was revoked*"not-signed-in"*}' lost

tls() { # OPTIONS: what the server says to a handshake
	in_hub timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername "$NAME" "$@" </dev/null 2>&1
}
case_ "TLS 1.3 is spoken" is '*TLSv1.3*' tls -tls1_3
case_ "TLS 1.2 is spoken" is '*TLSv1.2*' tls -tls1_2
old_tls() { local out; out=$(tls "$@"); grep -o 'alert.*\|Cipher is .*' <<<"$out" | tail -n 1; ! grep -q 'Cipher is [A-Z]*-' <<<"$out"; }
case_ "TLS 1.1 is not" old_tls -tls1_1 -cipher ALL:@SECLEVEL=0
case_ "nor what has no forward secrecy" old_tls -tls1_2 -cipher AES128-GCM-SHA256
clear() { in_hub curl -s --max-time 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/v1/sites"; [ $? != 28 ]; }
case_ "HTTP in clear is not answered" is 000 clear

# Connections that say nothing, and some that begin with TLS and do not go on.
silent() {
	in_hub_exec /usr/bin/python3 - "$PORT" <<-'P'
	import socket, sys, time
	held = []
	for i in range(200):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	    if i % 2: s.send(bytes.fromhex("16030102000100"))
	    held.append(s)
	    time.sleep(0.02)
	time.sleep(3)
	P
}
quick() { local begun=${EPOCHREALTIME/./}; is 200 as watch /v1/sites --interface 127.0.0.9; local s=$?; echo "$(((${EPOCHREALTIME/./} - begun) / 1000)) ms"; return $s; }
silent & slow=$!; remember $slow
sleep 1
case_ "who says nothing keeps nobody from it" quick
wait $slow
case_ "nor afterwards the one who did" until_true 10 is 200 as watch /v1/sites

served() { tls | openssl x509 -noout -subject 2>/dev/null; }
case_ "the certificate is that of the file" is '*api*' served
remote_pid() { sluice show dataplane --json | jq -r '.processes[] | select(.name == "remote") | .pid'; }
REMOTE=$(remote_pid)
renew() {
	cp "$LAB/ca/root/issued/again.pem" "$LAB/api.pem" && install -m 600 "$LAB/ca/root/issued/again.key" "$LAB/api.key" && sluice apply
}
case_ "another one is there" renew
case_ "and is served" until_true 5 is '*again*' served
same() { [ "$(remote_pid)" = "$REMOTE" ]; }
case_ "by the same process" same
case_ "which lets in whom it did" is 200 as watch /v1/sites
wrong() { cp "$LAB/ca/root/issued/api.pem" "$LAB/api.pem"; sluice apply; local s=$?; cp "$LAB/ca/root/issued/again.pem" "$LAB/api.pem"; [ $s != 0 ]; }
case_ "one that its key does not belong to is refused" wrong
case_ "and changes nothing" is '*again*' served
shown() { sluice show certificates | grep "CN=again"; }
case_ "it is among the certificates" shown

there() { in_hub "$BIN/sluice" --host "https://localhost:$PORT" --ca "$LAB/ca/root/ca.pem" "$@" 2>&1; }
printf '%s\n' "$viewer" >"$LAB/token"
case_ "the command asks over TCP by a token" is '*site-1*' there --token "$LAB/token" show sites
case_ "and by a certificate" is '*asked*' there --cert "$LAB/clients/root/issued/noc.pem" --key "$LAB/clients/root/issued/noc.key" rekey site-1
case_ "and says what is missing" is '*it is not said who asks*' there show sites
elsewhere() { local out; out=$(there --ca "$LAB/others/root/ca.pem" show sites); [ $? = 3 ] && echo "$out"; }
case_ "and does not believe another hub" is 'sluice: https://localhost:*' elsewhere
alone() { local pid=$REMOTE; [ "$(stat -c %U "/proc/$pid")" = sluice-remote ] && grep -q '^Seccomp:.*2' "/proc/$pid/status" && grep -q '^CapEff:.*0000000000000000' "/proc/$pid/status"; }
case_ "its process is a user of its own, without rights" alone
killed() { kill -9 "$REMOTE"; until_true 10 is 200 as watch /v1/sites; }
case_ "it is started again when it ends" killed
named() { in_hub "$BIN/sluice" audit show --json | jq -e '[.. | objects | select(.verb == "rekey" and .who.certificate == "O=Lab, CN=noc" and (.who.fingerprint | length) == 64)] | length > 0'; }
case_ "the audit log has whose certificate, and from where" named
from() { in_hub "$BIN/sluice" audit show | grep '127.0.0.1.*CN=noc'; }
case_ "so does what it shows" from
key_hidden() { ! in_hub grep -l PRIVATE "$LAB/sluiced.log"; }
case_ "no key stands in the log" key_hidden
HUB_OPTIONS=''
hub_config 1 2 >"$LAB/sluice.yaml"
case_ "it is taken from the configuration" sluice apply
case_ "nobody listens any more" until_true 5 is 000 status /v1/sites
ended() { [ -z "$(remote_pid)" ]; }
case_ "and its process has ended" until_true 5 ended
configure viewer
case_ "it comes while the daemon runs" sluice apply
case_ "and is served" until_true 10 is 200 as watch /v1/sites
case_ "the daemon stops" hub_stop
cases_end
