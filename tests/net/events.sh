#!/bin/bash
# What happens is kept: nothing is missing and nothing is twice, whoever is killed meanwhile.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slev LAB=$(mktemp -d /tmp/slev.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_up 1
must "both tunnels and BGP sessions are up" until_true 60 all_up 2

watch_pid() { json_of show dataplane '.processes[] | select(.name == "watch").pid'; }
# Watch may be starting: it is asked again.
events() { until_true 20 asked "$@" && cat "$LAB/events"; }
asked() { sluice events --since 1h --json "$@" >"$LAB/events"; }
has() { events | jq -e --arg r "$1" '[.events[] | select(.reason == $r)] | length >= '"${2:-1}" >/dev/null; }

came_up() { has IKE_UP 2 && has BGP_UP 2 && has HUB_STARTED; }
case_ "what happened until then is there" until_true 5 came_up

# As many as the logs of tunnels have, each once: what the activity log says of a tunnel, and of its session.
in_hub_exec "$BIN/sluice" events --follow --json >"$LAB/followed" 2>"$LAB/follow.err" </dev/null & remember $!
flaps() { # tunnels go down and up for 20 s, while watch is killed again and again
	local end=$((SECONDS + 20)) t=0 pid
	while [ $SECONDS -lt $end ]; do
		sluice tunnel down site-1 $t --force >/dev/null; sleep 1.3
		sluice tunnel up site-1 $t >/dev/null; sleep 0.7
		pid=$(watch_pid); [ "${pid:-0}" -le 1 ] || kill -9 "$pid"
		t=$((1 - t))
	done
}
case_ "tunnels go down and up while watch is killed again and again" flaps
must "they are up again" until_true 60 all_up 2
count() { events | jq '.events | length'; }
settled() { local n; n=$(count); sleep 1.5; [ "$n" -gt 0 ] && [ "$n" = "$(count)" ]; }
must "nothing more happens" until_true 30 settled

logged() { jq -r '"\(.reason_code) \(.details)"' "$LAB/log/activity.log" | sort; }
kept() { events --kind activity | jq -r '.events[] | "\(.reason) \(.detail)"' | sort; }
nothing_is_missing() { # what the files of logs have, and no more
	diff <(logged) <(kept) >"$LAB/diff" || { head -n 20 "$LAB/diff"; return 1; }
	[ "$(kept | wc -l)" -gt 20 ]
}
case_ "each event of the activity log is kept, once" nothing_is_missing
numbers_grow() { events | jq -e '[.events[].number] | . == (unique)' >/dev/null && events | jq -e '[.events[].time] | . == (sort)' >/dev/null; }
case_ "they are in order" numbers_grow
killed_often() { [ "$(events --kind process | jq '[.events[] | select(.detail | startswith("watch was ended by signal 9"))] | length')" -gt 5 ]; }
case_ "watch was killed more than five times, which is kept, too" killed_often
followed() { # from where it began
	local first; first=$(jq -s 'map(.number) | min' "$LAB/followed")
	diff <(jq '.number' "$LAB/followed") <(events | jq --argjson f "$first" '.events[].number | select(. >= $f)')
}
case_ "who follows has had the same, each once" until_true 10 followed

timeline() { sluice timeline site-1 --json | jq -e '[.events[].kind] | index("maintenance") != null and index("bgp") != null and index("process") != null' >/dev/null; }
case_ "a timeline has what was done, and what came of it" timeline

# Alarms: watch was killed more than twice within an hour. What people want of them outlives it.
fires() { sluice alarms --json | jq -e --arg r "$1" '.alarms[] | select(.rule == $r and .state == "ALARM")' >/dev/null; }
case_ "processes that end again and again are an alarm after a minute" until_true 80 fires process_restarts
silenced() { sluice alarms site-1 --json | jq -e '.alarms[] | select(.rule == "site_down") | .silenced_until' >/dev/null; }
silence_outlives_watch() {
	sluice alarm silence site_down site-1 --for 2h >/dev/null || return 1
	until_true 5 silenced && sleep 1 && kill -9 "$(watch_pid)" && until_true 20 silenced
}
case_ "silence is kept when watch is killed" silence_outlives_watch
tried() { sluice alarm test tunnel_down site-1 1 >/dev/null && events --kind alarm | jq -e '[.events[] | select(.reason == "tunnel_down" and .tunnel == 1 and (.detail | startswith("TEST: ")))] | length == 1' >/dev/null; }
case_ "an alarm that is tried is an event" tried
told_once() { events --kind alarm | jq -e '[.events[] | select(.reason == "process_restarts" and (.detail | startswith("ALARM: ")))] | length == 1' >/dev/null; }

hub_is_killed() {
	local before after
	before=$(count); sleep 1
	kill -9 "$(<"$LAB/sluiced.pid")"; sleep 1
	hub_start && until_true 10 has HUB_STARTED 2 || return 1
	after=$(count)
	echo "$before before, $after after"
	[ "$after" -gt "$before" ] && numbers_grow
}
case_ "sluiced is killed: what had happened is there after its start" hub_is_killed
case_ "the alarm was told once" told_once
stops_well() { hub_stop && hub_start && until_true 10 has HUB_STOPPING; }
case_ "a stop is the last that is kept" stops_well

spoiled() { # a file that is no database
	hub_stop
	in_hub dd if=/dev/urandom of=/var/lib/sluice/events/events.db bs=4096 count=8 conv=notrunc status=none
	hub_start && until_true 10 has HUB_STARTED || return 1
	in_hub test -e /var/lib/sluice/events/events.db.aside && grep -q "it is set aside as events.db.aside" "$LAB"/*.log
}
case_ "a damaged file is set aside, and a new one begins" spoiled
hub_stop
cases_end
