#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A branch with strongSwan and the kernel's ESP: protocol 50 and UDP, both outer families, both
# tunnels of a site on one device.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab
for variant in {4,6}" "{no,yes}; do
	read -r OUTER ENCAP <<<"$variant"
	name="IPv$OUTER outside, $([ "$ENCAP" = yes ] && echo UDP || echo 'protocol 50')"
	SITE_OPTIONS="outer: ipv$OUTER" hub_config 1 1 >"$LAB/sluice.yaml"
	must "$name: sluiced starts" hub_start
	branch_kernel 1
	must "$name: both tunnels and BGP sessions are up" until_true 90 all_up 2
	case_ "$name: the form of ESP" encap_is "$([ "$ENCAP" = yes ] && echo udp || echo esp)"
	case_ "$name: branch to hub" until_true 20 reach b1-h 10.0.0.10
	case_ "$name: branch to hub, IPv6 inside" until_true 20 reach b1-h fd00:10::10
	case_ "$name: hub to branch" reach host 10.1.0.10
	case_ "$name: TCP to the hub" tcp_between
	case_ "$name: TCP to the branch" tcp_between -R
	lab_again
done
cases_end
