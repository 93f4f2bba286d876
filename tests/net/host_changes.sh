#!/bin/bash
# The host changes under a running hub: devices, links, addresses, settings, keys that come late, processes that
# hang. Nothing passes in clear meanwhile, and who is not concerned loses nothing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slhc LAB=$(mktemp -d /tmp/slhc.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

logged() { grep -Eq "$1" "$LAB/sluiced.log"; }
wan() { # T: the outside device of the hub, as netplan makes it again
	local t=$1 v6; v6=$([ "$t" = 0 ] && echo a || echo b)
	link hub "wan$t" "198.51.10$t.1/30,2001:db8:$v6::1/64" inet "hub$t" "198.51.10$t.2/30,2001:db8:$v6::2/64"
	for net in $((64 + t)) $((66 + t)); do echo "route replace 100.$net.0.0/16 via 198.51.10$t.2"; done | ip_batch hub
	ip -n "$P-hub" route replace 2001:db8:$((64 + t))::/48 via "2001:db8:$v6::2"
	[ "$t" = 1 ] || ip -n "$P-hub" route replace default via 198.51.100.2
}
state_of() { json_of show endpoints ".endpoints[] | select(.device == \"$1\" and (.address | contains(\".\"))).state"; }
is_state() { [[ $(state_of "$1") == "$2" ]]; }
open_tunnels() { json_of show endpoints "[.endpoints[] | select(.device == \"$1\").tunnels_up] | add"; }
is_open() { [ "$(open_tunnels "$1")" = "$2" ]; }
sessions() { [ "$(json_of show tunnels "[.tunnels[] | select(.tunnel == $1 and .bgp == \"established\")] | length")" = "$2" ]; }

# ---- what is there at the start ----
lab_hub_net
hub_config 1 2 >"$LAB/sluice.yaml"
sed -i "s|$LAB/psk/2.0|$LAB/late|" "$LAB/sluice.yaml"
in_ns hub ip link del wan1
in_ns_exec hub python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 9469)); time.sleep(600)' >/dev/null 2>&1 & taker=$!; remember $taker
until_true 5 eval 'in_ns hub ss -Hltn "sport = 9469" | grep -q 9469'
must "sluiced starts without wan1 and without a key of site 2" hub_start
ip -n "$P-hub" route replace default via 198.51.100.2
closed_for() { [ "$({ in_ns hub ip rule show; in_ns hub ip -6 rule show; } | grep -c "iif $1.*blackhole")" = 2 ]; }
second() { ! in_hub timeout 20 "$BIN/sluiced" -f "$LAB/sluice.yaml" 2>"$LAB/second.log" && grep -q 'another sluiced is running' "$LAB/second.log" && closed_for wan1; }
case_ "what comes by a device of its name is not forwarded, also when another sluiced was started by mistake" second
flushed_rules() { in_ns hub ip rule flush; for p in local:0 main:32766 default:32767; do in_ns hub ip rule add pref "${p#*:}" lookup "${p%:*}"; done 2>/dev/null; until_true 3 closed_for wan1; }
case_ "nor when somebody has flushed the rules" flushed_rules
branch_up 1; branch_up 2
case_ "what can be there is there" until_true 30 sessions 0 1
case_ "the device that is missing is said" eval 'is_state wan1 "no such device" && logged "warning: wan1: there is no such device"'
case_ "the key that is missing is said" eval 'logged "psk file:$LAB/late: No such file" && [[ $(json_of show tunnels ".tunnels[] | select(.site == \"site-2\" and .tunnel == 0).detail") == *"No such file"* ]]'
served() { in_hub curl -sf http://127.0.0.1:9469/metrics | grep -q sluice_; }
port_is_had_later() { logged "cannot listen for metrics on 127.0.0.1:9469: Address already in use; it is tried again" && kill "$taker" && until_true 5 served; }
case_ "the port for metrics that somebody else has is said, and had when it is free" port_is_had_later
wan 1
cp -p "$LAB/psk/2.0" "$LAB/late"
must "the key is read when it is there" until_true 10 logged "site-2 tunnel 0: its keys can be read now"
swan "$LAB/b2/0" --initiate --child t >/dev/null 2>&1 & remember $! # it had given up
case_ "both are taken up when they come" until_true 40 all_up 4

# ---- all the time: somebody outside who knows what is behind the hub, and traffic that is not for him ----
in_ns_exec inet sh -c 'while :; do ip route replace 10.0.0.0/15 via 198.51.100.1; sleep 0.02; done' >/dev/null 2>&1 & remember $!
for to in 10.0.0.10 10.1.0.10; do
	in_ns_exec inet ping -q -i 0.005 $to >/dev/null 2>&1 & remember $!
done
in_ns host nft 'table inet clear { counter seen { }; chain c { type filter hook prerouting priority -300
	ip saddr { 198.51.100.0/24, 198.51.101.0/24 } counter name seen; }; }'
