#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The `sluice` command against a daemon that answers with the documents of tests/golden: tables, JSON, requests, exit
# statuses. What is in the tables, line by line, is looked at by unit/cli.
# usage: cli_fake.sh [directory of the built programs, or $BIN]; one line per case, exit 1 on a failure.
set -u
OUT=${1:-${BIN:-build/asan}}
FAKE=$OUT/tests/net/fake_control SLUICE=$OUT/sluice
for f in "$FAKE" "$SLUICE"; do [ -x "$f" ] || { echo "FAIL $f is not built"; exit 1; }; done

W=$(mktemp -d) failed=0
"$FAKE" "$W/sock" tests/golden >"$W/requests" & daemon=$!
"$FAKE" "$W/followed" tests/golden >"$W/streams" & followed=$! silent=
trap 'kill $daemon $followed $silent 2>/dev/null; rm -rf "$W"' EXIT
trap 'exit 1' INT TERM
for _ in $(seq 50); do [ -S "$W/sock" ] && [ -S "$W/followed" ] && break; sleep 0.1; done

say() { if [ "$1" = 0 ]; then echo "ok   $2"; else echo "FAIL $2"; failed=1; fi; }
run() { timeout 20 "$SLUICE" --socket "$W/sock" "$@" >"$W/out" 2>"$W/err"; status=$?; }
exits() { [ $status = "$1" ]; say $? "$2: exit status $1"; [ $status = "$1" ] || cat "$W/err"; }
shows() { tr -s ' ' <"$W/out" | grep -Eq -- "$1"; say $? "$2"; }
asked() { [ "$(tail -n 1 "$W/requests")" = "$1" ]; say $? "request $1"; }

# Whoever follows events hears nothing more of this one; at the end of all this it has come again.
timeout 120 "$SLUICE" --socket "$W/followed" events store-2 --follow >/dev/null 2>"$W/silent.err" & silent=$!
began=$SECONDS
run show sites; exits 0 "show sites"
shows '^hub-1: AS 64512, 6 sites \(2 up, 1 degraded, 3 down\), 100.0 Mbit/s each, 5.0 Gbit/s together, up for 1h02m$' "show sites: the hub"
shows '^store-1 65010 up 2 2 3 1 200.0 Mbit/s 12.5 MB 12.5 MB$' "show sites: a site that is up"
shows '^store-2 4200000102 down 0 0 0 - 100.0 Mbit/s 0 B 0 B$' "show sites: a site that is down"
asked 'GET /v1/sites'
run show tunnels store-1; exits 0 "show tunnels SITE"
asked 'GET /v1/sites/store-1/tunnels'
shows '^store-1 0 up established 2026-12-05T11:00:00Z 203.0.113.7:4500 198.51.100.1 2 aes128gcm16-esn udp 1422 3/7 1.5 MB 999 B' "show tunnels: one that is up"
shows '^store-2 0 negotiating idle .* \[2001:db8::7\]:500 2001:db8:1::1 - - - - 0/0 0 B 0 B IKE_NO_PROPOSAL' "show tunnels: one that is not"
shows '^store-2 0: no proposal matched: device offered DH 2; allowed 14-24$' "show tunnels: why"
run show routes; exits 0 "show routes"
shows '^10.1.0.0/24 bgp, stale store-1 1 65010 4200000102 50 2$' "show routes: learned"
shows '^10.9.0.0/24 static dc-1 0\+1 - 0 2$' "show routes: over two tunnels"
shows '^10.0.0.0/16 hub - - - 0 1$' "show routes: of the hub"
run show sa; exits 0 "show sa"
shows '^store-1 0 0xc0ffee00 0x0badca00 yes udp 1m01s 50m00s 1d01h aes128gcm16-esn' "show sa"
run show log store-1; exits 0 "show log"
asked 'GET /v1/log?site=store-1'
shows '^2026-12-05T12:00:00Z store-2 tunnel 0 Negotiating/Down IKE_NO_PROPOSAL device offered DH 2; allowed 14-24, peer \[2001:db8::7\]:500 \(also 2 times before' "show log: an event"
run show bgp-log; exits 0 "show bgp-log"
shows '^2026-12-05T12:00:00.000Z store-1.1_198.51.101.1 RouteStatus UPDATED prefix 10.1.0.0/24 asPath 65010 4200000102 localPref 100 med 50 ' "show bgp-log: an event"
run explain ike_no_proposal; exits 0 "explain CODE"
shows '^IKE_NO_PROPOSAL$' "explain: the code"; shows 'same on both ends\.$' "explain: what to do"
run explain; exits 0 "explain"; shows '^DPD_TIMEOUT$' "explain: all of them"
awk '/^[^ ]/ { n = 0 } /^ / { n++ } n == 2 && !/^    [A-Z]/ { print; bad = 1 } END { exit bad }' "$W/out"
say $? "explain: every advice is a sentence"
for reason in $(sed -n 's/.*FIELD(site_stats, \(.*\)),/\1/p' user/state/stats_fields.c); do
	run explain "$reason"; exits 0 "explain $reason"; shows "^$reason\$" "explain: the reason"
