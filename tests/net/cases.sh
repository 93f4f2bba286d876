# shellcheck shell=bash
# Cases of a namespace test: one line each, a summary, cleaning up. Sourced after lab.sh.

cases_passed=0 cases_failed=0

cases_start() {
	[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
	ip netns add "$P-probe" 2>/dev/null && ip netns del "$P-probe" || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
	trap cases_cleanup EXIT
	trap 'exit 130' INT TERM
	lab_init
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
	if out=$("$@" 2>&1); then
		cases_passed=$((cases_passed + 1))
		echo "ok    $name ${out:+($(tail -n 1 <<<"$out"))}"
	else
		cases_failed=$((cases_failed + 1))
		echo "FAIL  $name ${out:+($(tail -n 3 <<<"$out"))}"
	fi
}

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
