#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Branches with strongSwan and the kernel's ESP: protocol 50 and UDP, both outer families, both
# tunnels of a site on one device. A site for each form, all of them on one hub.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab
forms=("4 no" "4 yes" "6 no" "6 yes")
[ "$BACKEND" != xfrm ] || export HUB_OPTIONS="workers: 2"
hub_config 1 4 | sed -E '/name: site-[34]$/a\    outer: ipv6' >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
for n in 1 2 3 4; do
	read -r OUTER ENCAP <<<"${forms[n - 1]}"
	branch_kernel $n
done
must "all tunnels and BGP sessions are up" until_true 40 all_up 8
for n in 1 2 3 4; do
	read -r OUTER ENCAP <<<"${forms[n - 1]}"
	name="IPv$OUTER outside, $([ "$ENCAP" = yes ] && echo UDP || echo 'protocol 50')"
	case_ "$name: the form of ESP" encap_is site-$n "$([ "$ENCAP" = yes ] && echo udp || echo esp)"
	case_ "$name: branch to hub" until_true 20 reach b$n-h 10.0.0.10
	case_ "$name: branch to hub, IPv6 inside" until_true 20 reach b$n-h fd00:10::10
	case_ "$name: hub to branch" until_true 10 reach host 10.$n.0.10
	case_ "$name: TCP to the hub" tcp_between b$n-h
	case_ "$name: TCP to the branch" tcp_between b$n-h -R
done
# Which CPUs have opened packets, by the counters that each has for itself.
spread() {
	local out; out=$(in_hub bpftool -j map dump pinned /sys/fs/bpf/sluice/site_in_stats |
		jq -c '[.[].formatted.values[] | {cpu, n: .value.delivered.packets}] | group_by(.cpu) | map(map(.n) | add)')
	echo "$out"; [ "$(jq 'length == 2 and all(. > 0)' <<<"$out")" = true ]
}
[ "$BACKEND" != xfrm ] || case_ "no CPU opens all packets" spread
cases_end