done
shows '^ Dropped: ' "explain: why packets are dropped"
run explain NONSENSE; exits 2 "explain: no such code"
run show dataplane; exits 0 "show dataplane"
shows '^backend af_xdp, 2 workers, XDP native, ' "show dataplane: the mode"
shows '^hub 41 0 1m30s 4.1 MB$|^hub 41 0 1m30s 4.0 MB$' "show dataplane: a process"
shows '^outside esp 12 3400$' "show dataplane: a counter"
! grep -q unknown_spi "$W/out"; say $? "show dataplane: counters at 0 are left out"
run show unknown; exits 0 "show unknown"
shows '^203.0.113.77 198.51.100.1 IKE_NO_PROPOSAL 12 2026-12-05T11:00:00Z 2026-12-05T11:59:00Z yes$' "show unknown: a device"
shows '^203.0.113.77: no phase 1 proposal of the peer is allowed: device offered DH 2; allowed 14-24$' "show unknown: why"
run show certificates; exits 0 "show certificates"
shows '^hub - CN=hub hub.example.net ECDSA-P256 2026-12-06T12:00:00Z 1d00h expiring 4f01$' "show certificates: the hub's"
shows '^site store-1 1 CN=store-1 store-1.example.net ECDSA-P256 2026-12-04T12:00:00Z - expired 4f02$' "show certificates: a site's"
shows '^revocation list of CN=root: 0 revoked, until ' "show certificates: a revocation list"
run show bgp; exits 0 "show bgp"
shows '^store-1 0 169.254.100.2 65010 established .* 2\+1 of 100 5\+2 of 1000 Up, 900 ms - -$' "show bgp: a session"
shows '^quarantined: 10.1.0.0/24 of store-4 1; 10.1.0.0/16 belongs to store-1 \(declared\)$' "show bgp: a path that is kept out"
run show route 10.1.0.1; exits 0 "show route"
asked 'GET /v1/route?prefix=10.1.0.1'
shows '^10.1.0.0/24 store-1 1 65010 incomplete 50 10.0.0.1 best, stale$' "show route: the best path"
run show closed; exits 0 "show closed"; shows '^10.4.0.0/24 store-4 250 s withdrawn by the site$' "show closed: a prefix"
run show endpoints; exits 0 "show endpoints"; shows '^ 1 eth1 2001:db8:2::1 link down \(no carrier\) .* 0 of 1$' "show endpoints: one that is down"
run report; exits 0 "report"
shows '^in offered 150.0 Mbit/s, delivered 100.0 Mbit/s, 2.0% of 5.0 Gbit/s: short' "report: all sites"
shows '^store-1 in 150.0 Mbit/s 100.0 Mbit/s 50.0 Mbit/s 50.0 2.0 12.5 MB site_rate 4169, mtu 1' "report: a site"
run report --since 2h store-1; exits 0 "report --since"
asked 'GET /v1/report?site=store-1&since_s=7200'
shows '^store-1 in 2h00m 20.8 kbit/s 13.8 kbit/s 12.5 MB 2026-12-05T10:59:59Z 150.0 Mbit/s 100.0 Mbit/s site_rate 4169, mtu 1$' "report --since: a site"
shows '^store-1 out 2h00m 0 bit/s 0 bit/s 0 B - ' "report --since: no traffic"
run events; exits 0 "events"; asked 'GET /v1/events'
shows '^2026-12-05T02:13:01.000Z warning bgp store-1 0 BGP_DOWN: hold timer expired \[3 before it were left out\]$' "events: a line"
shows '^2026-12-05T02:13:00.123Z info config - CONFIG_APPLIED: revision 7: .* \(root\)$' "events: who did it"
run events --site store-1 --kind bgp,bfd; asked 'GET /v1/sites/store-1/events?kind=bgp%2Cbfd'
run events store-1 --site store-2; exits 2 "events: one site"
run events --since yesterday; exits 2 "events: since when"
run show sites --follow; exits 2 "--follow is for events"
timeout 6 "$SLUICE" --socket "$W/followed" events --follow >/dev/null 2>"$W/err"
[ "$(grep -c '^stream of all$' "$W/streams")" -le 3 ]; say $? "events --follow: what fails is asked for again after a growing pause"
[ "$(cat "$W/err")" = "sluice: events cannot be read" ]; say $? "events --follow: and said once"
run timeline store-1 --around 2026-12-05T02:13:00+01:00 --within 1h; exits 0 "timeline"
asked 'GET /v1/sites/store-1/timeline?around=2026-12-05T01:13:00.000Z&within_s=3600'
shows '^ store-2 1 events, the first at 2026-12-05T02:13:02.000Z: DPD_TIMEOUT$' "timeline: who else"
run graph store-1 --since 45m; exits 0 "graph"; asked 'GET /v1/sites/store-1/graph?since_s=2700'
shows '^tunnel 1 up \\| \.-$' "graph: which tunnel carried"
run report --since 456d; exits 2 "report: 15 months are kept"
run doctor; exits 1 "doctor: something is wrong"; asked 'GET /v1/doctor'
shows '^error: eth1 2001:db8:2::1 of the hub: link down \(no carrier\)$' "doctor: of the hub"
run doctor store-4 1; asked 'GET /v1/sites/store-4/tunnels/1/doctor'
run doctor store-4; asked 'GET /v1/sites/store-4/doctor'
run doctor store-4 2; exits 2 "doctor: a tunnel is 0 or 1"
run timeline; exits 2 "timeline: which site"
run show sites --around 02:13; exits 2 "--around is for timeline"
run plan; exits 1 "plan: what would be refused"; asked 'GET /v1/plan'; shows '^a 1 esn true false tunnel-if-needed$' "plan: a key"
shows '^tunnel: site gone tunnel 0$' "plan: what is interrupted"
run plan 2; asked 'GET /v1/plan?revision=2'
run plan --fail endpoint 0; exits 0 "plan --fail"; asked 'GET /v1/plan?fail=endpoint:0'
shows '^store-1 moves 0 ' "plan --fail: a site"
shows '^endpoint 1, eth1: .* of 10.0 Mbit/s, which is not enough$' "plan --fail: the other endpoint"
run plan --fail hub; asked 'GET /v1/plan?fail=hub'; shows '^no site reaches 10.0.0.0/16$' "plan --fail hub: what it has"
run plan --fail tunnel store-1/0; asked 'GET /v1/plan?fail=tunnel:store-1/0'
run plan --fail site; exits 2 "plan --fail: which site"
run plan --fail moon; exits 2 "plan --fail: what"
run diff --fail hub; exits 2 "diff --fail"
run history; exits 0 "history"; shows '^ 3 2026-11-30T00:06:12Z token 0badcafe apply in force, to be confirmed' "history: in force"
run diff 1 3; exits 0 "diff"; asked 'GET /v1/diff?from=1&to=3'
run apply --confirm 10m; exits 0 "apply --confirm"; asked 'POST /v1/apply {"confirm_s":600}'
run apply --next-start; asked 'POST /v1/apply {"next_start":true}'
run apply --force; asked 'POST /v1/apply {"force":true}'
run apply --next-start --confirm 1m; exits 2 "apply: not both"
run rollback 2 --force; asked 'POST /v1/revisions/2/rollback {"force":true}'
run rollback; exits 2 "rollback: which"
run rollback 0; exits 2 "rollback: no such number"
run plan 1 2; exits 2 "plan: one at most"
run report --json store-1; exits 0 "report --json"
asked 'GET /v1/report?site=store-1'
jq -e '.sites[0].in.dropped.site_rate.packets == 2 * 4169' "$W/out" >/dev/null; say $? "--json is the daemon's document"

