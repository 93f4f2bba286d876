#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a kernel may lack, and what sluiced says then. Runs once: each part chooses its data plane.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
cases_start
lab_hub_net
refuses() { # BACKEND SENTENCE COMMAND...: sluiced ends by itself, with this sentence
	local out status; BACKEND=$1 hub_config 1 1 >"$LAB/sluice.yaml"
	out=$(in_hub timeout 60 "${@:3}" "$BIN/sluiced" --apply -f "$LAB/sluice.yaml" 2>&1); status=$?
	echo "status $status $out"
	[ $status = 1 ] && [[ $out == *"$2"* ]]
}
case_ "without AF_XDP" refuses af_xdp "this kernel has no AF_XDP sockets" "$BIN/tests/net/without" 44
case_ "without XFRM" refuses xfrm "this kernel has no IPsec" "$BIN/tests/net/without" 16/6
modprobe=$(</proc/sys/kernel/modprobe)
no_esp() { echo /bin/false >/proc/sys/kernel/modprobe && modprobe -r esp4_offload esp6_offload esp4 esp6; }
must "ESP is taken away" no_esp
case_ "without ESP" refuses xfrm "this kernel has no ESP"
no_btf() { mount -t tmpfs none /sys/kernel/btf && [ ! -e /sys/kernel/btf/vmlinux ]; }
must "BTF is taken away" no_btf
starts() { BACKEND=af_xdp hub_config 1 1 >"$LAB/sluice.yaml"; hub_start && hub_stop; }
case_ "without BTF nothing is missing" starts
# The cases after this one find the kernel as it was.
restored() { umount /sys/kernel/btf && echo "$modprobe" >/proc/sys/kernel/modprobe && modprobe -a esp4 esp6 esp4_offload esp6_offload; }
case_ "all of it is given back" restored
cases_end
