# shellcheck shell=bash
# Cases of a namespace test: one line each, a summary, cleaning up. Sourced after lab.sh.

cases_passed=0 cases_failed=0

cases_start() {
	[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
	ip netns add "$P-probe" 2>/dev/null && ip netns del "$P-probe" || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
	trap cases_cleanup EXIT
	trap 'exit 130' INT TERM
	lab_init
	: >"$LAB/stalls"
	"$BIN/tests/net/stalls" "$LAB/stalls" & remember $!
}

cases_cleanup() {
	local status=$?
	trap - EXIT INT TERM
	lab_down
	if [ $status != 0 ] && [ -n "${KEEP_LOGS:-}" ]; then echo "logs are in $LAB"; else rm -rf "$LAB"; fi
	exit $status
}

# case_ NAME COMMAND...: runs one case; what it printed is shown with it
case_() {
	local name=$1 out; shift
	out=$("$@" 2>&1)
	case_is "$name" $? "$out"
}

case_is() { # NAME STATUS OUTPUT
	if [ "$2" = 0 ]; then
		cases_passed=$((cases_passed + 1))
		echo "ok    $1 ${3:+($(tail -n 1 <<<"$3"))}"
	else
		cases_failed=$((cases_failed + 1))
		echo "FAIL  $1 ${3:+($(tail -n 3 <<<"$3"))}"
	fi
}

# timed: a case whose figures need a machine that lets everybody run. If it fails and the machine stood
# still meanwhile (stalls.c), it runs again, three times in all; a failure without a stall counts at once.
timed() {
	local name=$1 attempt before out status; shift
	for attempt in 1 2 3; do
		before=$(stalls)
		out=$("$@" 2>&1)
		status=$?
		[ $status != 0 ] && [ $attempt -lt 3 ] && [ "$(stalls)" -gt "$before" ] || break
		echo "      | $name: the machine stood still for $(stalled "$before") ms, once more ($(tail -n 3 <<<"$out"))"
		calm
	done
	case_is "$name" $status "$out"
}

stalls() { wc -l <"$LAB/stalls"; }
stalled() { # the longest stall after the first so many, in ms
	{ echo 0 0; tail -n +$(($1 + 1)) "$LAB/stalls"; } | cut -d ' ' -f 2 | sort -n | tail -n 1
}

calm() { # until nothing stood still for 3 s, at most half a minute
	local before
	for _ in {1..10}; do
		before=$(stalls)
		sleep 3
		[ "$(stalls)" -gt "$before" ] || return 0
	done
}

# near VALUE WANTED PERCENT
near() { awk -v v="$1" -v w="$2" -v p="$3" 'BEGIN { exit !(v >= w * (1 - p / 100) && v <= w * (1 + p / 100)) }'; }

# must: a case without which the others make no sense
must() {
	local before=$cases_failed
	case_ "$@"
	[ $cases_failed = "$before" ] && return
	echo "--- sluiced.log"; tail -n 40 "$LAB/sluiced.log" 2>/dev/null
	cat "$LAB"/asan.* 2>/dev/null | head -n 60
	cases_end
}

cases_end() {
	local reports
	reports=$(cat "$LAB"/asan.* 2>/dev/null | head -n 60)
	if [ -n "$reports" ]; then
		cases_failed=$((cases_failed + 1))
		printf 'FAIL  a sanitizer reported\n%s\n' "$reports"
	fi
	[ $cases_failed = 0 ] || { echo "--- sluiced.log"; tail -n 60 "$LAB/sluiced.log" 2>/dev/null; }
	echo "$cases_passed passed, $cases_failed failed"
	[ $cases_failed = 0 ]
	exit
}