run top --iterations 2; exits 0 "top"
[ "$(grep -c '^store-1' "$W/out")" = 2 ]; say $? "top: as many screens as asked for"
shows '^store-1 up 150.0M 100.0M 50.0M 50.0 100.0M 100.0M 0 50.0$' "top: rates are differences of two reports"
shows '^all sites 150.0M 100.0M 50.0M 2.0 ' "top: the sum"
! grep -q $'\033' "$W/out"; say $? "top: no control sequences off a terminal"

run apply; exits 0 "apply"; asked 'POST /v1/apply'; shows '^asked$' "apply: what the daemon said"
run rekey store-1; exits 0 "rekey"; asked 'POST /v1/sites/store-1/rekey'
run rekey store-1 1 --ike; exits 0 "rekey --ike"; asked 'POST /v1/sites/store-1/tunnels/1/rekey {"ike":true}'
run tunnel down store-1 0; exits 0 "tunnel down"; asked 'POST /v1/sites/store-1/tunnels/0/down'
run tunnel up store-1 1; exits 0 "tunnel up"; asked 'POST /v1/sites/store-1/tunnels/1/up'
run tunnel drain store-1 0; exits 0 "tunnel drain"; asked 'POST /v1/sites/store-1/tunnels/0/drain'
run alarms; exits 0 "alarms"; asked 'GET /v1/alarms'; shows '^site_down  *store-1 ' "alarms: a line for each"
run alarms store-1 --all; exits 0 "alarms SITE --all"; asked 'GET /v1/sites/store-1/alarms?all=true'
run alarm acknowledge site_down; exits 0 "alarm acknowledge"; asked 'POST /v1/alarms/site_down/acknowledge'
run alarm silence tunnel_down store-1 1 --for 2h; exits 0 "alarm silence"
asked 'POST /v1/alarms/tunnel_down/silence {"site":"store-1","tunnel":1,"for_s":7200}'
run alarm silence; exits 2 "alarm silence: which rule?"
run alarm test site_down store-1 7; exits 2 "alarm test: a tunnel is 0 or 1"
run alarm test site_down store-1 --for 1h; exits 2 "alarm test: --for is for silence"
run show tunnels store-1 1; exits 0 "show tunnels SITE TUNNEL"; asked 'GET /v1/sites/store-1/tunnels/1'
run plan; exits 1 "plan"; asked 'GET /v1/plan'
run plan 3; exits 1 "plan N"; asked 'GET /v1/plan?revision=3'
run diff; exits 0 "diff"; asked 'GET /v1/diff'
run diff 3 4; exits 0 "diff N M"; asked 'GET /v1/diff?from=3&to=4'
run history; exits 0 "history"; asked 'GET /v1/revisions'
run rollback 3 --force --confirm 10m; exits 0 "rollback"; asked 'POST /v1/revisions/3/rollback {"confirm_s":600,"force":true}'
run apply --next-start; exits 0 "apply --next-start"; asked 'POST /v1/apply {"next_start":true}'
run apply --without-secrets; exits 0 "apply --without-secrets"; asked 'POST /v1/apply {"without_secrets":true}'
run rekey store-1 --without-secrets; exits 2 "--without-secrets is for apply"
run show sites --ca ca.pem; exits 2 "--ca is for --host"
run show sites --host http://hub; exits 2 "--host: https only"
run rollback 3 --allow none; exits 0 "rollback --allow"; asked 'POST /v1/revisions/3/rollback {"allow":"none"}'
run confirm; exits 0 "confirm"; asked 'POST /v1/confirm'
run site list; exits 0 "site list"; asked 'GET /v1/documents'
shows '^store-1 up 65010 200.0 Mbit/s region=north cost-centre=4711 yes /etc/sluice/sites/store-1.yaml$' "site list: a site with labels"
run site list --where state=up,label.region=north --columns site,label.region,as; exits 0 "site list --where"
[ "$(tr -s ' ' <"$W/out")" = $'SITE label.region AS\nstore-1 north 65010' ]; say $? "site list: the lines and columns that are asked for"
json() { [ "$(jq -c "$1" "$W/out")" = "$2" ]; say $? "$3"; }
run site list --where label.region=north --json; json '[.sites, .others | map(.site)]' '[["store-1"],[]]' "site list --json: --where"
run site list --sort state --json; json '.sites | map(.site)' '["store-2","store-1"]' "site list --json: --sort"
run site list --columns site --json; exits 2 "site list --json: it has all columns"
run site export --where label.region=north --json; json '.sites | map(.site)' '["store-1"]' "site export --json: --where"
run site export --format csv --json; exits 2 "site export: one format"
run site list --where label.region=south; shows '^no site is so$' "site list: none"
run site list --where state=deleted --columns site,state,since,as; [ "$(tr -s ' ' <"$W/out")" = $'SITE STATE DELETED AS\nstore-9 deleted 2025-11-30T00:00:00Z -' ]; say $? "site list: what has gone"
run site list --where state=pending --columns site; [ "$(tail -n 1 "$W/out")" = store-8 ]; say $? "site list: what is about to come"
run site list --sort state --columns site; [ "$(tail -n 1 "$W/out")" = store-1 ]; say $? "site list: sorted"
run site list --where nonsense=1; exits 2 "site list: no such field"
run site show store-1; exits 0 "site show"; asked 'GET /v1/sites/store-1/document'
[ "$(head -n 1 "$W/out")" = "# the shop" ]; say $? "site show: as it is written"
shows '^# inside hub 169.254.10.5/30, device 169.254.10.6/30$' "site show: what the device needs, as a comment"
run site create new; exits 0 "site create"; asked 'POST /v1/sites {"site":"new"}'
shows '^ identity hub fqdn:hub.example.net, device fqdn:t4.example$' "site create: what the device needs"
shows '^ key file:/k$' "site create: where the key is"
run site create new --json; json '.device | length' 2 "site create --json"
run apply --json; json .ok '"asked"' "apply --json"
run site create new --as 65001 --address 192.0.2.1 --label a=b --prefix 10.1.0.0/24 --prefix 10.2.0.0/24 --rate=5M --static --dry-run
asked 'POST /v1/sites {"site":"new","values":{"asn":"65001","address":"192.0.2.1","labels.a":"b","rate":"5M","routing":"static","class":"gateway","static_routes":["10.1.0.0/24","10.2.0.0/24"]},"dry_run":true}'
run site set store-1 rate=7M tunnels.1.med=5 group= 'bfd={interval: 300ms}' --allow tunnel; exits 0 "site set"
asked 'PATCH /v1/sites/store-1 {"values":{"rate":"7M","tunnels.1.med":"5","group":null,"bfd":{"interval":"300ms"}},"allow":"tunnel"}'
run site set store-1; exits 2 "site set: what?"
run site set store-1 rate; exits 2 "site set: KEY=VALUE"
run site set store-1 'prefixes=[x'; exits 2 "site set: that is no list"
echo 'asn: 65009' >"$W/site.yaml"
run site put store-1 "$W/site.yaml"; exits 0 "site put"; asked 'PUT /v1/sites/store-1 {"values":{"asn":"65009"}}'
run site put store-1 "$W/nothing"; exits 2 "site put: no such file"
run site set store-1 'labels.a=[x' 'labels.b={'; exits 0 "site set: a label may begin with a bracket"
asked 'PATCH /v1/sites/store-1 {"values":{"labels.a":"[x","labels.b":"{"}}'
run site delete store-1 --allow tunnel --dry-run; asked 'DELETE /v1/sites/store-1?allow=tunnel&dry_run=true'
run site delete; exits 2 "site delete: which"
run site create; exits 2 "site create: which"
run site adopt store-1 --dry-run; asked 'POST /v1/sites/store-1/adopt {"dry_run":true}'
run site migrate store-1 store-2 shift --dry-run; asked 'POST /v1/sites/store-1/migrate {"new":"store-2","step":"shift","dry_run":true}'
run site migrate store-1 store-2; exits 2 "site migrate: which step"
run site migrate store-1; exits 2 "site migrate: to which site"
run site export; exits 0 "site export"; asked 'GET /v1/export'
[ "$(head -n 5 "$W/out")" = "$(printf '%s\n' 'sites:' '  - name: store-1' "    asn: '65010'" "    prefixes: [10.1.0.0/24, 'fd00:10:1::/64']" "    labels: { region: 'north, by the sea' }" | sed "s/'65010'/65010/")" ]; say $? "site export: as in sluice.yaml"
cp "$W/out" "$W/again.yaml"; run site import "$W/again.yaml"; exits 0 "site import: what was exported"
asked 'POST /v1/import {"sites":[{"site":"store-1","at":"'"$W"'/again.yaml:2","values":{"asn":"65010","prefixes":["10.1.0.0/24","fd00:10:1::/64"],"labels.region":"north, by the sea","tunnels.0.psk":"file:/etc/sluice/psk/store-1.0","tunnels.1.med":"5"}},{"site":"store-2","at":"'"$W"'/again.yaml:7","values":{"asn":"65011"}}]}'
run site export --format csv --where label.region=north; [ "$(head -n 1 "$W/out")" = name,asn,prefixes,labels.region,tunnels.0.psk,tunnels.1.med ]; say $? "site export: a head of CSV"
[ "$(tail -n 1 "$W/out")" = "store-1,65010,\"[10.1.0.0/24, 'fd00:10:1::/64']\",\"north, by the sea\",file:/etc/sluice/psk/store-1.0,5" ]; say $? "site export: a line of CSV, and only the site that is asked for"
cp "$W/out" "$W/again.csv"; run site import "$W/again.csv" --dry-run --allow tunnel; exits 0 "site import: CSV"
asked 'POST /v1/import {"sites":[{"site":"store-1","at":"'"$W"'/again.csv:2","values":{"asn":"65010","prefixes":["10.1.0.0/24","fd00:10:1::/64"],"labels.region":"north, by the sea","tunnels.0.psk":"file:/etc/sluice/psk/store-1.0","tunnels.1.med":"5"}}],"allow":"tunnel","dry_run":true}'
printf 'name,town,asn\na,Ulm,\nb,Jena,65007\n' >"$W/t.csv"
printf 'asn: 65000\nlabels: { town: "${town}", id: "${name}-${town}" }\n' >"$W/t.yaml"
run site import "$W/t.csv" --template "$W/t.yaml" --template 'prefixes=[10.1.0.0/24]'; exits 0 "site import --template"
asked 'POST /v1/import {"sites":[{"site":"a","at":"'"$W"'/t.csv:2","values":{"asn":"65000","labels.town":"Ulm","labels.id":"a-Ulm","prefixes":["10.1.0.0/24"]}},{"site":"b","at":"'"$W"'/t.csv:3","values":{"asn":"65007","labels.town":"Jena","labels.id":"b-Jena","prefixes":["10.1.0.0/24"]}}]}'
printf 'name,town,rat,rate\na,,1,5M\n,x,1,[5\nb,y,1,2,3\n' >"$W/bad.csv"
run site import "$W/bad.csv" --template 'labels.town=${town}'; exits 2 "site import: mistakes"
[ "$(sed "s,$W/,," "$W/err")" = "$(printf 'sluice: bad.csv:%s\n' "1: column 3: 'rat' is no key of a site, and the template does not use it" '2: column town: the template wants a value of it' '3: column name: the site has none' "3: column rate: '[5' is no list and no mapping" '4: there are more cells than columns')" ]; say $? "site import: all mistakes at once, with line and column"
sends() { run site import - "${@:3}"; exits 0 "site import: $1"; asked "POST /v1/import {\"sites\":[{\"site\":\"a\",\"at\":\"input:$2}]}"; }
sends "a list of tunnels is all of them" '1","values":{"tunnels.0.med":"5","tunnels.1":null}' < <(echo 'sites: [ { name: a, tunnels: [ { med: 5 } ] } ]')
sends "a tunnel that is none in CSV" '2","values":{"tunnels.0.med":"5","tunnels.1":null}' --format csv < <(printf 'name,tunnels.0.med,tunnels.1\na,5,none\n')
sends "null takes away, and \"null\" does not" '1","values":{"rate":null,"labels.a":"null"}' < <(echo '{"sites": [{"name": "a", "rate": null, "labels": {"a": "null"}}]}')
sends "a label with a bracket, and one that a spreadsheet would run" '2","values":{"labels.a":"[x","labels.b":"=1"}' --format csv < <(printf "name,labels.a,labels.b\na,[x,'=1\n")
run site import - --format csv < <(printf 'name,tunnels.1\na,5\n'); exits 2 "site import: a tunnel is none, or nothing is said"
printf 'name,"x\n' >"$W/bad.csv"; run site import "$W/bad.csv"; exits 2 "site import: a quote that does not end"
echo '{"sites": [{"name": "a", "asn": 1}, {"asn": 2}]}' >"$W/s.json"; run site import "$W/s.json"; exits 2 "site import: without a name"
run site import - < <(echo 'sites: ['); exits 2 "site import: no YAML"
refuses() { run site import - "${@:3}"; exits 2 "site import: $1"; [ "$(<"$W/err")" = "sluice: input:$2" ]; say $? "site import: says of $1 $2"; }
one='sites: [ { name: a, rate: 5M } ]'
refuses "a second document" "2: a second document begins here; a file has one" < <(printf '%s\n---\n%s\n' "$one" "$one")
refuses "JSON behind JSON" "2: a second document begins here; a file has one" < <(printf '{"sites": [{"name": "a"}]}\n{"sites": [{"name": "b"}]}\n')
refuses "two files in one" "2: key 'sites' stands twice" < <(printf '%s\n%s\n' "$one" "$one")
refuses "another key" "1: unknown key 'defaults'; an import has 'sites' only" < <(printf 'defaults: {}\n%s\n' "$one")
refuses "a line that is cut off" "3: there are fewer cells than columns" --format csv < <(printf 'name,rate,asn\na,5M,65001\nb,5\n')
refuses "two columns of names" "1: column 3: 'site' is the name, as a column before it is" --format csv < <(printf 'name,rate,site\na,5M,b\n')
refuses "a NUL" "2: a cell has a NUL in it" --format csv < <(printf 'name,rate\na,5M\0x\n')
refuses "what would paint the terminal" "1: column 2: '?[31mrat' is no key of a site" --format csv < <(printf 'name,\033[31mrat\na,5M\n')
run site import "$W/nothing.csv"; exits 2 "site import: no such file"
run site list --format csv; exits 2 "--format is for import and export"
init() { timeout 20 "$SLUICE" hub init "$@" >"$W/out" 2>"$W/err"; status=$?; }
init --dir "$W/new" --endpoint eth0=198.51.100.1,2001:db8::1 --endpoint eth1=198.51.101.1 --name hub-1 --as 64512 --network 10.0.0.0/16 site_rate=50M tunnel.med=70
exits 0 "hub init"
chmod -R go-w "$W/new"; "$OUT/sluiced" --check -f "$W/new/sluice.yaml" >"$W/out" 2>&1; say $? "hub init: it is a configuration"
grep -q 'site_rate: 50M' "$W/new/hub.yaml"; say $? "hub init: hub.yaml has all of it"
init --dir "$W/new" --endpoint eth0=198.51.100.1; exits 1 "hub init: there is one"
init --dir "$W/none" --endpoint eth0=198.51.100.999; exits 1 "hub init: no address"
init --dir "$W/none" --endpoint eth0=198.51.100.1 site_rat=5M; exits 1 "hub init: no such key"
[ ! -e "$W/none" ]; say $? "hub init: nothing is written then"
init --dir "$W/none" --endpoint eth0; exits 2 "hub init: which address"
init --dir "$W/none" site_rate=5M; exits 2 "hub init: which endpoint"
run hub show; exits 0 "hub show"; asked 'GET /v1/hub'
shows '^networks \[10.0.0.0/16, .fd00:10::/48.\] sluice.yaml:2$' "hub show: where a value is from"
shows '^tunnel.med 70 hub.yaml:2$' "hub show: what a command has said"
run hub set site_rate=50M tunnel.med=70 defaults.tunnel.esn= --allow tunnel; exits 0 "hub set"
asked 'PATCH /v1/hub {"values":{"concentrator.site_rate":"50M","defaults.tunnel.med":"70","defaults.tunnel.esn":null},"allow":"tunnel"}'
run hub set site_rate=50M --confirm 5m; exits 0 "hub set --confirm"; asked 'PATCH /v1/hub {"confirm_s":300,"values":{"concentrator.site_rate":"50M"}}'
run hub set; exits 2 "hub set: what?"
run hub set site_rate; exits 2 "hub set: KEY=VALUE"
run hub release; exits 0 "hub release"; asked 'POST /v1/hub/release'
run release 10.1.0.0/24; exits 0 "release"; asked 'POST /v1/release {"prefix":"10.1.0.0/24"}'
run token create --role operator --scope group=north --days 7; exits 0 "token create"
asked 'POST /v1/tokens/create {"role":"operator","scope":"group=north","days":7}'
[ "$(cat "$W/out")" = sluice_0badcafe_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ]; say $? "token create: the token alone is on standard output"
grep -q '^token 0badcafe: operator of group=north, until ' "$W/err"; say $? "token create: the rest is told besides"
run token create; exits 2 "token create: which role"
run token create --role king; exits 2 "token create: no such role"
run token create --role viewer --scope north; exits 2 "token create: a scope is of a group"
run token create --role viewer --days 367; exits 2 "token create: a year at most"
run apply --role viewer; exits 2 "--role is for token create"
run secret list; exits 0 "secret list"; asked 'GET /v1/secrets'; shows '^store-1.0 2026-11-30T00:06:12Z (2026-11-30T00:07:00Z )?store-1 0, store-2 1, store-2 1 \(BGP\)$' "secret list: who uses it"
run secret rotate store-1.0; exits 0 "secret rotate"; asked 'POST /v1/secrets/store-1.0/rotate'
run secret delete store-1.0 --force; exits 0 "secret delete"; asked 'POST /v1/secrets/store-1.0/delete {"force":true}'
run secret rotate; exits 2 "secret rotate: which"
own() { timeout 20 "$SLUICE" secret "$@" >"$W/out" 2>"$W/err" </dev/null; status=$?; }
own show a; exits 2 "secret show: --reveal is wanted"; grep -q -- '--reveal only' "$W/err"; say $? "secret show: says so"
own set a --reveal; exits 2 "secret set: shows nothing"
own set; exits 2 "secret set: which"
own set a --socket "$W/none"; exits 3 "secret set: no daemon"
run token list; exits 0 "token list"; asked 'GET /v1/tokens'; shows '^0badcafe operator group=north 2026-11-30T00:53:20Z' "token list: one"
run token revoke 0badcafe; exits 0 "token revoke"; asked 'POST /v1/tokens/0badcafe/revoke'
run token revoke; exits 2 "token revoke: which"
run show sites --token "$W/none"; exits 1 "--token: no such file"; grep -q "$W/none: No such file" "$W/err"; say $? "--token: says so"
run show sites 'a b&c'; asked 'GET /v1/sites/a%20b%26c'
run show log 'a b&c'; asked 'GET /v1/log?site=a%20b%26c'
run show sites ..; asked 'GET /v1/sites/..'
http_proxy=http://127.0.0.1:9 run show sites; exits 0 "a proxy for HTTP is none for the socket"
curl -s --unix-socket "$W/sock" http://localhost/v1/sites | jq -e '.sites | length == 6' >/dev/null; say $? "curl asks the same way"
run help; exits 0 "help"; shows "^ *show tunnels \[SITE \[0\|1\]\] " "help: a command"; shows "-s, -j, -n" "help: short options"
run --version; exits 0 "--version"; shows "^sluice [0-9]" "--version: says one"
run explain source extra; exits 2 "explain: a word too many"; grep -q "unexpected word 'extra'" "$W/err"; say $? "explain: names it"
run version; exits 0 "version"; shows '^sluice [0-9]+\.[0-9]+' "version: says one"

