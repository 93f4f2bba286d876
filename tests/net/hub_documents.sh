#!/bin/bash
# Documents by commands, with a device that is up: the hub's settings, a site that moves out of sluice.yaml, and a hundred
# sites at once.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slsd LAB=$(mktemp -d /tmp/slsd.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
export START_WITH=
cases_start

lab_hub_net
# What commands are to change, nobody has written.
hub_config 1 1 | sed '/^  site_rate:/d; /^defaults:/,/^  tunnel:/d; s/^  - name: site-1/  # the shop at the corner\n  - name: site-1 # old/' >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions come up" until_true 60 all_up 2
since() { json_of show tunnels site-1 '[.tunnels[].since] | join(" ")'; }
before=$(since)
unnoticed() { [ "$(since)" = "$before" ] && all_up 2; }
no_edit() { [ "$(json_of plan '.files | length')" = 0 ]; }

set_() { sluice hub set site_rate=50M tunnel.dpd_interval=12 && [ "$(json_of show sites '.sites[0].rate_bps')" = 50000000 ] && unnoticed && no_edit; }
case_ "a setting of the hub is changed, and no tunnel notices" set_
from() { sluice hub show | tr -s ' ' | grep -qx ' *site_rate 50M hub.yaml:1' && sluice hub show | tr -s ' ' | grep -q '^name lab sluice.yaml:'; }
case_ "it says where each value is from" from
both() { echo 'concentrator: { name: x }' >"$LAB/hub.yaml"; sluice apply 2>"$LAB/said"; cp "$LAB/hub.kept" "$LAB/hub.yaml"; grep -q "hub.yaml:1: concentrator: key 'name' stands in .*sluice.yaml:[0-9]* as well" "$LAB/said" && no_edit; }
cp "$LAB/hub.yaml" "$LAB/hub.kept"
case_ "a key in both files is refused with both lines" both
adopted() { ! sluice site set site-1 rate=5M 2>"$LAB/said" && grep -q 'sluice site adopt site-1' "$LAB/said" && sluice site adopt site-1 && unnoticed && no_edit && [ "$(head -n 2 "$LAB/sites/site-1.yaml")" = $'# the shop at the corner\nname: site-1 # old' ] && ! grep -q site-1 "$LAB/sluice.yaml"; }
case_ "a site moves out of sluice.yaml with its comments, and no tunnel notices" adopted
rate() { sluice site set site-1 rate=5M && [ "$(json_of show sites '.sites[0].rate_bps')" = 5000000 ] && grep -q '^name: site-1 # old' "$LAB/sites/site-1.yaml" && unnoticed; }
case_ "and is changed by a command then" rate
killed() { kill -9 "$(<"$LAB/sluiced.pid")"; sleep 1; hub_start && until_true 60 all_up 2 && no_edit && [ "$(json_of show sites '.sites[0].rate_bps')" = 5000000 ]; }
case_ "after a kill all is as it was" killed
before=$(since)

timed() { local at=${EPOCHREALTIME/./} status; "$@"; status=$?; echo "$(((${EPOCHREALTIME/./} - at) / 1000)) ms"; return $status; }
{ echo name,town,rate; for i in $(seq 2 100); do echo "store-$i,town-$((i % 7)),$((i % 3 + 1))M"; done; } >"$LAB/stores.csv"
revision() { json_of history .revision; }
imported() {
	local at took; at=$(revision)
	sluice site import "$LAB/stores.csv" --template 'labels.town=${town}' --template 'labels.id=${name}' --dry-run | tail -n 1 | grep -qx 'created 99, changed 0, unchanged 0' || return 1
	[ "$(revision)" = "$at" ] && [ ! -e "$LAB/sites/store-2.yaml" ] || return 1
	took=$(timed sluice site import "$LAB/stores.csv" --template 'labels.town=${town}' --template 'labels.id=${name}') || return 1
	[ "$(revision)" = $((at + 1)) ] && [ "$(json_of site list '.sites | length')" = 100 ] && unnoticed && no_edit && echo "$took"
}
case_ "99 sites in one command and one revision" imported
keys() { [ "$(find "$LAB/psk" -name 'store-*' -perm 600 | wc -l)" = 198 ] && [ "$(cat "$LAB"/psk/store-* | sort -u | wc -l)" = 198 ] && [ "$(cat "$LAB"/sites/*.yaml | grep -o 'inside: [0-9./]*' | sort | uniq -d | wc -l)" = 0 ]; }
case_ "each tunnel has a key and inside addresses of its own" keys
again() { local at f; at=$(revision); for f in csv yaml json; do sluice site export --format "$f" >"$LAB/all.$f" && sluice site import "$LAB/all.$f" | grep -qx 'created 0, changed 0, unchanged 100' || return 1; done; [ "$(revision)" = "$at" ] && ! grep -qF "$(<"$LAB/psk/store-2.0")" "$LAB/all.csv"; }
case_ "what is exported changes nothing, in each format, and has no key" again
changed() { sluice site export --format csv --where label.town=town-3 | sed 's/,[123]M/,9M/' >"$LAB/some.csv" && sluice site import "$LAB/some.csv" | grep -qx 'created 0, changed 14, unchanged 0' && [ "$(json_of show sites '[.sites[] | select(.rate_bps == 9000000)] | length')" = 14 ] && unnoticed; }
case_ "those with a label are changed together" changed
mistakes() { printf 'name,rate,tunnels.1.inside\nstore-2,fast,\nstore-3,5M,10.0.0.0/30\nnew,5M,\n' >"$LAB/bad.csv"; ! sluice site import "$LAB/bad.csv" 2>"$LAB/said" && grep -q "bad.csv:2: site 'store-2': rate: " "$LAB/said" && grep -q "bad.csv:3: site 'store-3': tunnels\[1\].inside: " "$LAB/said" && [ ! -e "$LAB/sites/new.yaml" ] && no_edit; }
case_ "mistakes are told with their lines, and nothing is changed" mistakes
fast() { timed sluice site list >"$LAB/list" && [ "$(grep -vc ms "$LAB/list")" = 101 ] && tail -n 1 "$LAB/list"; }
case_ "all are listed" fast
policy() {
	printf 'max: { site.rate: 100M }\ndeny:\n  tunnel.p1_dh_groups: [2]\n' >"$LAB/policy.yaml"
	! sluice site set site-1 rate=200M 2>"$LAB/said" && grep -q "policy.yaml:1: max site.rate: site 'site-1' would have 200M; the most is 100M" "$LAB/said" || return 1
	! sluice site set store-2 tunnels.0.algorithms=compatible --allow tunnel 2>"$LAB/said" && grep -q "policy.yaml:3: deny tunnel.p1_dh_groups: site 'store-2' tunnel 0 would have 2" "$LAB/said" || return 1
	sluice site set site-1 rate=6M && unnoticed && no_edit && rm "$LAB/policy.yaml"
}
case_ "what the policy does not permit is refused with its line" policy
gone() { sluice rollback "$(($(revision) - 3))" && [ "$(json_of site list '.sites | length')" = 1 ] && unnoticed && no_edit; }
case_ "the way back takes all of them away, and the one that is up stays" gone
told() { sluice site list --where state=deleted --columns site,state >"$LAB/list"; [ "$(grep -c '^store-[0-9]* *deleted$' "$LAB/list")" = 99 ] && hub_stop && hub_start && sluice site list --where state=deleted >"$LAB/list" && [ "$(wc -l <"$LAB/list")" = 100 ]; }
case_ "those that have gone are told of, after a restart as well" told
case_ "the audit log holds" in_hub "$BIN/sluice" audit verify
cases_end
