#!/bin/bash
# The main job, shown with real peers: a hub, SITES branches (strongSwan and BIRD), and traffic.
#   SITES=3   how many branches; above 10 they share two strongSwans and one BIRD
#   KEEP=1    leave it running and say how to look around
set -uo pipefail
. "$(dirname "$0")/../../tests/net/own_root.sh"
own_root "$0" "$@"
cd "$(dirname "$0")/../.." || exit 1

SITES=${SITES:-3}
KEEP=${KEEP:-}
P=sluice-demo
LAB=${LAB:-/tmp/sluice-demo}
BIN=$PWD/build/release
# shellcheck source=tests/net/lab.sh
. tests/net/lab.sh

case $SITES in '' | *[!0-9]*) echo "SITES must be a number" >&2; exit 2 ;; esac
[ "$SITES" -ge 1 ] && [ "$SITES" -le 100 ] || { echo "SITES must be 1 to 100" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "the demo needs root: it makes network namespaces" >&2; exit 1; }
[ "$SITES" -le 10 ] && COMPACT= || COMPACT=1

if [ "${1:-}" = stop ]; then lab_down; rm -rf "$LAB"; exit 0; fi
if [ -e "$LAB/pids" ]; then
	echo "removing what an earlier demo left"
	lab_down
	rm -rf "$LAB"
fi

