#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What runs in the virtual machine once it has its root: mounts, modules, then the cases one after the
# other. Each has a log; its verdicts go to the console too. Arguments: VARIANT CASE...
BIN=/run/tree/build/$1; shift
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C BIN
OUT=/run/vm
up() { cut -d' ' -f1 /proc/uptime; }
hostname vm
ip link set lo up
mount -t bpf bpf /sys/fs/bpf
for m in veth tun xfrm_user esp4 esp6 esp4_offload esp6_offload xfrm_interface xfrm4_tunnel xfrm6_tunnel dummy \
	sch_fq sch_netem sch_ingress cls_bpf nf_tables nft_ct nft_nat nft_masq nft_chain_nat nf_conntrack \
	authenc echainiv seqiv gcm ctr cbc sha1_generic sha256_generic sha512_generic; do
	modprobe -q $m || true
done
echo "vm $(uname -r) ready after $(up) s"
# Programs and libraries once through the emulated disk, not while a case waits.
{ "$BIN/sluiced" --check -f /dev/null; "$BIN/sluice" --help; swanctl --version; bird --version; iperf3 --version; } >/dev/null 2>&1
# It wants time stamps, and so keeps the kernel from changing the code of its receive path all the time:
# the emulator has trouble with that.
ping -q -i 3600 127.0.0.1 >/dev/null &
cd /run/tree || poweroff -f
for name; do # CASE, or CASE.BACKEND
	start=$(up)
	[[ $name != *.* ]] || export BACKEND=${name#*.}
	timeout -k 10 "$CASE_TIMEOUT" vmtest/cases/"${name%%.*}".sh >$OUT/"$name".log 2>&1 </dev/null
	status=$?
	grep -E '^(ok|FAIL|SKIP|--|[0-9]+ passed)' $OUT/"$name".log
	echo "case $name status $status seconds $(awk -v a="$start" -v b="$(up)" 'BEGIN { printf "%.0f", b - a }')"
	echo "$name $status" >>$OUT/status
done
sync
poweroff -f
