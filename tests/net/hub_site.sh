#!/bin/bash
# From a hub without sites to one that is up, with a real device, by commands alone.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slsi LAB=$(mktemp -d /tmp/slsi.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
export START_WITH=
cases_start

# What the device has to know comes from the hub.
tunnel_of() { json_of site show "site-$1" ".document.tunnels[$2].$3"; }
inside4() { local block; block=$(tunnel_of "$1" "$2" inside); block=${block%/*}; echo "${block%.*}.$((${block##*.} + $3))"; }
inside6() { local block; block=$(tunnel_of "$1" "$2" inside6); python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]) + int(sys.argv[2]))' "${block%/*}" "$3"; }
secret() { printf 'ike-%d-%d { id = %s\n secret = "%s" }\n' "$1" "$2" "$(tunnel_of "$1" "$2" identity)" "$(<"$(tunnel_of "$1" "$2" psk | sed 's/^file://')")"; }
eval "lab_$(declare -f connection)"
connection() { lab_connection "$@" | sed "s/id = s$2.t$3.sluice.test/id = $(tunnel_of "$2" "$3" identity)/"; }

lab_hub_net
first() { # what hub_config says, by a command
	in_hub "$BIN/sluice" hub init --dir "$LAB" --name lab --as "$HUB_AS" --endpoint wan0=198.51.100.1,2001:db8:a::1 --endpoint wan1=198.51.101.1,2001:db8:b::1 \
		--network 10.0.0.0/24 --network fd00:10::/64 "identity=$HUB_ID" "dataplane=${BACKEND:-auto}" hold_time=9 keepalive=3 allow_fast_dpd=true \
		metrics=127.0.0.1:9469 "log_directory=$LAB/log" tunnel.dpd_interval=3 tunnel.dpd_timeout=10
}
must "the first files are made" first
must "sluiced starts without a site" hub_start
tried() { sluice site create site-1 --as 65001 --dry-run && [ "$(json_of site list ".sites | length")" = 0 ] && [ -z "$(ls "$LAB/psk")" ]; }
case_ "a try changes nothing" tried
created() { sluice site create site-1 --as 65001 --prefix 10.1.0.0/24 --prefix fd00:10:1::/64 --label region=north; }
case_ "a site is created" created
files() { [ "$(stat -c '%a %u' "$LAB/psk/site-1.0")" = "600 0" ] && grep -q 'region: north' "$LAB/sites/site-1.yaml" && ! grep -rqF "$(<"$LAB/psk/site-1.0")" "$LAB/sites" "$LAB/sluiced.log" && ! in_hub grep -rqF "$(<"$LAB/psk/site-1.0")" /var/lib/sluice; }
case_ "its keys are root's alone, and stand nowhere else" files
branch_up 1
case_ "both tunnels and BGP sessions come up" until_true 60 all_up 2
ping_1() { in_ns host ping -q -c 3 -i 0.2 -W 2 10.1.0.10; }
case_ "its network is reached" until_true 10 ping_1
since() { json_of show tunnels '[.tunnels[].since] | join(" ")'; }
rate() { local before; before=$(since); sluice site set site-1 rate=5M labels.region=south && [ "$(json_of show sites '.sites[0].rate_bps')" = 5000000 ] && [ "$(since)" = "$before" ]; }
case_ "its rate is changed, and no tunnel notices" rate
listed() { sluice site list --where state=up,label.region=south --columns site,label.region; }
case_ "it is found by its label" eval 'listed | grep -q site-1'
no_edit() { ! grep 'has edits that are not in force' "$LAB/sluiced.log" && [ "$(json_of site list '[.sites[] | select(.pending)] | length')" = 0 ]; }
case_ "no file has an edit that is not in force" no_edit
tag() { in_hub curl -s -o /dev/null -D - --unix-socket /run/sluice/control.sock http://localhost/v1/sites/site-1/document | tr -d '\r' | sed -n 's/^[Ee][Tt][Aa][Gg]: //p'; }
if_match() { in_hub curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/sluice/control.sock -X PATCH -H "If-Match: $1" -d "{\"values\":{\"rate\":\"$2\"}}" http://localhost/v1/sites/site-1; }
matched() { local tag; tag=$(tag) && [ -n "$tag" ] && [ "$(if_match "$tag" 6M)" = 200 ] && [ "$(if_match "$tag" 7M)" = 412 ] && [ "$(json_of show sites '.sites[0].rate_bps')" = 6000000 ]; }
case_ "over HTTP, with the entity tag of what was seen" matched
refused() { ! sluice site set site-1 asn=65009 && all_up 2; }
case_ "what interrupts is refused, unless it is allowed" refused
restarted() { hub_stop && hub_start && until_true 60 all_up 2 && [ "$(json_of show sites '.sites[0].rate_bps')" = 6000000 ]; }
case_ "after a restart it comes up as it was" restarted
deleted() { ! sluice site delete site-1 && sluice site delete site-1 --allow tunnel && [ "$(json_of site list '.sites | length')" = 0 ] && [ ! -e "$LAB/sites/site-1.yaml" ]; }
case_ "it is deleted, when that is allowed" deleted
back() { sluice rollback "$(($(json_of history .revision) - 1))" && until_true 60 all_up 2; }
case_ "and comes back, with its keys" back
case_ "the audit log holds" in_hub "$BIN/sluice" audit verify
cases_end