in_ns inet nft 'table inet clear { counter seen { }; chain c { type filter hook prerouting priority -300
	iifname { hub0, hub1 } ip saddr 10.0.0.0/8 counter name seen; }; }'
seen() { in_ns "$1" nft -j list counter inet clear seen | jq '.nftables[].counter.packets | values'; }
nothing_in_clear() { echo "in $(seen host), out $(seen inet)"; [ "$(seen host)" = 0 ] && [ "$(seen inet)" = 0 ]; }
in_ns_exec host "$BIN/tests/net/flow" send 10.1.0.10 20001 200000 500 600 >/dev/null 2>&1 & remember $!

lost() { # SECONDS: of 100 pings a second from the host to site 1, while the caller does something
	local out; out=$(in_ns host ping -q -i 0.01 -c "${1}00" -W 1 10.1.0.10)
	awk '/packets transmitted/ { print $1 - $4 }' <<<"$out"
}
while_lost() { # MOST SECONDS COMMAND...: at most so many packets are lost meanwhile
	local most=$1 status n; lost "$2" >"$LAB/lost" & local pinger=$!; shift 2
	sleep 0.3; "$@"; status=$?; wait $pinger; n=$(<"$LAB/lost")
	echo "$n lost"; [ $status = 0 ] && [ "$n" -le "$most" ]
}
must "the host behind the hub reaches the site" until_true 20 in_ns host ping -q -c 1 -W 1 10.1.0.10

# ---- links and addresses ----
loses_link() { ip -n "$P-inet" link set "hub$1" down; until_true 2 is_open "wan$1" 0 && until_true 2 sessions "$1" 0; }
case_ "wan1 loses its carrier: its tunnels are closed at once, nobody else loses a packet" while_lost 0 4 loses_link 1
told() { # REASON_ENDPOINT_LOST: in the state and in the log of its tunnels
	[ "$(json_of show tunnels '[.tunnels[] | select(.tunnel == 1) | .reason] | unique | join(" ")')" = ENDPOINT_LOST ] &&
		[ "$(json_of show log '[.events[] | select(.reason_code == "ENDPOINT_LOST" and .tunnel == 1)] | length')" -ge 2 ]
}
case_ "its tunnels tell that it is the hub's own end" told
case_ "it is one fact of the hub" eval 'is_state wan1 "link down (no carrier)" && logged "endpoint 1, wan1 198.51.101.1: link down .no carrier.; its 2 tunnels are closed" && in_hub curl -s http://127.0.0.1:9469/metrics | grep -q "sluice_endpoint_up{endpoint=\"1\",device=\"wan1\",address=\"198.51.101.1\"} 0"'
ip -n "$P-inet" link set hub1 up
case_ "it is back: so are its tunnels" until_true 20 all_up 4
back() { [ "$(json_of show log '[.events[] | select(.reason_code == "ENDPOINT_BACK" and .tunnel == 1)] | length')" -ge 2 ]; } # REASON_ENDPOINT_BACK
case_ "their logs say so" back
moves() { # what the hub sends; the site finds out by itself
	train host b1-h 10.1.0.10 2000000 500 4 >"$LAB/train.json" & local train=$!
	sleep 1; loses_link 0; wait $train; cat "$LAB/train.json"
	[ "$(jq .received "$LAB/train.json")" -ge 1300 ] && [ "$(jq .lost "$LAB/train.json")" -le 600 ] # the kernel may wait for a second before it tells
}
case_ "wan0 loses its carrier: 500 packets a second go by wan1 within 1.2 s" moves
ip -n "$P-inet" link set hub0 up
case_ "it is back" until_true 20 all_up 4
loses_address() { in_ns hub ip addr del 198.51.101.1/30 dev wan1; until_true 2 sessions 1 0; }
case_ "wan1 loses its address: its tunnels are closed at once" while_lost 0 3 loses_address
in_ns hub ip addr add 198.51.101.1/30 dev wan1
for net in 65 67; do ip -n "$P-hub" route replace 100.$net.0.0/16 via 198.51.101.2; done
case_ "it is back" until_true 20 all_up 4
in_ns hub ip link set wan1 mtu 1300
case_ "another MTU of wan1: so is that of its tunnels" until_true 3 eval '[ "$(json_of show tunnels ".tunnels[1].inner_mtu")" -lt 1300 ]'
in_ns hub ip link set wan1 mtu 1500

