#!/bin/bash
# sluiced as packaging/sluiced.service has it, without systemd: its capabilities, its reload command, and
# the socket that is told of a start.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slsv LAB=$(mktemp -d /tmp/slsv.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

unit() { sed -n "s/^$1=//p" packaging/sluiced.service; }
lab_hub_net
tests/net/notified.py "$LAB/notify" "$LAB/told" & remember $!
until_true 5 test -S "$LAB/notify"

# service CAPABILITIES [LIMIT]: starts sluiced with no others than these, and so much memory that may be locked
service() {
	local keep=-all c limit=()
	[ -z "${2:-}" ] || limit=(prlimit --memlock="$2")
	for c in $1; do keep+=,+${c#CAP_}; done
	: >"$LAB/told"
	ASAN_OPTIONS=detect_leaks=0:log_path=$LAB/asan NOTIFY_SOCKET=$LAB/notify WATCHDOG_USEC=2000000 in_hub_exec \
		"${limit[@]}" setpriv --no-new-privs --bounding-set "${keep,,}" \
		"$BIN/sluiced" -f "$LAB/sluice.yaml" >"$LAB/sluiced.log" 2>&1 </dev/null &
	echo $! >"$LAB/sluiced.pid"
	remember $!
}
told() { grep -qx "$1" "$LAB/told"; }
all_ready() { [ "$(grep -c 'is ready, pid' "$LAB/sluiced.log")" = 5 ]; }
start_ends() { # NAME MESSAGE: with 1, and was never called a start
	local pid status; pid=$(<"$LAB/sluiced.pid")
	until_true 15 not_running "$pid" || kill "$pid"
	wait "$pid" 2>/dev/null; status=$?
	[ $status = 1 ] && ! told READY=1 && grep -q "$2" "$LAB/sluiced.log"
	case_is "$1" $? "status $status, $(grep "$2" "$LAB/sluiced.log")"
}
bfd_thread() { in_hub chrt -a -p "$(json_of show dataplane '.processes[] | select(.name == "bgp").pid')" | grep policy; }

# CAP_IPC_LOCK stands for LimitMEMLOCK=infinity, which the machine of a test may not permit.
CAPABILITIES="$(unit CapabilityBoundingSet) CAP_IPC_LOCK"
hub_config 1 1 >"$LAB/sluice.yaml"
case_ "the unit lets memory be locked" test "$(unit LimitMEMLOCK)" = infinity
service "$CAPABILITIES"
ready() { until_true 20 told READY=1 && all_ready && sluice show sites; }
must "the unit's capabilities do; told READY=1 when every process is" ready
kept() { ! grep 'kept nowhere\|cannot be kept' "$LAB/sluiced.log" && until_true 10 eval 'sluice events --kind process | grep -q HUB_STARTED'; }
case_ "what happens is kept" kept
case_ "of them the unit asks for what is told" test "$(unit Type)" = notify
lives() { until_true 5 told WATCHDOG=1; }
case_ "a watchdog hears of it" lives
real_time() { bfd_thread; bfd_thread | grep -q SCHED_RR && [ "$(json_of show dataplane .bfd_thread)" = "real-time priority" ]; }
case_ "BFD's thread is a real-time one" real_time
not_handed_on() { ! cat /proc/$(json_of show dataplane '.processes[] | select(.name == "ike").pid')/environ | tr '\0' '\n' | grep -E 'NOTIFY|WATCHDOG'; }
case_ "children are not told of the socket" not_handed_on

reload() { local c; c=$(unit ExecReload); echo "$c"; [[ $c == /usr/bin/sluice\ * ]] && sluice ${c#/usr/bin/sluice }; }
more() { hub_config 1 2 >"$LAB/sluice.yaml"; reload && [ "$(json_of show sites '.sites | length')" = 2 ]; }
case_ "ExecReload applies a change" more
mistake() { echo "  - name: nobody" >>"$LAB/sluice.yaml"; ! reload && [ "$(json_of show sites '.sites | length')" = 2 ]; }
case_ "ExecReload fails at a mistake, and nothing changes" mistake
hub_config 1 1 >"$LAB/sluice.yaml"
stops() { hub_stop && told STOPPING=1; }
case_ "told STOPPING=1" stops

in_hub_exec iperf3 -s -p 179 >/dev/null 2>&1 & other=$!; remember $other
until_true 5 in_hub sh -c 'ss -Hltn sport = 179 | grep -q .'
service "$CAPABILITIES"
start_ends "what cannot be set up ends the start" 'cannot start: .*Address already in use'
kill $other
service "${CAPABILITIES/CAP_SETUID/}"
start_ends "so does a process that cannot run" 'cannot start: .* ended before it was ready'
service "$(unit CapabilityBoundingSet)" 65536
start_ends "so does memory that may not be locked; it is named" LimitMEMLOCK

service "${CAPABILITIES/CAP_SYS_NICE/}"
must "without CAP_SYS_NICE it starts" ready
ordinary() {
	bfd_thread; ! bfd_thread | grep -q SCHED_RR && sluice show dataplane | grep 'no real-time priority (Operation not permitted)' &&
		grep 'the BFD thread has no real-time priority' "$LAB/sluiced.log"
}
case_ "BFD's thread is an ordinary one, which is logged and shown" ordinary
case_ "it stops" hub_stop
cases_end
