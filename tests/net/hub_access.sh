#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may ask a daemon that runs: members of groups of the host, strangers, and tokens, by the command and by HTTP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slac LAB=$(mktemp -d /tmp/slac.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start
lab_hub_net

# Groups that every Debian has.
HUB_OPTIONS='access: [{group: daemon, role: viewer}, {group: bin, role: operator, scope: north}, {group: adm, role: admin}]'
configure() { hub_config 1 2 | sed '/name: site-1$/s/$/\n    group: north/; /name: site-2$/s/$/\n    group: south/' >"$LAB/sluice.yaml"; }
configure
in_hub_exec env ASAN_OPTIONS=detect_leaks=0:log_path="$LAB/asan" "$BIN/sluiced" -f "$LAB/sluice.yaml" >"$LAB/sluiced.log" 2>&1 </dev/null &
echo $! >"$LAB/sluiced.pid"; remember $!
ready() { until_true 20 sluice show sites; }
must "the daemon runs" ready
# A user who is in that group and in no other; its own copy of the command, which everybody can read.
in_hub install -m 755 "$BIN/sluice" /run/sluice/command
as() { local group=$1; shift; in_hub setpriv --reuid 4711 --regid 65534 --groups "$group" --no-new-privs timeout 30 "$@" 2>&1; }
ask() { local group=$1; shift; as "$group" /run/sluice/command --socket /run/sluice/control.sock "$@"; }
http() { # GROUP TOKEN PATH [curl's options]: the status
	local group=$1 token=$2 path=$3; shift 3
	as "$group" curl -s -o /dev/null -w '%{http_code}' --max-time 20 --unix-socket /run/sluice/control.sock \
		${token:+-H "Authorization: Bearer $token"} "$@" "http://localhost$path"
}
ask_own() { as "$1" /run/sluice/command secret show "${2:-lab}" --reveal; }
is() { local want=$1; shift; local got; got=$("$@"); echo "$got"; [[ $got == $want ]]; }
token() { in_hub "$BIN/sluice" token create "$@" 2>/dev/null; }

