#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Limits of a site, both directions, with ECN; and that every packet is accounted for, those too that the
# kernel refuses. What the kernel says by itself is heard: an SA whose numbers run out is replaced.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
in_the_lab

HUB_OPTIONS="ecn_marking: true" SITE_RATE=3M one_site

# By the bytes that arrived and the guest's own clock, which is the one that the limit is kept by. The
# burst of 250 kB comes on top once: 0.125 Mbit/s over 16 s. Too much is too much; too little may be an
# emulated sender that was slower than the limit for a while, and is measured again.
held() {
	local out
	for _ in 1 2 3 4; do
		sleep 1 # the burst is there again
		out=$(TRAIN_CPU=0 train "$1" "$2" "$3" 4500000 1300 16)
		echo "$out"
		case $(jq '(.bits_per_second / 3.125e6) | if . > 1.03 then "more" elif . < 0.97 then "less" else "near" end' <<<"$out") in
		'"near"') return 0 ;;
		'"less"') ;;
		*) return 1 ;;
		esac
	done
	return 1
}
case_ "site to hub: 3 Mbit/s of 4.5, within 3 %" held b1-h host 10.0.0.10
case_ "hub to site: 3 Mbit/s of 4.5, within 3 %" held host b1-h 10.1.0.10
case_ "offered is delivered plus the reasons" balance
marked() { in_ns b1-h nstat -asz IpExtInCEPkts | awk '/InCEPkts/ { print $2; exit !($2 > 0) }'; }
# An emulated sender does not always reach the limit.
with_ecn() {
	in_ns host sysctl -qw net.ipv4.tcp_ecn=1 && in_ns b1-h sysctl -qw net.ipv4.tcp_ecn=1 || return
	for _ in 1 2 3; do tcp_between b1-h -R -P 4 && marked && return; done
	return 1
}
case_ "hub to site: TCP with ECN is marked" with_ecn
marked_in() { in_ns host nstat -asz IpExtInCEPkts | awk '/InCEPkts/ { print $2; exit !($2 > 0) }'; }
from_site() { for _ in 1 2 3; do tcp_between b1-h -P 4 && marked_in && return; done; return 1; }
case_ "site to hub: TCP with ECN is marked" from_site
control() { # the sessions are on both tunnels, and other traffic is much more
	json_of show tunnels '[.tunnels[] | select(.state == "up") | [.in_bytes, .in_control_bytes, .out_bytes, .out_control_bytes]]' | tee "$LAB/control" &&
		jq -e 'length == 2 and all(.[1] > 0 and .[1] <= .[0] and .[3] > 0 and .[3] <= .[2]) and (map(.[0]) | add) > 10 * (map(.[1]) | add)' "$LAB/control" >/dev/null
}
case_ "routing protocols are counted apart" control
survives() { all_up 2 && [ "$(json_of show tunnels '[.tunnels[] | select(.state == "up")] | length')" = 2 ]; }
case_ "BGP lives through both" survives
# Repeated and damaged on the way to the hub.
dropped() { local n; n=$(sluice report --json | jq "[.sites[].in.dropped.$1.packets // 0] | add"); echo "$n packets"; [ "$n" -gt 0 ]; }
short_train() { train b1-h host 10.0.0.10 500000 500 4; }
harm duplicate 20% && short_train >/dev/null
case_ "repeated packets are counted" until_true 2 dropped replay
case_ "offered is delivered plus the reasons, still" balance
harm corrupt 20% && short_train >/dev/null
case_ "damaged packets are counted" until_true 2 dropped auth
in_ns inet tc qdisc del dev hub0 root

in_use() { json_of show sa '.sas[] | select(.tunnel == 0 and .in_use).spi_out'; }
# The kernel says so when it has sent 15/16 of all numbers; who has its rights can make it say so.
runs_out() { # SPI
	in_hub python3 - "$1" <<-E
	import socket, struct, sys
	body = bytearray(232)  # struct xfrm_user_expire
	body[56:60] = socket.inet_aton("$(outer 4 site 1 0)")
	struct.pack_into("!I", body, 72, int(sys.argv[1], 16))
	body[76] = socket.IPPROTO_ESP
	struct.pack_into("=H", body, 212, socket.AF_INET)
	s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
	s.send(struct.pack("=IHHII", 16 + len(body), 24, 5, 1, 0) + body)  # XFRM_MSG_EXPIRE
	sys.exit(struct.unpack_from("=i", s.recv(4096), 16)[0] != 0)
	E
}
replaced() { local now; now=$(in_use) && [ -n "$now" ] && [ "$now" != "$1" ]; }
if [ "$BACKEND" = xfrm ]; then
	before=$(in_use)
	case_ "the kernel says that numbers run out" runs_out "$before"
	case_ "the SA pair is replaced" until_true 10 replaced "$before"
fi
case_ "both ways after all that" eval 'reach b1-h 10.0.0.10 && reach host 10.1.0.10'
cases_end
