#!/bin/bash
# A router between hub and site whose far link takes less than ours: the hub believes it when it quotes a
# packet of the tunnel, both forms of ESP, both families outside, and no one who only guesses.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slpm LAB=$(mktemp -d /tmp/slpm.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

up() { # FORM HUB SITE
	local n
	for n in hub rtr site lan; do ns_add $n; done
	link hub out0 192.0.2.1/24,2001:db8:f::1/64 rtr near 192.0.2.9/24,2001:db8:f::9/64
	link rtr far 198.51.100.9/24,2001:db8:e::9/64 site eth0 198.51.100.2/24,2001:db8:e::2/64
	link hub lan0 10.1.0.1/24,2001:db8:1::1/64 lan eth0 10.1.0.2/24,2001:db8:1::2/64
	default_via hub 192.0.2.9 2001:db8:f::9; default_via site 198.51.100.9 2001:db8:e::9
	default_via lan 10.1.0.1 2001:db8:1::1
	in_ns rtr nft -f - <<-E
	table inet count {
		counter fragments { }
		chain f {
			type filter hook forward priority 0
			iifname "near" ip frag-off & 0x3fff != 0 counter name fragments
			iifname "near" exthdr frag exists counter name fragments
		}
	}
	E
	in_ns site nft "table inet count { counter least { }; chain i { type filter hook input priority 0; \
		iifname site0 icmpv6 type echo-request meta length 1280 counter name least; }; }"
	mkdir -p /run/sluice/empty
	rm -f "$LAB/commands"; mkfifo "$LAB/commands"
	# shellcheck disable=SC2016
	in_ns_exec hub bash -c 'mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf; exec "$@"' - \
		"$BIN/tests/net/data_loop" hub out0 "$2" "$3" "$1" 25000 1 <"$LAB/commands" >"$LAB/sluiced.log" 2>&1 &
	hub_pid=$!
	remember $hub_pid
	exec 5>"$LAB/commands"
	until_true 20 grep ^ready "$LAB/sluiced.log" || return 1
	in_ns_exec site "$BIN/tests/net/data_loop" site "$2" "$3" "$1" >"$LAB/site.log" 2>&1 &
	remember $!
	until_true 5 ip -n "$P-site" link show site0 || return 1
	ip -n "$P-site" addr add 10.77.1.2/24 dev site0
	ip -n "$P-site" link set site0 up mtu 1300
	ip -n "$P-site" addr add 2001:db8:77:1::2/64 dev site0 nodad
	ip -n "$P-site" route add 10.1.0.0/24 dev site0; ip -n "$P-site" -6 route add 2001:db8:1::/64 dev site0
}
# An IPv6 link takes 1,280 bytes (RFC 8200 5), so does a tunnel whose path does not.
least6() {
	local n; in_ns lan ping -6 -M "do" -c 1 -W 0.2 -s 1232 2001:db8:77:1::2 >/dev/null # the answer is another matter
	n=$(in_ns site nft -j list counter inet count least | jq '[.nftables[].counter.packets? // empty] | add')
	echo "$n arrived"; [ "$n" -gt "$1" ]
}
down() { exec 5>&-; lab_down; wait 2>/dev/null; : >"$LAB/pids"; }