case_ "a stranger cannot open the socket" is '*you may not ask sluiced*' ask nogroup show sites
case_ "a viewer sees all sites" is '*site-1*site-2*' ask daemon show sites
case_ "and changes nothing" is '*needs the role operator*' ask daemon rekey site-1
case_ "nor has the configuration applied" is '*needs the role admin*' ask daemon apply
seen() { local out; out=$(ask bin show sites; ask bin show tunnels; ask bin report; ask bin show routes; ask bin show log
	ask bin show sites --json; as bin curl -s --unix-socket /run/sluice/control.sock http://localhost/v1/metrics); echo "${#out} bytes"
	grep -q site-1 <<<"$out" && ! grep -q site-2 <<<"$out"; }
case_ "an operator of the north sees its site and no other" seen
case_ "may change that one" is '*asked*' ask bin rekey site-1
case_ "the other one is not there for it" is "*no site is named 'site-2'*" ask bin rekey site-2
case_ "what is of the whole hub is not for it" is '*without a scope*' ask bin show dataplane
case_ "an admin by a group applies" is '*revision*' ask adm apply

admin=$(token --role admin --days 1) viewer=$(token --role viewer) south=$(token --role operator --scope group=south)
id=${viewer:7:8}
case_ "a token has 256 bits" is 'sluice_????????_????????????????????????????????????????????????????????????????' echo "$viewer"
case_ "the file is for root only, and has no token" in_hub sh -c "[ \$(stat -c %a /var/lib/sluice/tokens.json) = 600 ] && ! grep -q ${viewer:16} /var/lib/sluice/tokens.json"
case_ "a viewer's token reads" is 200 http adm "$viewer" /v1/sites
case_ "and changes nothing, whoever shows it" is 403 http adm "$viewer" /v1/sites/site-1/rekey -d ''
case_ "a token in a scope: its site" is 200 http adm "$south" /v1/sites/site-2/rekey -d ''
case_ "a token in a scope: no other" is 404 http adm "$south" /v1/sites/site-1/rekey -d ''
case_ "a token adds nothing to its user" is 403 http daemon "$admin" /v1/sites/site-1/rekey -d ''
case_ "nor lets it in who may not connect" is 000 http nogroup "$admin" /v1/sites
case_ "one digit more or less: it is wrong" is 401 http adm "${viewer%?}" /v1/sites
longer() { http adm "$admin" /v1/tokens/create -d '{"role":"viewer","days":2}'; }
case_ "a token makes none that lasts longer" is 403 longer
printf '%s\n' "$viewer" >"$LAB/token"; chmod 644 "$LAB/token"; in_hub install -m 644 "$LAB/token" /run/sluice/token
case_ "the command shows one" is '*needs the role operator*' ask adm rekey site-1 --token /run/sluice/token
restart() { hub_stop; in_hub_exec env ASAN_OPTIONS=detect_leaks=0:log_path="$LAB/asan" "$BIN/sluiced" -f "$LAB/sluice.yaml" >"$LAB/sluiced.log" 2>&1 </dev/null &
	echo $! >"$LAB/sluiced.pid"; remember $!; ready; }
must "the daemon starts again" restart
case_ "tokens outlive it" is 200 http adm "$viewer" /v1/sites
case_ "one is revoked" in_hub "$BIN/sluice" token revoke "$id"
case_ "and worth nothing" is 401 http adm "$viewer" /v1/sites
named() { in_hub "$BIN/sluice" audit show | grep "${south:7:8}" | grep rekey; }
case_ "the audit log names the token" named
hidden() { ! in_hub grep -rl "${admin:16}" /var/lib/sluice /run/sluice && ! grep -q "${admin:16}" "$LAB/sluiced.log"; }
case_ "no token stands anywhere" hidden
tired() { local i; for i in $(seq 12); do http adm wrong /v1/sites; echo; done | sort | uniq -c | tr -s ' \n' ' '; }
case_ "wrong ones are looked at for a while only" is '*401*429*' tired
case_ "who shows none is not concerned" is 200 http daemon "" /v1/bgp

secret() { local group=$1 text=$2; shift 2; printf '%s\n' "$text" | as "$group" /run/sluice/command secret "$@"; }
case_ "who is no admin sets no secret" is '*needs the role admin*' secret daemon a.secret_of.the.lab set lab
case_ "a stranger does not get that far" is '*you may not ask sluiced*' secret nogroup a.secret_of.the.lab set lab
case_ "an admin does" is 'the secret lab is there*' secret adm a.secret_of.the.lab set lab
case_ "a viewer does not see it" is '*needs the role secret-reader*' ask_own daemon
case_ "an admin does, by --reveal" is a.secret_of.the.lab ask_own adm
case_ "the API has its name" is '*"lab"*' as daemon curl -s --unix-socket /run/sluice/control.sock http://localhost/v1/secrets
sealed() { ! in_hub grep -rl a.secret_of.the.lab /var/lib/sluice /run/sluice && ! grep -q a.secret_of.the.lab "$LAB/sluiced.log" &&
	[ "$(in_hub stat -c %a%a /var/lib/sluice/secrets /var/lib/sluice/secrets.key | tr '\n' ' ')" = "700700 600600 " ]; }
case_ "it stands nowhere in clear" sealed
rotated() { in_hub "$BIN/sluice" secret rotate lab && [ "$(ask_own adm)" = a.secret_of.the.lab ] && [ "$(ask_own adm lab.next | wc -c)" = 33 ]; }
case_ "rotated, the new one waits" rotated
applied() { in_hub "$BIN/sluice" apply && [ "$(ask_own adm lab.previous)" = a.secret_of.the.lab ] && [ "$(ask_own adm | wc -c)" = 33 ]; }
case_ "applied, it is there, and the one of before too" applied
case_ "the audit log has who saw it" is '*secret-show*lab*done*' in_hub "$BIN/sluice" audit show

HUB_OPTIONS='access: [{group: daemon, role: operator}]'
configure
case_ "another configuration" in_hub "$BIN/sluice" apply
case_ "who lost a role cannot come in" is '*you may not ask sluiced*' ask bin show sites
case_ "who got one may" is '*asked*' ask daemon rekey site-2
case_ "the daemon stops" hub_stop
cases_end