# ---- devices ----
recreated() { in_ns hub ip link del wan0; sleep 0.5; wan 0; until_true 5 xdp_attached; }
case_ "wan0 is made again: closed, and its programs are on it" recreated
case_ "so are its tunnels" until_true 30 eval 'is_state wan0 up && all_up 4'
taken_off() {
	in_hub sh -c 'for l in /sys/fs/bpf/sluice/link_*; do bpftool link detach pinned "$l" || exit; done' &&
		until_true 3 logged 'wan0: our programs were taken off' && until_true 3 xdp_attached
}
case_ "our programs are taken off: on again within a second" taken_off
in_ns hub ip link del sluice0
case_ "sluice0 is deleted: it is made again, with its addresses, routes and sessions" until_true 30 eval 'all_up 4 && in_ns host ping -q -c 1 -W 1 10.1.0.10'
flushed() { in_ns hub ip addr flush dev sluice0; sleep 0.1; in_ns hub ip link set sluice0 down; in_ns hub ip link set sluice0 mtu 1400; }
case_ "sluice0 is flushed, down, and has another MTU: put right within a second" while_lost 100 3 flushed
case_ "with all its addresses" eval '[ "$(in_ns hub ip -o -6 addr show dev sluice0 scope global | wc -l)" = 4 ] && all_up 4'

# ---- settings ----
off() { in_ns hub sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0; }
case_ "forwarding is switched off: it is on again within 300 ms" while_lost 30 2 off
strict() { in_ns hub sysctl -qw net.ipv4.conf.all.rp_filter=1; }
case_ "a strict rp_filter is made loose, and said" eval 'while_lost 0 2 strict && logged "wan1: the reverse path filter"'
own() { in_ns hub ping -q -c 2 -i 0.2 -W 1 "$1"; }
case_ "the hub itself reaches hosts at all sites" eval 'for to in 10.1.0.10 10.2.0.10 fd00:10:1::10 fd00:10:2::10; do own $to || exit 1; done'

# ---- processes that hang ----
pid_of() { json_of show dataplane ".processes[] | select(.name == \"$1\").pid"; }
pids() { json_of show dataplane '[.processes[].pid] | tostring'; }
returned() { local pid; pid=$(pid_of "$1"); [ "$pid" -gt 0 ] && [ "$pid" != "$2" ]; }
hangs() { local pid; pid=$(pid_of "$1"); kill -STOP "$pid"; until_true 10 returned "$1" "$pid" && logged "$1, pid $pid, has not answered for . s: it is ended"; }
case_ "bgp hangs: it is started again, and no packet is lost" while_lost 0 9 hangs bgp
case_ "ike hangs: it is started again, and no packet is lost" while_lost 0 9 hangs ike
hub_hangs() { local before; before=$(pids); kill -STOP "$(<"$LAB/sluiced.pid")"; sleep 8; kill -CONT "$(<"$LAB/sluiced.pid")"; sleep 2; [ "$(pids)" = "$before" ]; }
case_ "hub itself stands still for a while: nobody is ended" while_lost 0 11 hub_hangs
case_ "data hangs: it is started again" hangs data
case_ "sessions are there" until_true 20 all_up 4

case_ "nothing passed in clear, all the time" nothing_in_clear
case_ "hub stops and leaves no rule behind" eval 'hub_stop && rules=$(in_ns hub ip rule show; in_ns hub ip -6 rule show) && [[ $rules == *local* && $rules != *wan?* ]]'
cases_end