# A configuration that somebody makes on the way; with a daemon, `apply` would have to wait for it.
from_pipe() { "$OUT/sluiced" --check -f /dev/stdin <<<"concentrator: { nonsense: 1 }" 2>&1 >/dev/null | cat >"$W/err"; }
from_pipe; grep -q "/dev/stdin:1: .*nonsense" "$W/err"; say $? "--check reads a here document"
echo "concentrator: { nonsense: 1 }" | "$OUT/sluiced" --check -f /dev/stdin 2>"$W/err"
grep -q "/dev/stdin:1: .*nonsense" "$W/err"; say $? "--check reads a pipe"

# The audit log needs no daemon.
mkdir "$W/audit"
cat >"$W/audit/audit.ndjson" <<-'E'
	{"n":7,"time":"2026-12-05T12:00:00Z","who":{"uid":0,"gid":0,"pid":4711},"verb":"rekey","site":"store-1","tunnel":1,"ike":true,"outcome":"asked","mac":"00"}
	{"n":8,"time":"2026-12-05T12:00:01Z","of":7,"outcome":"done","detail":"asked","mac":"00"}
	{"n":9,"time":"2026-12-05T12:00:02Z","who":"sluiced","verb":"stop","outcome":"done","detail":"by a signal","mac":"00"}
