# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The lab of tests/net in a virtual machine whose kernel has ESP. Sourced by the cases.
#
#   branch_kernel N   a branch on one device: strongSwan with the kernel's ESP, an xfrm interface for
#                     each tunnel (tun0, tun1), uplinks w0 and w1, BIRD over both
#   in_the_lab        begins a case, which then runs once with each data plane: BACKEND
#   one_site          a hub and such a branch, up; without it the case makes no sense
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
P=vm LAB=/tmp/lab
. tests/net/lab.sh
. tests/net/cases.sh

# An emulated machine, on a host that may be busy: waits are five times as long, and who waits does
# not take the CPU away from what it waits for.
until_true() {
	local end=$((SECONDS + 5 * $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

in_the_lab() {
	cases_start
	lab_hub_net
}

# Everything down, another hub's network.
lab_again() { lab_down; rm -rf "$LAB"; lab_init; lab_hub_net; }

in_b() { ip -n "$P-b$1" "${@:2}"; }
outer() { # FAMILY SIDE(site|hub) N T: an outside address
	case $1$2 in
	4site) echo "100.$((64 + $4)).$3.2" ;;
	6site) echo "2001:db8:$((64 + $4)):$3::2" ;;
	4hub) echo "198.51.$((100 + $4)).1" ;;
	6hub) [ "$4" = 0 ] && echo 2001:db8:a::1 || echo 2001:db8:b::1 ;;
	esac
}

# A veth hands over on the CPU of its sender. A worker that is moved while a CPU stands still overtakes
# itself, by more than the 32 packets that strongSwan's replay window has room for.
worker_stays() { taskset -acp 1 "$(json_of show dataplane '.processes[] | select(.name == "data" and .pid > 0).pid')"; }

one_site() {
	hub_config 1 1 >"$LAB/sluice.yaml"
	must "sluiced starts" hub_start
	must "its worker stays on one CPU" until_true 4 worker_stays
	branch_kernel 1
	must "both tunnels and BGP sessions are up" until_true 20 all_up 2
	must "the branch is reached" until_true 10 reach host 10.1.0.10
}

# branch_net N: the router bN with its uplinks and LAN, and the host behind it
branch_net() {
	local n=$1 t
	ns_add "b$n"; ns_add "b$n-h"
	link "b$n" lan "10.$n.0.1/24,fd00:10:$n::1/64" "b$n-h" eth0 "10.$n.0.10/24,fd00:10:$n::10/64"
	printf 'route add default via %s\n' "10.$n.0.1" "fd00:10:$n::1" | ip_batch "b$n-h"
	for t in 0 1; do
		link "b$n" w$t "$(outer 4 site "$n" $t)/30,$(outer 6 site "$n" $t)/64" \
			inet "b${n}_$t" "100.$((64 + t)).$n.1/30,2001:db8:$((64 + t)):$n::1/64"
		printf 'route add %s via %s\n' "$(outer 4 hub "$n" $t)" "100.$((64 + t)).$n.1" \
			"$(outer 6 hub "$n" $t)" "2001:db8:$((64 + t)):$n::1" | ip_batch "b$n"
	done
}

tunnel_addresses() { # N T INTERFACE
	printf '%s\n' "link set $3 up mtu 1400" "addr add $(inside4 "$1" "$2" 2)/30 dev $3" \
		"addr add $(inside6 "$1" "$2" 2)/126 dev $3 nodad" | ip_batch "b$1"
}

# connection_kernel N T: as `connection`, for one charon with all tunnels, told apart by if_id
connection_kernel() {
	local family=${OUTER:-4}
	connection "t$2" "$1" "$2" "$(outer "$family" site "$1" "$2")" "$(outer "$family" hub "$1" "$2")" \
		0.0.0.0/0,::/0 0.0.0.0/0,::/0 |
		sed -e "s/encap = yes/encap = ${ENCAP:-no}\n    if_id_in = $(($2 + 1))\n    if_id_out = $(($2 + 1))/" -e "s/children { t {/children { t$2 {/" \
		-e "s/^    rekey_time = .*/&\n    over_time = 60s/" # else it gives up when one rekey collides
}

