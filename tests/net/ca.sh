#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sluice ca`: authorities, certificates, revocation, and that nothing is lost or half written.
# usage: ca.sh [directory of the built programs, or $BIN]; one line per case, exit 1 on a failure.
set -u
OUT=${1:-${BIN:-build/asan}}
SLUICE=$OUT/sluice
[ -x "$SLUICE" ] || { echo "FAIL $SLUICE is not built"; exit 1; }
W=$(mktemp -d) failed=0
trap 'rm -rf "$W"' EXIT
trap 'exit 1' INT TERM
D=$W/ca

say() { if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; cat "$W/out" "$W/err"; failed=1; fi; }
ca() { timeout 60 "$SLUICE" ca "$@" --dir "$D" >"$W/out" 2>"$W/err"; status=$?; }
exits() { [ $status = "$1" ]; say $? "$2: exit status $1"; }
complains() { grep -Eq -- "$1" "$W/err"; say $? "$2"; }
field() { ca list --json; jq -r --arg n "$1" ".certificates[] | select(.name == \$n) | $2" "$W/out"; }
has() { local got; got=$(field "$1" "$2"); [ "$got" = "$3" ]; say $? "$1: $2 is $3${got:+ ($got)}"; }
mode() { [ "$(stat -c %a "$D/$1")" = "$2" ]; say $? "$1 has mode $2"; }
same() { [ "$(sha256sum <"$D/$1")" = "$2" ]; say $? "$1 is as before"; }

ca list; exits 1 "list without a directory"; complains "^sluice: [^ ]*/ca: No such file" "list without a directory names it"
ca issue hub --identity hub.example; exits 1 "issue without a directory"
ca init; exits 0 "init"
for f in ca.key ca.pem crl.pem state.json; do [ -s "$D/root/$f" ]; say $? "root/$f is there"; done
mode . 700; mode root 700; mode root/issued 700; mode root/ca.key 600; mode root/state.json 600
key=$(sha256sum <"$D/root/ca.key")
ca init; exits 1 "a second init"; complains "is there already" "a second init says why"
same root/ca.key "$key"
has root .subject "CN=root"; has root .key ECDSA-P256; has root .ca true; has root .state ok

ca subordinate branches --key rsa-2048 --subject "C=DE, O=Example\\, Inc, CN=Branches"; exits 0 "subordinate"
has branches .subject 'C=DE, O=Example\, Inc, CN=Branches'; has branches .key RSA-2048
ca subordinate deeper --authority branches; exits 2 "a subordinate of a subordinate"
ca subordinate root; exits 2 "a subordinate named root"
[ "$(grep -c BEGIN "$D/branches/chain.pem")" = 1 ]; say $? "its chain ends before the root"

ca issue hub --identity hub.example --identity 198.51.100.1 --identity 2001:db8::1 --identity ops@example
exits 0 "issue with four identities"
has hub .names "hub.example, 198.51.100.1, 2001:db8::1, ops@example"
mode root/issued/hub.key 600
for k in ecdsa-p256 ecdsa-p384 ecdsa-p521 rsa-2048 rsa-3072 ed25519; do
	ca issue "site-$k" --identity "$k.example" --key "$k" --authority branches --days 90
	exits 0 "issue --key $k"
done
has site-ecdsa-p521 .key ECDSA-P521; has site-rsa-3072 .key RSA-3072; has site-ed25519 .key Ed25519
[ "$(grep -c BEGIN "$D/branches/issued/site-rsa-3072.pem")" = 2 ]; say $? "a device gets the subordinate too"
ca issue by-name --subject "CN=by name, O=Example"; exits 0 "issue for a distinguished name"
has by-name .subject "CN=by name, O=Example"
serials=$(ca list --json; jq -r '.certificates[].serial' "$W/out")
[ "$(wc -l <<<"$serials")" = "$(sort -u <<<"$serials" | wc -l)" ]; say $? "no serial number comes twice"
! grep -Evq '^[0-9a-f]{32}$' <<<"$serials"; say $? "serial numbers have 128 bits"

key=$(sha256sum <"$D/root/issued/hub.key") cert=$(sha256sum <"$D/root/issued/hub.pem")
old=$(field hub .serial)
ca issue hub --identity hub.example; exits 1 "issue under a name that is taken"
same root/issued/hub.key "$key"; same root/issued/hub.pem "$cert"
ca issue hub --identity hub.example --renew --days 30; exits 0 "--renew"
same root/issued/hub.key "$key"
[ "$(field hub .serial)" != "$old" ]; say $? "--renew: another certificate"
has "hub.$old" .serial "$old"
ca issue nobody --identity n.example --renew; exits 1 "--renew of nothing"
ca issue long --identity long.example --days 36000; exits 0 "issue beyond the end of the authority"
complains "ends with its authority" "it is shortened, and that is said"

