#!/bin/bash
# What is in force is what was applied last: over restarts and kills, back to what was, and back by itself for who has cut
# himself off.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slrv LAB=$(mktemp -d /tmp/slrv.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
export START_WITH=
cases_start

lab_hub_net
file() { hub_config 1 "$1" >"$LAB/sluice.yaml"; }
sites() { json_of show sites '.sites | length'; }
in_force() { json_of history .revision; }
is() { echo "revision $(in_force), $(sites) sites"; [ "$(in_force)" = "$1" ] && [ "$(sites)" = "$2" ]; }
file 1
must "sluiced starts" hub_start
case_ "with the files, which become revision 1" is 1 1
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2

file 2
plan() { sluice plan; sluice plan --json | jq -e '.effect == "none" and .files == ["sluice.yaml"] and (.changes | map(select(.what == "added" and .site == "site-2")) | length) == 1' >/dev/null; }
case_ "plan says that a site comes, and that nothing is interrupted" plan
restarted() { hub_stop && hub_start && is "$@"; }
case_ "after a restart the edit is not in force" restarted 1 1
pending() { grep 'sluice.yaml has edits that are not in force' "$LAB/sluiced.log"; }
case_ "the log says so" pending
apply() { sluice apply "$@"; }
case_ "apply takes it" apply
case_ "as revision 2" is 2 2
case_ "also after a restart" restarted 2 2

rm -f "$LAB/sluice.yaml"
case_ "without a file it starts all the same" restarted 2 2
file 2
case_ "both tunnels of site 1 are up again" until_true 60 all_up 2

# Who takes his own way away.

hub_config 2 2 >"$LAB/sluice.yaml"
cut_off() { sluice apply --confirm 4s && is 3 1 && until_true 5 eval '! in_ns b1-h ping -q -c 1 -W 1 10.0.0.10'; }
case_ "a change that cuts site 1 off is applied for 4 s" cut_off
held() { local out; out=$(sluice apply 2>&1) && return 1; echo "$out"; [[ $out == *"revision 3 of uid 0 waits to be confirmed"* ]]; }
case_ "meanwhile no other is" held
back() { until_true 10 is 4 2 && until_true 60 all_up 2; }
case_ "it goes back by itself, and the site is up" back
why() { json_of history '.revisions[0].why'; [ "$(json_of history '.revisions[0].why')" = "revision 3 was not confirmed in time" ]; }
case_ "which the history tells" why
rolled() { sluice rollback 1 && is 5 1; }
case_ "rollback puts revision 1 in force, as another one" rolled
differ() { sluice diff --json | jq -c '[.changes[] | {what, site}]'; [ "$(sluice diff --json | jq -c '[.changes[] | {what, site}]')" = '[{"what":"removed","site":"site-2"}]' ]; }
case_ "diff says what it has changed" differ

# Killed in an apply, at a moment of chance: what was there before is in force, or all of the new one.
killed() {
	local i pid want before
	for i in $(seq 8); do
		file $((1 + i % 2))
		pid=$(<"$LAB/sluiced.pid") want=$(in_force) before=$(sites)
		sluice apply >/dev/null 2>&1 &
		sleep "0.0$((RANDOM % 90))"
		kill -9 "$pid"; wait $! 2>/dev/null; until_true 10 not_running "$pid"
		hub_start || { echo "no start after kill $i"; return 1; }
		is "$want" "$before" || is $((want + 1)) $((1 + i % 2)) || return 1
	done
}
case_ "killed in an apply, eight times: the one before, or the new one" killed
case_ "the site comes up" until_true 60 all_up 2
case_ "the audit log holds" in_hub "$BIN/sluice" audit verify
cases_end
