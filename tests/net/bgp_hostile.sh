#!/bin/bash
# The bgp process and a hostile neighbour: each malformed attribute class of RFC 7606 in a session, and
# the worst of all kinds for HOSTILE_SECONDS, while another session and BIRD's BFD must not notice, and
# memory must not grow.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/asan} SECONDS_OF_SOAK=${HOSTILE_SECONDS:-8}
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root for network namespaces"; exit 77; }
command -v bird >/dev/null || { echo "SKIP: bird is not installed"; exit 77; }
P=slho$$ W=$(mktemp -d /tmp/slho.XXXXXX) failed=0 pids=()
cleanup() {
	local n p
	exec 9>&- 2>/dev/null
	sleep 0.3
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	sleep 0.2
	for n in hub site; do
		ip netns pids "$P-$n" 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del "$P-$n" 2>/dev/null
	done
	rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
say() { if [ "$1" = 0 ]; then echo "ok    $2"; else echo "FAIL  $2"; failed=1; fi; }
wait_for() { local end=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done; }

for n in hub site; do
	ip netns del "$P-$n" 2>/dev/null
	ip netns add "$P-$n" || { echo "SKIP: network namespaces cannot be made here"; exit 77; }
	ip -n "$P-$n" link set lo up
done
for t in 0 1 2; do # the hostile one, the watcher, BIRD
	ip -n $P-hub link add "t$t" type veth peer name "t$t" netns $P-site
	ip -n $P-hub addr add "10.0.0.$((4 * t + 2))/30" dev "t$t"; ip -n $P-site addr add "10.0.0.$((4 * t + 1))/30" dev "t$t"
	ip -n $P-hub link set "t$t" up; ip -n $P-site link set "t$t" up
done
mkfifo "$W/in"
ASAN_OPTIONS=detect_leaks=0 ip netns exec $P-hub "$BIN/tests/net/bgp_peer" <"$W/in" >"$W/hub.out" 2>"$W/hub.err" & pids+=($!)
exec 9>"$W/in"
{
	echo "conf 64512 10.0.0.2 90 30 1"; echo "listen 0.0.0.0"
	echo "neighbor 0 hostile 10.0.0.2 10.0.0.1 - - 65010 20000 5000 100 0 0"
	echo "neighbor 2 watcher 10.0.0.6 10.0.0.5 - - 65011 1000 5000 100 1 0"
	echo "bfd 100 3"
	echo "neighbor 4 bird 10.0.0.10 10.0.0.9 - - 65012 1000 5000 100 2 0"
	for t in 0 2 4; do echo "tunnel $t up"; done
	echo start
} >&9
cat >"$W/bird.conf" <<-C
	router id 10.0.0.9;
	protocol device { scan time 1; }
	protocol bfd { interface "t2" { interval 100 ms; multiplier 3; }; }
	protocol static { ipv4; route 40.0.0.0/24 unreachable; }
	protocol bgp hub { local 10.0.0.9 as 65012; neighbor 10.0.0.10 as 64512; hold time 9; keepalive time 3; connect retry time 1; connect delay time 1; error wait time 1,2; bfd on;
	  ipv4 { import all; export all; }; }
	C
rt=() # so that its BFD of 3 x 100 ms tells of us, and not of a machine that has no CPU for BIRD
chrt -r 1 true 2>/dev/null && rt=(chrt -r 1)
ip netns exec $P-site "${rt[@]}" bird -f -c "$W/bird.conf" -s "$W/bird.ctl" -P "$W/bird.pid" >"$W/bird.out" 2>&1 & pids+=($!)
ready() { grep -q '^bfd 4 Up' "$W/hub.out" && grep -q '^state 4 Established in 1' "$W/hub.out"; }
wait_for 20 ready; say $? "BIRD's session and BFD are up"
hostile() { ip netns exec $P-site "$BIN/tests/net/bgp_hostile" 10.0.0.2 10.0.0.1 10.0.0.6 10.0.0.5 "$@"; }
process() { ps -o pid= --ppid "$(ip netns pids $P-hub | sort -n | head -n 1)" | tr -d ' '; }
bgp=$(process)
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$bgp/status"; }

hostile cases >"$W/cases"; status=$?
cat "$W/cases"
say $status "every class of RFC 7606, $(grep -c '^ok' "$W/cases") cases"
sleep 1.2 # counts are told once a second
line=$(grep '^counts 0 ' "$W/hub.out" | tail -n 1)
bad() { grep -c ": $1" "$W/cases"; }
[[ $line == "counts 0 discarded $(bad 'attribute discarded') as-withdraw $(bad 'treated as withdrawn') refused $(bad 'session reset') "* ]]
say $? "each is counted by its class: $line"
logged() { grep -q '^event 0 UPDATE with a bad ORIGIN attribute' "$W/hub.out" && grep -q '^event 0 .*NOTIFICATION sent: .*UPDATE' "$W/hub.out"; }
logged; say $? "and is in the BGP log"

told=$(grep -cE '^(bfd|state) 4 ' "$W/hub.out")
hostile soak $((SECONDS_OF_SOAK < 10 ? SECONDS_OF_SOAK : SECONDS_OF_SOAK / 10)) 7 "$bgp" >"$W/first"; say $? "$(<"$W/first")"
first=$(rss)
[ "$SECONDS_OF_SOAK" -lt 10 ] || { hostile soak "$SECONDS_OF_SOAK" "${HOSTILE_SEED:-$RANDOM}" "$bgp" >"$W/long"; say $? "$(<"$W/long")"; }
last=$(rss)
[ -n "$last" ] && [ "$(process)" = "$bgp" ]; say $? "the process lives"
[ "${last:-0}" -gt 0 ] && [ "$last" -lt $((first + first / 4 + 8192)) ]; say $? "its memory: $first KB after a while, $last KB in the end"
# What is told of BIRD's tunnel, each second and at every change: nothing but Up and Established.
grep -E '^(bfd|state) 4 ' "$W/hub.out" | tail -n +"$((told + 1))" >"$W/since"
[ "$(wc -l <"$W/since")" -gt 3 ] && ! grep -Ev '^bfd 4 Up$|^state 4 Established ' "$W/since"
say $? "BIRD's BFD and session did not notice"
! grep -E 'ERROR: AddressSanitizer|runtime error' "$W/hub.err"; say $? "no sanitizer reported"
exit $failed