E
timeout 20 "$SLUICE" audit show --dir "$W/audit" >"$W/out" 2>"$W/err"; status=$?; exits 0 "audit show"
shows '^2026-12-05T12:00:00Z root 4711 rekey --ike store-1 1 done asked$' "audit show: user, process, command, object, and what came of it"
shows '^2026-12-05T12:00:02Z sluiced - stop - done by a signal$' "audit show: the daemon"

audited() { local is=$1; shift; timeout 20 "$SLUICE" audit show --dir "$W/audit" "$@" >"$W/out" 2>"$W/err"; [ "$(tail -n +2 "$W/out" | wc -l)" = "$is" ]; say $? "audit show $*: $is lines"; }
audited 1 --user root; audited 1 --user sluiced; audited 1 --site store-1; audited 0 --site store-2; audited 2 --since 2026-12-05T12:00:00Z; audited 1 --since 2026-12-05T12:00:01Z
audited 0 --since never; grep -q "not 'never'" "$W/err"; say $? "audit show: since when"
timeout 20 "$SLUICE" audit show --dir "$W/audit" --site store-1 --json | jq -e 'map(.n) == [7, 8]' >/dev/null; say $? "audit show --json: what came of it, too"

# Run as nobody: the socket is there, and may not be asked.
mkdir -m 755 "$W/open"; chmod 755 "$W"; cp "$SLUICE" "$W/open/sluice" 2>/dev/null
chmod 600 "$W/sock"
if [ "$(id -u)" = 0 ]; then
	setpriv --reuid 65534 --clear-groups "$W/open/sluice" --socket "$W/sock" show sites 2>"$W/err"
	[ $? = 3 ] && grep -q 'you may not ask sluiced' "$W/err"; say $? "no permission: says so"
