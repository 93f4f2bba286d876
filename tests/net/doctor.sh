#!/bin/bash
# `sluice doctor` with real devices, of which each has something wrong: its sentence, and after how long it is told.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=sldr LAB=$(mktemp -d /tmp/sldr.XXXXXX) BIN=${BIN:-$PWD/build/asan}
export SITE_OPTIONS="max_prefixes: 3"
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start

# Asked all the while, from the first message on: what only begins is no news.
well() { sluice doctor >"$LAB/doctor" || { cat "$LAB/doctor"; return 1; }; }
comes_up() {
	local end=$((SECONDS + 60))
	until all_up 4; do well && [ $SECONDS -lt $end ] || return 1; done
	well
}
branch_up 1
branch_up 2
case_ "nothing is wrong while four tunnels come up, nor then" comes_up
rekeyed() { sluice rekey site-1 && sluice rekey site-2 --ike || return 1; for _ in {1..8}; do well || return 1; done; }
case_ "nor while they are rekeyed" rekeyed
for n in 1 2; do
	for t in 0 1; do cp "$LAB/b$n/$t/swanctl/swanctl.conf" "$LAB/b$n/$t/well"; done
	cp "$LAB/b$n/bird.conf" "$LAB/b$n/well"
done

device() { # device N T EDIT: its strongSwan begins anew with an edited configuration
	local d=$LAB/b$1/$2
	sed "$3" "$d/well" >"$d/swanctl/swanctl.conf"
	swan "$d" --terminate --ike hub --timeout 2 --force
	swan "$d" --load-all --clear --file "$d/swanctl/swanctl.conf"
	swan "$d" --initiate --child t --timeout 5
} >/dev/null 2>&1
devices() { # devices N T EDIT ...: several at once
	local pids=()
	while [ $# -gt 0 ]; do device "$1" "$2" "$3" & pids+=($!); shift 3; done
	wait "${pids[@]}"
}
bird() { # bird N EDIT
	sed "$2" "$LAB/b$1/well" >"$LAB/b$1/bird.conf"
	in_ns "b$1" birdc -s "$LAB/b$1/bird.ctl" configure >/dev/null
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

finding() { # finding ID SITE TUNNEL TEXT: in the last answer, with something to do about it
	jq -e --arg id "$1" --arg site "$2" --argjson t "${3:-null}" --arg text "$4" '.findings[] |
		select(.id == $id and (.site // "") == $site and ($t == null or (.tunnels | index($t) != null)) and
			(.text | contains($text)) and (.hub or .device))' "$LAB/doctor"
}
# round SECONDS, rows "WHAT|ID|SITE|TUNNEL|TEXT" on standard input: each a case, with the time since $began.
round() {
	local end=$((SECONDS + $1)) rows left row what id site t text
	mapfile -t rows
	while [ ${#rows[@]} -gt 0 ] && [ $SECONDS -lt $end ]; do
		sluice doctor --json >"$LAB/doctor" 2>/dev/null
		left=()
		for row in "${rows[@]}"; do
			IFS='|' read -r what id site t text <<<"$row"
			if finding "$id" "$site" "$t" "$text" >/dev/null; then
				case_is "$what" 0 "told after $((($(now_ms) - began) / 1000)) s"
			else
				left+=("$row")
			fi
		done
		rows=("${left[@]}")
		sleep 0.2
	done
	for row in "${rows[@]}"; do
		case_is "${row%%|*}" 1 "$(jq -r '.findings[] | "\(.id) \(.site) \(.tunnels): \(.text)"' "$LAB/doctor" | tail -n 3)"
	done
}

began=$(now_ms)
devices 1 0 's/ secret = "/ secret = "other/' 1 1 's/id = s1.t1/id = s1.t9/' \
	2 0 's/ proposals = [^ ]*/ proposals = aes192-sha256-modp2048/' 2 1 's/id = hub.sluice/id = hub2.sluice/' &
breaking=$!
round 20 <<-ROWS
	wrong pre-shared key|wrong-psk|site-1|0|site-1 tunnel 0: the device has another pre-shared key
	wrong identity of the device|wrong-identity|site-1|1|says that it is fqdn:s1.t9.sluice.test, and fqdn:s1.t1.sluice.test is expected
	no common proposal of phase 1|no-ike-proposal|site-2|0|offers aes192-prfsha256-sha256-modp2048
	wrong identity of the hub|wrong-hub-identity|site-2|1|wants fqdn:hub2.sluice.test
ROWS
status() {
	local out; out=$(sluice doctor site-1 1)
	[ $? = 1 ] && grep -q '^  device   set its own IKE identity to fqdn:s1.t1.sluice.test$' <<<"$out"
}
case_ "the exit status says so, and the device's side what to do" status
wait $breaking
devices 1 0 '' 1 1 '' 2 0 '' 2 1 ''
must "all are up again" until_true 60 all_up 4
case_ "and nothing is wrong" until_true 5 well

began=$(now_ms)
in_ns inet nft 'table inet broken { chain f { type filter hook forward priority 0
	iifname "b2_0" udp dport 4500 @th,64,32 != 0 drop; }; }'
kill -9 "$(<"$LAB/b2/1/pid")"
swan "$LAB/b1/1" --terminate --ike hub --timeout 2 --force >/dev/null 2>&1
in_ns inet nft 'add rule inet broken f iifname "b1_1" udp dport 4500 drop'
devices 1 0 's/esp_proposals = [^ ]*/esp_proposals = aes192-sha256/' 1 1 '' &
breaking=$!
round 90 <<-ROWS
	no common proposal of phase 2|no-esp-proposal|site-1|0|offered aes192-sha256
	UDP 4500 is blocked, 500 is not|half-open|site-1|1|UDP 4500 from it may be blocked
	ESP is blocked, IKE is not|esp-blocked|site-2|0|no ESP comes from the device in UDP 4500
	the device is off|silent|site-2|1|nothing has come from the device at 100.65.2.2 on UDP 500 and 4500 for
ROWS
verdicts() { [ "$(json_of doctor '[.tunnels[] | select(.site == "site-2").verdict] | join(" ")')" = "control-only dead" ]; }
case_ "the verdict on each tunnel" until_true 5 verdicts
wait $breaking
in_ns inet nft delete table inet broken
devices 1 0 '' 1 1 ''
must "all but one are up again" until_true 60 all_up 3

# Sessions. A cause that was told stays until there is one, so what says less comes first.
static() { # announced beside its network
	printf '$a protocol static more { ipv4; %s}\n' "$(printf 'route %s unreachable; ' "$@")"
	printf 's/source != RTS_DEVICE then/source != RTS_DEVICE \\&\\& source != RTS_STATIC then/\n'
}
began=$(now_ms)
bird 2 "$(static 10.1.0.0/24)"
round 25 <<-ROWS
	a prefix of another site|prefixes-not-used|site-2|0|1 of 3 prefixes of the device are not used
ROWS
began=$(now_ms)
kill -9 "$(<"$LAB/b1/bird.pid")"
bird 2 "$(static 10.2.7.0/24 10.2.8.0/24 10.2.9.0/24)"
round 40 <<-ROWS
	too many prefixes|prefix-limit|site-2|0|more than \`max_prefixes\`, which is 3; its session returns in
	BGP does not run at the device|bgp-not-running|site-1|0|BGP does not run at the device
ROWS
both() { [ "$(json_of doctor '[.findings[] | select(.id == "bgp-not-running") | "\(.site) \(.tunnels) \(.severity)"] | join(";")')" = "site-1 [0,1] error" ]; }
case_ "both tunnels of a site have it: one finding" until_true 15 both
began=$(now_ms)
sed '/protocol bgp t0/ s/local [0-9.]*/& as 65099/; /protocol bgp t1/ s/neighbor/password "other"; neighbor/' "$LAB/b1/well" >"$LAB/b1/bird.conf"
rm -f "$LAB/b1/bird.ctl"
bird_start b1 "$LAB/b1"
round 30 <<-ROWS
	wrong AS of the device|bgp-wrong-as|site-1|0|remote AS is 65099, expected 65001
	MD5 at the device only|md5-unexpected|site-1|1|the device signs BGP (MD5)
ROWS

# The hub's own: one finding, and none of the tunnels that end there.
began=$(now_ms)
in_hub ip link set wan1 down
kill -9 "$(json_of show dataplane '.processes[] | select(.name == "bgp").pid')"
round 20 <<-ROWS
	the hub's link is down|endpoint-lost|||wan1 198.51.101.1 of the hub: link down
	a process was started again|process-restarted|||the process bgp was started again
ROWS
alone() { [ "$(json_of doctor '[.findings[] | select(.tunnels | index(1))] | length')" = 0 ] && [ "$(json_of doctor '.findings[] | select(.id == "endpoint-lost" and .tunnels_lost > 0) | "\(.tunnels_lost) \(.others | join(" "))"')" = "2 site-1 site-2" ]; }
case_ "it is told once, with the tunnels that it has taken" until_true 15 alone
cases_end