# What ends soon is made anew, all else stays: a certificate by its last third, a list too.
sums() { (cd "$D" && find . -type f -exec sha256sum {} + | sort); }
ca issue due --identity due.example --identity 198.51.100.7; exits 0 "issue, to be renewed"
before=$(sums)
ca renew due; exits 0 "renew before it is due"; grep -q "issued/due.pem: not due yet: [0-9]* days are left" "$W/out"; say $? "renew before it is due: says so"; [ "$(sums)" = "$before" ]; say $? "renew before it is due: nothing changed"
made() { "$OUT/tests/net/cert_make" "$D/root/ca.pem" "$D/root/ca.key" "$@"; }
made "$D/root/issued/due.key" due.example -70 29 >"$W/due.pem" && cp "$W/due.pem" "$D/root/issued/due.pem"
key=$(sha256sum <"$D/root/issued/due.key") due=$(field due .serial)
has due .state expiring
ca renew due; exits 0 "renew when it is due"; has due .state ok; has due .names due.example; has due .subject CN=made
same root/issued/due.key "$key"
[ "$(field due .serial)" != "$due" ]; say $? "renew: another certificate"
has "due.$due" .serial "$due"
left=$(($(date -d "$(field due .not_after)" +%s) - $(date +%s)))
[ $((left / 86400)) = 99 ] || [ $((left / 86400)) = 98 ]; say $? "renew: it is valid as long as the old one was ($left s)"
made crl -21 9 >"$W/crl.pem" && cp "$W/crl.pem" "$D/root/crl.pem"
list=$(sha256sum <"$D/branches/crl.pem") number=$(jq .crl_number "$D/root/state.json")
ca renew due; exits 0 "renew of a list that is due"
[ "$(jq .crl_number "$D/root/state.json")" = $((number + 1)) ]; say $? "renew: the list has the next number"
same branches/crl.pem "$list"
ca renew nobody; exits 1 "renew of nothing"

ca revoke site-rsa-2048 --authority branches; exits 0 "revoke by name"
has site-rsa-2048 .state revoked; has site-rsa-3072 .state ok
ca revoke site-rsa-2048 --authority branches; exits 1 "revoke twice"; complains "revoked already" "it says why"
ca revoke "$old"; exits 0 "revoke by serial number"
has "hub.$old" .state revoked; has hub .state ok
ca revoke nobody; exits 1 "revoke what was not issued"
ca revoke branches; exits 0 "revoke a subordinate"; has branches .state revoked
before=$(jq .crl_number "$D/root/state.json")
ca crl --days 7; exits 0 "crl"
[ "$(jq .crl_number "$D/root/state.json")" = $((before + 1)) ]; say $? "each list has the next number"
[ "$(jq '.revoked | length' "$D/root/state.json")" = 2 ]; say $? "what was revoked stays so"

# A disk that is full: nothing changes.
list=$(sha256sum <"$D/root/crl.pem") state=$(sha256sum <"$D/root/state.json")
full() { (trap '' XFSZ; ulimit -f 0; timeout 60 "$SLUICE" ca "$@" --dir "$D") 2>&1 | cat >"$W/err"; status=${PIPESTATUS[0]}; }
full issue late --identity late.example; exits 1 "issue on a full disk"; complains "File too large" "it says why"
issued=$(ls "$D/root/issued") && [[ -n $issued && $issued != *late* ]]; say $? "neither a key nor a certificate is left"
full revoke hub; exits 1 "revoke on a full disk"
same root/crl.pem "$list"; same root/state.json "$state"; has hub .state ok
cp "$D/root/state.json" "$W/state.json"; echo '{"crl_number": 1}' >"$D/root/state.json"
ca revoke hub; exits 1 "revoke with a damaged state"; complains "not what" "it says why"
cp "$W/state.json" "$D/root/state.json"
chmod 644 "$D/root/ca.key"; ca issue x --identity x.example; exits 1 "a key that others can read"
chmod 600 "$D/root/ca.key"
cp "$D/branches/ca.key" "$W/other.key"; cp "$D/root/ca.key" "$W/ca.key"; cp "$W/other.key" "$D/root/ca.key"
ca issue x --identity x.example; exits 1 "a key of another authority"; cp "$W/ca.key" "$D/root/ca.key"

for words in "" "issue" "issue x" "issue ../x --identity a" "issue .x --identity a" "issue x --identity a,b" \
	"issue x --identity a --days 0" "issue x --identity a --days 1x" "issue x --identity a --key dsa" \
	"init extra" "init --identity a" "list --days 1" "revoke" "nonsense" "issue x --subject nonsense" \
	"issue x --identity a --renew --key rsa-2048" "renew" "renew x --identity a" "issue x --identity a --authority ../root"; do
	# shellcheck disable=SC2086
	ca $words; exits 2 "usage: ${words:-no command}"
done
ca list; exits 0 "list"
tr -s ' ' <"$W/out" | grep -Eq '^root hub CN=hub hub.example ECDSA-P256 .*Z ok [0-9a-f]{32}$'; say $? "list: a table"
exit $failed