fi
run show tunnels nope; exits 1 "refused by the daemon"
grep -qx "sluice: there is no site 'nope'" "$W/err"; say $? "refused: in the daemon's words"
run rekey warned; exits 1 "refused, with a warning"
grep -qx "sluice: warning: a key can be read by others" "$W/err"; say $? "refused: warnings are printed, too"
run show tunnels garbage; exits 1 "an answer that is not JSON"
run show tunnels silent; exits 3 "no answer"
grep -q "sluiced does not answer" "$W/err"; say $? "no answer: says so"
for words in "" "frobnicate" "show" "show nonsense" "show sites a b" "rekey" "rekey a 2" "tunnel down a" \
	"tunnel sideways a 0" "top --json" "report --ike" "report --since 2" "report --since 456d" "report --since -1m" "top --since 1h" "report --iterations 3" "top --iterations x" \
	"top --iterations 0" "show dataplane x" "--frobnicate"; do
	# shellcheck disable=SC2086
	run $words; [ $status = 2 ] && grep -q 'usage: sluice\|see sluice --help\|One of: \|only by one of: ' "$W/err"; say $? "usage error: '$words'"
done
names() { run $1; grep -qF -- "$2" "$W/err"; say $? "usage error of '$1' names what is wrong"; cat "$W/err" | head -n 1; }
names "show nonsense" "'show' cannot be followed by 'nonsense', only by one of: sites, tunnels"
names "tunnel" "tunnel what? One of: down, up, drain"
names "top --json" "--json is not for 'top'"
names "frobnicate a" "unknown command 'frobnicate'"
begins() { [[ "$(head -n 1 "$W/err")" == "$1: "*"$2"* ]]; say $? "$1: $2: the message begins with the name of the program"; }
run show sites --jsn; begins sluice "'--jsn'"
run ca list --jsn; begins sluice "'--jsn'"
timeout 20 "$OUT/sluiced" --jsn 2>"$W/err"; begins sluiced "'--jsn'"