# What a ping with DF of that many bytes of IP gets: "reply", the MTU that it is told, or nothing
ask() {
	local out; in_ns lan ip route flush cache
	out=$(in_ns lan ping -M "do" -c 1 -W 1 -s $(($1 - 28)) 10.77.1.2 2>&1)
	case $out in *' 1 received'*) echo reply ;; *) grep -o 'mtu = [0-9]*' <<<"$out" ;; esac
}
answers() { local out; out=$(ask "$1"); echo "$out"; [ "$out" = "$2" ]; }
fragments() { local n; n=$(in_ns rtr nft -j list counter inet count fragments | jq '[.nftables[].counter.packets? // empty] | add'); echo "$n in fragments"; [ "$n" = 0 ]; }
# A router that says that a packet with that SPI, or an echo, was longer than its link; before it, some lies.
forge() { # FORM HUB SITE SPI MTU LIES; from elsewhere: FROM=namespace
	in_ns "${FROM:-rtr}" python3 - "$@" <<-'E'
	import socket, struct, sys
	form, hub, site, mtu = *sys.argv[1:4], int(sys.argv[5])
	v6 = ":" in hub
	a = [socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, x) for x in (hub, site)]
	proto = {"udp": 17, "native": 50}.get(form, 58 if v6 else 1)
	s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, 58 if v6 else 1)
	for spi in [0xdeadbeef] * int(sys.argv[6]) + [int(sys.argv[4], 16)]:
	    rest = struct.pack("!II", spi, 5) + bytes(40)
	    if form == "udp":
	        rest = struct.pack("!HHHH", 4500, 4500, 1400, 0) + rest
	    elif form != "native":
	        rest = struct.pack("!BBHHH", {"echo": (8, 128), "reply": (0, 129)}[form][v6], 0, 0, 1, 1) + bytes(40)
	    if v6:
	        m = struct.pack("!BBHI", 2, 0, 0, mtu) + struct.pack("!IHBB", 6 << 28, 1400, proto, 60) + a[0] + a[1] + rest
	    else:
	        m = struct.pack("!BBHHHBBHHHBBH", 3, 4, 0, 0, mtu, 0x45, 0, 1440, 1, 0x4000, 60, proto, 0) + a[0] + a[1] + rest
	        t = sum(struct.unpack("!%dH" % (len(m) // 2), m))
	        t = (t & 0xffff) + (t >> 16)
	        t = (t & 0xffff) + (t >> 16)
	        m = m[:2] + struct.pack("!H", 0xffff - t) + m[4:]
	    s.sendto(m, (hub, 0))
	E
}

for form in udp native; do
	for v in 4 6; do
		hub=192.0.2.1 site=198.51.100.2 name="$form, IPv$v outside" least=576 lie=700
		[ $v = 4 ] || hub=2001:db8:f::1 site=2001:db8:e::2 least=1280 lie=1290
		believed() { local out; out=$(ip -n "$P-hub" route get "$site" oif out0); echo "$out"; [[ $out == *"mtu $lie"* ]]; }
		up $form $hub $site || { cat "$LAB/sluiced.log"; exit 1; }
		case_ "$name: 1,400 bytes pass" until_true 5 answers 1400 reply
		ip -n "$P-rtr" link set far mtu 1400; ip -n "$P-site" link set eth0 mtu 1400
		answers 1400 reply >/dev/null # the router's message is about this one
		known() { fits=$(ask 1400); fits=${fits#mtu = }; echo "$fits"; [ -n "$fits" ] && [ "$fits" -ge 1300 ] && [ "$fits" -lt 1380 ]; }
		case_ "$name: the sender is told what fits" until_true 5 known
		until_true 5 known
		case_ "$name: that passes" answers "$fits" reply
		case_ "$name: no packet of ESP left in fragments" fragments
		forge echo $hub $site 0 $lie 0; forge reply $hub $site 0 $lie 0; answers "$fits" reply >/dev/null
		case_ "$name: nobody outside is believed about an echo" eval '! believed'
		# One without a guard: by another device, or of IPv6 about what a socket may have sent.
		forge $form $hub $site deadbeef $lie 0; FROM=lan forge reply $hub $site 0 $lie 0
		case_ "$name: the kernel itself believes everybody" until_true 5 believed
		case_ "$name: one who does not know the SPI lowers nothing" answers "$fits" reply
		in_ns lan ping -q -M "do" -i 0.01 -c 20 -s $((fits - 28)) 10.77.1.2 >/dev/null
		case_ "$name: nor does it make the kernel fragment ESP" fragments
		forge $form $hub $site 5a5a0000 700 100 # SPI of data_site.h
		lowered() { local out; out=$(ask "$fits"); echo "$out"; [[ $out == 'mtu = '* ]] && [ "${out#mtu = }" -lt $((least == 576 ? 700 : 1280)) ]; }
		case_ "$name: with it the path is as narrow as is said, but not below $least" until_true 5 lowered
		ip -n "$P-rtr" link set far mtu 1280; ip -n "$P-site" link set eth0 mtu 1280
		case_ "$name: 1,280 bytes of IPv6 pass all the same" until_true 5 least6 0
		ip -n "$P-site" link set eth0 mtu 1500; ip -n "$P-rtr" link set far mtu 1500; ip -n "$P-hub" link set out0 mtu 1300
		case_ "$name: and over a device that takes less than at the start" until_true 5 least6 "$(least6 0 | cut -d" " -f1)"
		down
	done
done
cases_end
