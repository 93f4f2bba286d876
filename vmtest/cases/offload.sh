#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Crypto offload, once, with kernel ESP. A bond says that it can and then has no member that can: its SAs
# stay in the kernel. Where there is netdevsim with two linked devices (6.9 and newer; Debian's kernels
# are built without), SAs of tunnel 0 go to such a device when it takes their algorithm; those of tunnel 1,
# on a device without offload, stay. It never encrypts, so only what is installed is looked at.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
export BACKEND=xfrm
cases_start
lab_hub_net
offloads() { local f; f=$(in_ns hub ethtool -k wan0) && [[ $f == *"esp-hw-offload: on"* ]]; }
states() { in_hub ip xfrm state; }
mode_says() { local m; m=$(json_of show dataplane .mode); echo "$m"; [[ $m == *"$1"* ]]; }
none() { until_true 4 mode_says "ESP offload of no SA"; mode_says "ESP offload of no SA"; }

bonded() { # wan0 becomes the one member of a bond of its name
	modprobe -q bonding
	ip_batch hub <<-E && device_up wan0 198.51.100.1/30,2001:db8:a::1/64 | ip_batch hub && ip -n "$P-hub" route add 100.64.0.0/16 via 198.51.100.2
	link set wan0 down
	link set wan0 name member
	addr flush dev member
	link add wan0 type bond
	link set wan0 type bond mode active-backup miimon 100
	link set member master wan0
	E
}
must "wan0 is a bond" bonded
ethtool_on() { in_ns hub ethtool -K wan0 esp-hw-offload on; offloads; }
if ethtool_on >/dev/null 2>&1; then
	one_site
	case_ "a bond says that it offloads ESP; its member cannot, and show dataplane says so" none
	case_ "site to hub" until_true 10 reach b1-h 10.0.0.10
	case_ "TCP to the branch" tcp_between b1-h -R
fi
if ! modprobe -q netdevsim || [ ! -e /sys/bus/netdevsim/link_device ]; then
	[ $cases_passed -le 1 ] || cases_end
	echo "SKIP: this kernel has no device that says it offloads ESP: no netdevsim that can link two, no such bond"
	exit 77
fi
lab_again

simulated() { # wan0 and its other end become simulated devices
	local fd_hub fd_inet i j
	for i in 1 2; do echo $i >/sys/bus/netdevsim/del_device; done 2>/dev/null
	echo "1 1" >/sys/bus/netdevsim/new_device && echo "2 1" >/sys/bus/netdevsim/new_device || return
	sleep 1
	i=$(basename /sys/bus/netdevsim/devices/netdevsim1/net/*) j=$(basename /sys/bus/netdevsim/devices/netdevsim2/net/*)
	ip -n "$P-hub" link del wan0
	ip link set "$i" netns "$P-hub" name wan0 && ip link set "$j" netns "$P-inet" name hub0 || return
	exec {fd_hub}<"/run/netns/$P-hub" {fd_inet}<"/run/netns/$P-inet"
	echo "$fd_hub:$(in_ns hub cat /sys/class/net/wan0/ifindex) $fd_inet:$(in_ns inet cat /sys/class/net/hub0/ifindex)" \
		>/sys/bus/netdevsim/link_device || return
	ip -n "$P-hub" addr add 198.51.100.1/30 dev wan0; ip -n "$P-inet" addr add 198.51.100.2/30 dev hub0
	ip -n "$P-hub" -6 addr add 2001:db8:a::1/64 dev wan0 nodad
	ip -n "$P-hub" link set wan0 up; ip -n "$P-inet" link set hub0 up
	ip -n "$P-hub" route add 100.64.0.0/16 via 198.51.100.2
}
must "a device that offloads ESP" simulated
must "it says so" offloads
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
branch_kernel 1
must "both tunnels are up" until_true 20 eval '[ "$(tunnels_up)" = 2 ]'
offloaded() { local s; s=$(states); [ "$(grep -c "crypto offload parameters: dev wan0" <<<"$s")" -ge 2 ] && [[ $s != *"dev wan1 dir"* ]]; }
case_ "SAs of tunnel 0 are in the device, those of tunnel 1 are not" until_true 10 offloaded
some() { until_true 4 mode_says "ESP offload of some SAs"; mode_says "ESP offload of some SAs"; }
case_ "show dataplane says so" some
case_ "tunnel 1 carries traffic" until_true 20 eval '[ "$(bgp_up)" -ge 1 ]'
lab_again
must "a device that offloads ESP, again" simulated
hub_config 1 1 >"$LAB/sluice.yaml"
must "sluiced starts" hub_start
ESP=aes128-sha256-modp2048 branch_kernel 1
must "both tunnels are up with CBC, which the device refuses" until_true 20 eval '[ "$(tunnels_up)" = 2 ]'
in_kernel() { local s; s=$(states); [[ $s == *"cbc(aes)"* && $s != *"crypto offload"* ]]; }
case_ "the kernel does it" until_true 10 in_kernel
case_ "show dataplane says so" none
cases_end
