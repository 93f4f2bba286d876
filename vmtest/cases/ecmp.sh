#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two gateways of one group announce the same prefixes over both tunnels of each: flows are spread over
# the four, and each keeps its own. One site dies under traffic and returns: only its flows move.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab
FLOWS=64

SITE_OPTIONS=$'class: gateway\n    ecmp: on\n    group: twin' hub_config 1 2 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
must "its worker stays on one CPU" until_true 4 worker_stays
for n in 1 2; do
	EQUAL_PATHS=1 branch_kernel $n
	printf '%s\n' "link add lan9 type dummy" "addr add 10.9.0.1/24 dev lan9" \
		"addr add fd00:10:9::1/64 dev lan9 nodad" "link set lan9 up" | ip_batch b$n
	in_ns_exec b$n python3 vmtest/flows.py serve $n 10.9.0.1 fd00:10:9::1 >"$LAB/b$n/serve.log" 2>&1 </dev/null &
	remember $!
done
must "all tunnels and BGP sessions are up" until_true 30 all_up 4
carried_by() { # TUNNELS: both prefixes
	local p out; for p in 10.9.0.0/24 fd00:10:9::/64; do
		out=$(json_of show routes ".routes[] | select(.prefix == \"$p\").shares | map(\"\(.site).\(.tunnel)\") | join(\" \")")
		echo "$p by $out"; [ "$out" = "$1" ] || return
	done
}
all_four="site-1.0 site-1.1 site-2.0 site-2.1"
must "four tunnels carry what both announce" until_true 20 carried_by "$all_four"

# ask FILE ADDRESS FLOWS PER_SECOND ROUNDS SIZE: which ways they went. The sender stays on one CPU: a veth
# hands over on that, and one that is moved overtakes itself.
ask() { in_ns_exec host taskset -c 0 python3 vmtest/flows.py ask "${@:2}" >"$LAB/$1"; }
answered() { [ "$(cut -d' ' -f1 "$LAB/$1" | uniq | wc -l)" = $FLOWS ]; }
kept() { [ -z "$(cut -d' ' -f1 "$LAB/$1" | uniq -d)" ] && ! grep late "$LAB/$1"; } # one way each, in order
few() { # FILE ADDRESS [SIZE]: four of each flow, again where a flow had no answer: a machine that stands still loses some
	local i; for i in 1 2 3; do
		(ask "$1" "$2" $FLOWS 4 4 "${3:-100}")
		kept "$1" || return
		answered "$1" && return
	done
	return 1
}
ways() { cut -d' ' -f2 "$LAB/$1" | sort | uniq -c | xargs; } # flows and their way
spread() { # FILE ADDRESS: a quarter at least for each site, a sixteenth for each tunnel
	few "$@"; local status=$?; ways "$1"
	[ $status = 0 ] && cut -d' ' -f2 "$LAB/$1" | awk -v n=$FLOWS '{ site[substr($1, 1, 1)]++; tunnel[$1]++ }
		END { for (t in tunnel) tunnels += tunnel[t] >= n / 16; exit !(site[1] >= n / 4 && site[2] >= n / 4 && tunnels == 4) }'
}
case_ "$FLOWS flows by IPv4 are spread, each has one way" spread before 10.9.0.1
case_ "$FLOWS flows by IPv6 are spread, each has one way" spread before6 fd00:10:9::1
fragments() { few "$@" && ways "$1" && [ "$(cut -d' ' -f2 "$LAB/$1" | sort -u | wc -l)" = 1 ]; }
case_ "fragments have no ports: all take the way of their addresses" fragments fragments 10.9.0.1 4000
case_ "those of IPv6 too" fragments fragments6 fd00:10:9::1 4000
one() { # packets of one flow, 200 a second: nothing lost, or once more, as in the case rekey
	local i; for i in 1 2; do
		(ask one 10.9.0.1 1 200 1600 500); cat "$LAB/one"
		kept one || return
		awk '$3 == $4 { whole = 1 } END { exit !whole }' "$LAB/one" && return
	done
	return 1
}
case_ "a flow stays on its tunnel, in order, nothing is lost" one
streams() { # of 200 kB each, to both sites
	local out; out=$(in_ns host timeout 100 python3 vmtest/flows.py stream "$1" 8 200000); cut -d' ' -f2- <<<"$out" | sort | uniq -c | xargs
	[ "$(grep -c ' 200000$' <<<"$out")" = 8 ] && [ "$(cut -d' ' -f2 <<<"$out" | sort -u | wc -l)" = 2 ]
}
case_ "TCP arrives whole at both sites" streams 10.9.0.1
case_ "TCP over IPv6 too" streams fd00:10:9::1

meanwhile() { # FILE COMMAND...: flows go on until it has ended
	local f=$1 pid status; shift
	ask "$f" 10.9.0.1 $FLOWS 4 0 100 & pid=$!; remember $pid
	sleep 3; "$@"; status=$?
	sleep 2; kill $pid; wait $pid
	return $status
}
# Those of site 1 have gone the same way all the time, with no more loss than a moment's.
undisturbed() {
	local others; others=$(join "$LAB/before" "$LAB/$1" | awk '$2 ~ /^1/ && ($2 != $5 || $6 < 0.9 * $7 - 1)')
	ways "$1"; [ -z "$others" ] || echo "$others"
	answered "$1" && [ -z "$others" ]
}
dead() { # says nothing to anybody
	cut_on 2 0 && cut_on 2 1 && kill -9 "$(<"$LAB/b2/pid")" "$(<"$LAB/b2/bird.pid")" &&
		in_b 2 xfrm state flush && in_b 2 xfrm policy flush && until_true 10 carried_by "site-1.0 site-1.1"
}
case_ "site 2 dies: site 1 carries alone" meanwhile died dead
case_ "meanwhile those of site 1 kept their ways" undisturbed died
moved() { few after 10.9.0.1; local status=$?; ways after; [ $status = 0 ] && [ -z "$(grep ' 2\.' "$LAB/after")" ] && undisturbed after; }
case_ "all flows arrive there, and none of its own has moved" moved
returns() {
	rm "$LAB/b2/vici"
	cut_off 2 0 && cut_off 2 1 && branch_charon 2 && bird_start b2 "$LAB/b2" && until_true 40 carried_by "$all_four"
}
case_ "site 2 returns: both carry" meanwhile returned returns
case_ "meanwhile those of site 1 kept their ways" undisturbed returned
again() { few "$2" "$3"; ways "$2"; answered "$2" && [ -z "$(join "$LAB/$1" "$LAB/$2" | awk '$2 != $5')" ]; }
[ $cases_failed = 0 ] || losses hub host b1 b2
case_ "every flow goes where it went before" again before after 10.9.0.1
case_ "those by IPv6 too" again before6 after6 fd00:10:9::1
case_ "offered is delivered plus the reasons, over all that" balance
cases_end