# On a terminal of 80 columns nothing is cut without a word: columns that have no room are named.
narrow() {
	local words=("$@"); [ "$1" = audit ] || words=(--socket "$W/sock" "$@")
	python3 - "$SLUICE" "${words[@]}" >"$W/out" <<-'E'
	import fcntl, os, pty, struct, sys, termios
	pid, fd = pty.fork()
	if pid == 0:
	    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
	    os.execv(sys.argv[1], sys.argv[1:])
	out = b""
	try:
	    while chunk := os.read(fd, 4096):
	        out += chunk
	except OSError:
	    pass
	sys.stdout.write(out.decode().replace("\r", ""))
	E
}
for view in sites tunnels routes sa certificates bgp endpoints unknown closed "route 10.1.0.1"; do
	narrow show $view
	[ "$(wc -l <"$W/out")" -gt 1 ] && [ "$(sed -n '2,$p' "$W/out" | grep -v '^(no room\|: \|^quarantined' | wc -L)" -le 80 ]; say $? "show $view fits into 80 columns"
done
narrow audit show --dir "$W/audit"
head -n 1 "$W/out" | grep -q '^TIME .*WHO .*VERB .*OBJECT .*OUTCOME'; say $? "audit show: 80 columns have the time"
narrow show tunnels
grep -q '^(no room for .*MTU.*; a wider terminal or --json has them)$' "$W/out"; say $? "show tunnels: says which columns have no room"
grep -q 'IKE_NO_PROPOSAL' "$W/out"; say $? "show tunnels: the reason is not cut"
narrow report
grep -q ' DROPPED .*DROPPED PACKETS' "$W/out"; say $? "report: what was dropped has room in 80 columns"
run --help; exits 0 "--help"; shows '^usage: sluice' "--help: on standard output"
shows '^ tunnel down SITE 0\|1 \[--force\] ' "--help: a command with what it takes"
completes() { local words=$1; shift; [ "$("$SLUICE" --complete --socket "$W/sock" $words | tr '\n' ' ')" = "$* " ]; say $? "completion of '$words'"; }
completes "" show events timeline alarms alarm doctor graph report plan apply confirm history diff rollback rekey tunnel release secret token site hub top explain ca audit version help
completes rollback 3 2 1 --force --confirm --dry-run --allow --json
completes apply --force --confirm --next-start --without-secrets --json
completes tunnel down up drain
completes site list show create set put delete adopt migration migrate export import
completes hub show set release init
completes "hub show" --json
"$SLUICE" --complete --socket "$W/sock" hub set | grep -qx tunnel.med=; say $? "completion of keys of the hub"
completes "site list" --where --columns --sort --json
completes "site delete" store-1 store-2 dc-1 store-3 store-4 store-5 --confirm --dry-run --allow --json
completes "site migrate store-1 store-2" prepare shift finish back --force --confirm --dry-run --allow --json
"$SLUICE" --complete --socket "$W/sock" site set store-1 | grep -qx tunnels.1.med=; say $? "completion of keys"
completes "tunnel down" store-1 store-2 dc-1 store-3 store-4 store-5 --force --json
completes "tunnel down store-1" 0 1 --force --json
completes "report" store-1 store-2 dc-1 store-3 store-4 store-5 --since --json
completes "show dataplane" --json
completes "secret" list rotate delete set show
completes "secret rotate" store-1.0 store-1.0.previous store-3.next --json
completes "token revoke" 0badcafe 0000000a --json
completes "token create" --role --scope --days --json
while [ $((SECONDS - began)) -lt 50 ] && [ "$(grep -c '^stream of store-2$' "$W/streams")" -lt 2 ]; do sleep 1; done
[ "$(grep -c '^stream of store-2$' "$W/streams")" = 2 ]; say $? "events --follow: a stream that is silent is taken up again"
kill $daemon; wait $daemon 2>/dev/null
run show sites; exits 3 "a dead socket"
grep -q 'sluiced is not running' "$W/err"; say $? "a dead socket: says so"
rm -f "$W/sock"; run show sites; exits 3 "no socket"
grep -qx "sluice: sluiced is not running ($W/sock: No such file or directory)" "$W/err"; say $? "no socket: says where"
exit $failed
