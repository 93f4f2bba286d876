#!/bin/bash
# The same traffic through us, strongSwan's userspace ESP, wireguard-go and OpenVPN, each at both ends of
# the same wire, in turn, the hub's side alone on CPU 0 (tests/bench/lab.sh). What counts is what a
# second of the hub's CPU carries: bits of TCP, and packets of UDP (1,400 bytes, at 70 % of what TCP got
# through, so that all are busy and none drops much). With what receives for the hub's two devices, and for its own
# threads alone, which is what is left where other CPUs have the interrupts. Medians of ROUNDS, with the lowest and highest.
#
# Then, from hub to site, as much of both as the hub can send (as in end_to_end.sh: runs of 16 packets, nobody answers,
# and what comes out is thrown away): above, the ends of the tunnel for which CPU 1 stands are at their limit before we
# are. What has left the hub is counted by the queue of its outside device, for everybody.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/release} P=slcm SECONDS_EACH=${SECONDS_EACH:-2} ROUNDS=${ROUNDS:-3} THEM=${THEM:-strongswan wireguard openvpn}
. tests/bench/lab.sh
bench_start
short_page_lists

# strongSwan with kernel-libipsec: AES-128-GCM, UDP
strongswan_up() {
	ip -n "$P-hub" addr add 10.1.0.1/32 dev lo # it wants an address of its own in each selector
	local end own peer here there d
	for end in hub site; do
		if [ $end = hub ]; then own=192.0.2.1 peer=192.0.2.2 here=10.1.0.0/24 there=10.77.1.0/24
		else own=192.0.2.2 peer=192.0.2.1 here=10.77.1.0/24 there=10.1.0.0/24; fi
		d=$LAB/swan.$end
		rm -rf "$d"
		mkdir -p "$d"/swanctl/{x509,x509ca,x509ocsp,x509aa,x509ac,x509crl,pubkey,private,rsa,ecdsa,bliss,pkcs8,pkcs12}
		cat >"$d/strongswan.conf" <<-E
		charon-systemd {
		  load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints kdf kernel-libipsec kernel-netlink socket-default vici
		  plugins {
		    vici { socket = unix://$d/vici }
		    kernel-libipsec { allow_peer_ts = yes }
		    kernel-netlink { fwmark = 0xdead }
		  }
		  filelog { l { path = $d/log
		    flush_line = yes
		    default = 1 } }
		}
		swanctl { load = pem pkcs1 pkcs8 x509 pubkey openssl random }
		E
		cat >"$d/swanctl/swanctl.conf" <<-E
		connections { b { version = 2
		  local_addrs = $own
		  remote_addrs = $peer
		  proposals = aes128gcm16-prfsha256-ecp256
		  encap = yes
		  local { auth = psk
		    id = $own }
		  remote { auth = psk
		    id = $peer }
		  children { t { local_ts = $here
		    remote_ts = $there
		    esp_proposals = aes128gcm16-ecp256 } } } }
		secrets { ike-b { secret = "not a secret, a benchmark" } }
		E
		STRONGSWAN_CONF=$d/strongswan.conf on_$end /usr/sbin/charon-systemd >"$d/out" 2>&1 </dev/null &
		if [ $end = hub ]; then hub_pids+=($!); else other_pids+=($!); fi
		until_true 20 test -S "$d/vici"
		STRONGSWAN_CONF=$d/strongswan.conf SWANCTL_DIR=$d/swanctl swanctl --load-all --uri "unix://$d/vici" >"$d/load" 2>&1 || return 1
	done
	STRONGSWAN_CONF=$d/strongswan.conf SWANCTL_DIR=$d/swanctl timeout 20 swanctl --initiate --child t --uri "unix://$d/vici" >"$d/up" 2>&1 || return 1
	ip -n "$P-hub" route replace 10.77.1.0/24 dev ipsec0; ip -n "$P-site" route replace 10.1.0.0/24 dev ipsec0 src 10.77.1.2
}

wireguard_up() {
	local end
	for end in hub site; do (umask 077; wg genkey >"$LAB/wg.$end"); wg pubkey <"$LAB/wg.$end" >"$LAB/wg.$end.pub"; done
	for end in hub site; do
		WG_PROCESS_FOREGROUND=1 on_$end wireguard-go "${P}g$end" >"$LAB/wg.$end.log" 2>&1 &
		if [ $end = hub ]; then hub_pids+=($!); else other_pids+=($!); fi
		until_true 10 ip -n "$P-$end" link show "${P}g$end" || return 1
	done
	in_ns hub wg set "${P}ghub" private-key "$LAB/wg.hub" listen-port 51820 peer "$(<"$LAB/wg.site.pub")" allowed-ips 10.77.1.0/24 endpoint 192.0.2.2:51820 || return 1
	in_ns site wg set "${P}gsite" private-key "$LAB/wg.site" listen-port 51820 peer "$(<"$LAB/wg.hub.pub")" allowed-ips 10.1.0.0/24 endpoint 192.0.2.1:51820 || return 1
	for end in hub site; do ip -n "$P-$end" link set "${P}g$end" mtu 1420 up; done
	ip -n "$P-hub" route add 10.77.1.0/24 dev "${P}ghub"; ip -n "$P-site" route add 10.1.0.0/24 dev "${P}gsite" src 10.77.1.2
}

openvpn_up() {
	local end peer fingerprint own
	for end in hub site; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/ovpn.$end.key" -out "$LAB/ovpn.$end.crt" -days 2 -subj "/CN=$end" 2>/dev/null || return 1
	done
	for end in hub site; do
		if [ $end = hub ]; then peer=site own="--tls-server --local 192.0.2.1 --ifconfig 172.16.9.1 172.16.9.2"; else peer=hub own="--tls-client --remote 192.0.2.1 --ifconfig 172.16.9.2 172.16.9.1"; fi
		fingerprint=$(openssl x509 -in "$LAB/ovpn.$peer.crt" -noout -fingerprint -sha256) || return 1
		# shellcheck disable=SC2086
		on_$end openvpn --dev "${P}v$end" --dev-type tun --proto udp --port 1194 $own --dh none --cert "$LAB/ovpn.$end.crt" --key "$LAB/ovpn.$end.key" \
			--peer-fingerprint "${fingerprint#*=}" --data-ciphers AES-128-GCM --cipher AES-128-GCM --auth none --tun-mtu 1420 --mssfix 0 --txqueuelen 10000 --fast-io \
			--sndbuf 4194304 --rcvbuf 4194304 --verb 3 >"$LAB/ovpn.$end.log" 2>&1 </dev/null &
		if [ $end = hub ]; then hub_pids+=($!); else other_pids+=($!); fi
	done
	until_true 20 grep "Initialization Sequence Completed" "$LAB/ovpn.hub.log" || return 1
	until_true 20 grep "Initialization Sequence Completed" "$LAB/ovpn.site.log" || return 1
	ip -n "$P-hub" route add 10.77.1.0/24 dev "${P}vhub"; ip -n "$P-site" route add 10.1.0.0/24 dev "${P}vsite" src 10.77.1.2
}

ours_up() { sluice_up 1 1 25000; }

# The hub alone, for as much as it can send. Others need their peer to come up, which then stands still.
full_up() {
	if [ "$who" = ours ]; then
		bench_down
		bench_net 1 && load_up 1 25000
	else
		for pid in "${other_pids[@]}"; do kill -STOP "$pid"; done
		for dev in $(in_ns hub ls /sys/class/net); do ip -n "$P-hub" link set "$dev" txqueuelen 10000; done
		load_net
	fi
}
# Of packets that left by the outside device, in place of our own counters (lab.sh).
delivered() { if [ "$1" = in ]; then echo 0; else in_ns hub tc -s -j qdisc show dev "${P}o" root | jq '.[0].packets'; fi; }
FULL_RATES="200 300 400 500 600 700 800 1000 1250 1500 1750 2000 2500 3000 3500 4000 5000 6000 7000 8000 9000"

reaches() { in_ns site ping -q -c 1 -W 1 -I 10.77.1.2 10.1.0.2; }

for round in $(seq "$ROUNDS"); do
	for who in ours $THEM; do
		bench_net 1 || exit 1
		if ! ${who}_up || ! until_true 10 reaches; then
			echo "$who does not come up"; tail -n 5 "$LAB"/*.log "$LAB"/swan.*/{load,up,log} 2>/dev/null; exit 1
		fi
		for way in in out; do
			tcp $way "$SECONDS_EACH" 4 >"$LAB/now.tcp"
			bits=$(jq '.bits_per_second * 0.7 | floor' "$LAB/now.tcp")
			udp $way "$bits" 1400 "$SECONDS_EACH" >"$LAB/now.udp"
			jq '.bits_per_second / 1e6' "$LAB/now.tcp" >>"$LAB/$who.$way.tcp"
			jq '.bits_per_second / .share / 1e6' "$LAB/now.tcp" >>"$LAB/$who.$way.tcp_cpu"
			jq '.bits_per_second / .share * .cpu / .own / 1e6' "$LAB/now.tcp" >>"$LAB/$who.$way.tcp_own"
			jq '.received / .cpu * 1e6' "$LAB/now.udp" >>"$LAB/$who.$way.udp_cpu"
			jq '.received / .own * 1e6' "$LAB/now.udp" >>"$LAB/$who.$way.udp_own"
			jq '.lost / .sent * 100' "$LAB/now.udp" >>"$LAB/$who.$way.lost"
		done
		full_up || { echo "$who: no load from hub to site"; exit 1; }
		for kind in udp tcp; do
			[ $kind = tcp ] && TCP=1 || TCP=''
			highest "$FULL_RATES" load out RATE 1400 "$SECONDS_EACH" 1 16 >"$LAB/now.full"
			jq '.bits_per_second / 1e6' "$LAB/now.full" >>"$LAB/$who.$kind"
			jq '.received / .cpu * 1e6' "$LAB/now.full" >>"$LAB/$who.${kind}_cpu"
			jq '.received / .own * 1e6' "$LAB/now.full" >>"$LAB/$who.${kind}_own"
		done
		bench_down
	done
done

ratio() { awk -v a="$(median <"$LAB/ours.$1")" -v b="$(median <"$LAB/$who.$1")" 'BEGIN { printf "%.1f", a / b }'; }
printf '%-11s %-4s %-22s %-28s %-28s %-28s %-28s %s\n' "" way "TCP Mbit/s" "TCP Mbit per CPU-s" "of own threads" "UDP thousand per CPU-s" "of own threads" "UDP lost %"
for way in in out; do
	for who in ours $THEM; do
		printf '%-11s %-4s %-22s' $who $way "$(spread %.0f <"$LAB/$who.$way.tcp")"
		for what in tcp_cpu tcp_own udp_cpu udp_own; do
			printf ' %-28s' "$(spread %.0f <"$LAB/$who.$way.$what") x$(ratio $way.$what)"
		done
		echo " $(median <"$LAB/$who.$way.lost")"
	done
done
printf '%-11s %-4s %-22s %-28s %s\n' "all it can" to "site, Mbit/s" "thousand per CPU-s" "of own threads"
for kind in tcp udp; do
	for who in ours $THEM; do
		printf '%-11s %-4s %-22s' $who $kind "$(spread %.0f <"$LAB/$who.$kind")"
		for what in cpu own; do
			printf ' %-28s' "$(spread %.0f <"$LAB/$who.${kind}_$what") x$(ratio ${kind}_$what)"
		done
		echo
	done
done