finish() {
	local status=$?
	trap - EXIT INT TERM
	if [ -n "$KEEP" ] && [ $status -le 1 ] && [ -e "$LAB/up" ]; then
		how_to_look_around
	else
		lab_down
		rm -rf "$LAB"
	fi
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

how_to_look_around() {
	local hub="nsenter -t $(<"$LAB/hub.holder") -m -n -r"
	cat <<-E

	The hub is still running. Look around:
	  $hub $BIN/sluice top
	  $hub $BIN/sluice show tunnels
	  $hub bpftool map dump pinned /sys/fs/bpf/sluice/site_in_stats
	  $hub bpftool map dump pinned /sys/fs/bpf/sluice/route4
	  tail -f $LAB/sluiced.log
	Stop it:
	  $PWD/tools/demo/demo.sh stop
	E
}

say() { printf '%5.1f s  %s\n' "$(bc_seconds)" "$*"; }
bc_seconds() { awk -v a="$START" -v b="$(date +%s.%N)" 'BEGIN { print b - a }'; }

PASSED=0 FAILED=0
check() { # check "what" COMMAND...
	local what=$1; shift
	if "$@"; then PASSED=$((PASSED + 1)); say "PASS  $what"; else FAILED=$((FAILED + 1)); say "FAIL  $what"; fi
}

host_of() { [ -n "$COMPACT" ] && echo c || echo "b$1-h"; }
ping4() { in_ns "$(host_of "$1")" ping -q -c 3 -i 0.2 -W 2 ${COMPACT:+-I 10.$1.0.10} "$2" >/dev/null; }
ping6() { in_ns "$(host_of "$1")" ping -q -6 -c 3 -i 0.2 -W 2 "$2" >/dev/null; }
field() { jq -r ".$1" <<<"$2"; }
between() { awk -v v="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v >= lo && v <= hi) }'; }

START=$(date +%s.%N)
mkdir -p "$LAB"
echo "Sluice demo: $SITES sites, two tunnels each, in network namespaces $P-*"
lab_init
lab_hub_net
say "hub and hosts are wired"
hub_config 1 "$SITES" >"$LAB/sluice.yaml"
check "configuration is accepted (sluiced --check)" "$BIN/sluiced" --check -f "$LAB/sluice.yaml"
hub_start || { say "FAIL  sluiced does not start:"; tail -n 20 "$LAB/sluiced.log"; exit 1; }
say "sluiced runs, $(wc -l <"$LAB/pids") processes in the lab"
if [ -n "$COMPACT" ]; then compact_up "$SITES"; else for n in $(seq "$SITES"); do branch_up "$n"; say "branch $n started"; done; fi
: >"$LAB/up"

show_progress() {
	local want=$((2 * SITES)) end=$((SECONDS + 60 + SITES)) tunnels bgp last=
	while [ $SECONDS -lt $end ]; do
		tunnels=$(tunnels_up) bgp=$(bgp_up)
		[ "$tunnels $bgp" = "$last" ] || say "tunnels up $tunnels/$want, BGP established $bgp/$want"
		last="$tunnels $bgp"
		[ "$bgp" = $want ] && return 0
		sleep 0.5
	done
	return 1
}
BRANCHES=$(date +%s.%N)
check "all $((2 * SITES)) tunnels and BGP sessions are up" show_progress
say "from the first branch to all up: $(awk -v a="$BRANCHES" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }') s"

routes_wanted=$SITES; [ -n "$COMPACT" ] || routes_wanted=$((2 * SITES))
routes_complete() { [ "$(json_of show routes '[.routes[] | select(.kind == "bgp")] | length')" -ge "$routes_wanted" ]; }
check "prefixes of all sites are learned" until_true 20 routes_complete
sleep 2

check "branch 1 host reaches the host behind the hub (IPv4)" ping4 1 10.0.0.10
[ -n "$COMPACT" ] || check "branch 1 host reaches the host behind the hub (IPv6)" ping6 1 fd00:10::10
if [ "$SITES" -ge 2 ]; then
	check "branch 1 host reaches branch 2's host (IPv4)" ping4 1 10.2.0.10
	[ -n "$COMPACT" ] || check "branch 1 host reaches branch 2's host (IPv6)" ping6 1 fd00:10:2::10
fi
if [ -n "$COMPACT" ]; then
	every_site_reaches_hub() { local n; for n in $(seq "$SITES"); do ping4 "$n" 10.0.0.10 || return 1; done; }
	check "every site's host reaches the host behind the hub" every_site_reaches_hub
fi

rate_is_held() {
	local out rate
	out=$(train "b1-h" host 10.0.0.10 130000000 1300 10)
	rate=$(field bits_per_second "$out")
	echo "         site-1 sends 130 Mbit/s: $(awk -v r="$rate" 'BEGIN { printf "%.2f", r / 1e6 }') Mbit/s delivered, limit 100"
	between "$rate" 98000000 102000000
}
neighbour_is_untouched() {
	local out
	out=$(<"$LAB/neighbour.json")
	echo "         site-2 sends 10 Mbit/s meanwhile: $(field received "$out") received, $(field lost "$out") lost"
	[ "$(field lost "$out")" = 0 ] && [ "$(field received "$out")" -gt 1000 ]
}
if [ -z "$COMPACT" ] && [ "$SITES" -ge 2 ]; then
	train "b2-h" host 10.0.0.10 10000000 1300 9 >"$LAB/neighbour.json" &
	neighbour=$!
	check "a site that sends too fast is held at its limit" rate_is_held
	wait $neighbour
	check "its neighbour is not touched" neighbour_is_untouched
fi

if [ -z "$COMPACT" ]; then
	moved() { [ "$(json_of show routes '[.routes[] | select(.prefix == "10.1.0.0/24")][0].tunnel')" = 1 ]; }
	check "traffic of site-1 uses tunnel 0" test "$(json_of show routes '[.routes[] | select(.prefix == "10.1.0.0/24")][0].tunnel')" = 0
	cut_on 1 0
	say "uplink 0 of branch 1 is cut"
	check "the hub moves site-1 to tunnel 1" until_true 40 moved
	reaches() { ping4 1 10.0.0.10; }
	check "branch 1 host still reaches the host behind the hub" until_true 20 reaches
	cut_off 1 0
	back() { [ "$(json_of show tunnels '[.tunnels[] | select(.site == "site-1" and .bgp == "established")] | length')" = 2 ]; }
	check "the cut tunnel comes back by itself" until_true 60 back
fi

echo
if [ "$SITES" -le 10 ]; then
	sluice show sites; echo; sluice show tunnels; echo; sluice show routes; echo; sluice report
else
	sluice show sites | head -n 12; echo "..."; sluice report | head -n 12; echo "..."
fi
echo
sluice show dataplane
memory=$(json_of show dataplane '[.processes[].rss_kb] | add')
echo
say "hub memory: $((memory / 1024)) MiB resident in all processes of sluiced"
echo "$PASSED passed, $FAILED failed"
[ $FAILED = 0 ]