charon_kernel() { # NS DIRECTORY
	local d=$2
	mkdir -p "$d"/swanctl/{x509,x509ca,x509ocsp,x509aa,x509ac,x509crl,pubkey,private,rsa,ecdsa,bliss,pkcs8,pkcs12}
	cat >"$d/strongswan.conf" <<-E
	charon-systemd {
	  load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints kdf kernel-netlink socket-default vici
	  install_routes = no
	  install_virtual_ip = no
	  retransmit_tries = 4
	  retransmit_timeout = 2.0
	  retransmit_base = 1.3
	  plugins {
	    vici { socket = unix://$d/vici }
	  }
	  filelog { l { path = $d/log
	    time_format = %H:%M:%S
	    time_add_ms = yes
	    flush_line = yes
	    default = 1 } }
	}
	swanctl { load = pem pkcs1 pkcs8 x509 pubkey openssl random }
	E
	STRONGSWAN_CONF=$d/strongswan.conf in_ns_exec "$1" /usr/sbin/charon-systemd >"$d/out" 2>&1 </dev/null &
	echo $! >"$d/pid"
	remember $!
	until_true 20 test -S "$d/vici"
}

# branch_charon N: the strongSwan of a branch, with both tunnels
branch_charon() {
	local n=$1 t d=$LAB/b$1
	charon_kernel "b$n" "$d"
	{
		echo "connections {"; for t in 0 1; do connection_kernel "$n" $t; done; echo "}"
		echo "secrets {"; for t in 0 1; do secret "$n" $t; done; echo "}"
	} >"$d/swanctl/swanctl.conf"
	swan "$d" --load-all --file "$d/swanctl/swanctl.conf" >"$d/load.out" 2>&1
}

branch_kernel() {
	local n=$1 t
	branch_net "$n"
	for t in 0 1; do
		in_b "$n" link add tun$t type xfrm dev w$t if_id $((t + 1))
		tunnel_addresses "$n" $t tun$t
	done
	branch_charon "$n"
	branch_bird "$n"
}

# encap_is SITE FORM: what sluiced says of ESP on each SA of the site
encap_is() { local e; e=$(json_of show sa "[.sas[] | select(.site == \"$1\").encap] | unique | join(\" \")") && echo "$e" && [ "$e" = "$2" ]; }

# tcp_between HOST OPTIONS: two megabytes between a branch's host and the hub's arrive whole
tcp_between() {
	local server out
	in_ns_exec host iperf3 -s -1 >/dev/null 2>&1 & server=$!; remember $server
	until_true 2 grep -q ':1451 .* 0A ' "/proc/$server/net/tcp6" # port 5201, listening
	out=$(in_ns "$1" timeout 90 iperf3 -c 10.0.0.10 -n 2M -J "${@:2}" | jq .end.sum_sent.bytes)
	kill $server 2>/dev/null
	echo "$out bytes"; [ "${out:-0}" -ge 2000000 ]
}

reach() { local out; out=$(in_ns "$1" ping -q -c 5 -i 0.1 -W 2 "$2") && [[ $out == *' 0% packet loss'* ]]; }

# Every packet of every site is accounted for.
balance() {
	local report # of one moment; what is on its way then is counted in another
	for _ in 1 2 3 4; do
		sleep 3
		report=$(sluice report --json)
		jq -e '[.sites[] | (.in, .out) | .offered.packets - .delivered.packets - ([.dropped[].packets] | add // 0)] | all(. == 0)' <<<"$report" >/dev/null && break
	done
	jq -c '[.sites[] | (.in, .out) | [.offered.packets, .delivered.packets, .dropped]]' <<<"$report"
	jq -e '[.sites[] | (.in, .out) | .offered.packets - .delivered.packets - ([.dropped[].packets] | add // 0)] | all(. == 0)' <<<"$report" >/dev/null
}

# harm OPTIONS: of netem, to what goes to the hub's first address
harm() { in_ns inet tc qdisc replace dev hub0 root netem "$@"; }

# Where packets were lost, as far as anybody counts it. losses NS...
losses() {
	local n; sluice report
	echo "-- queues of the CPUs: $(cut -d' ' -f2 /proc/net/softnet_stat | xargs)"
	for n; do echo "-- $n"; in_ns "$n" grep -v '	0$' /proc/net/xfrm_stat; in_ns "$n" nstat -as | grep -iE 'discard|error|noport'; done
}
