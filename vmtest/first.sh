#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process in the virtual machine: this machine's files become its root, read only, with a
# layer in memory above them; then vmtest/second.sh goes on.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r m; do $b insmod "/modules/$m" || echo "insmod $m failed"; done </modules/list
share() { $b mount -t 9p -o "$1,trans=virtio,version=9p2000.L,msize=512000" "$2" "$3"; }
m=/mnt root=/mnt/root
$b mount -t tmpfs tmp $m
$b mkdir $m/low $m/up $m/work $root
share ro,cache=loose host $m/low
$b mount -t overlay -o lowerdir=$m/low,upperdir=$m/up,workdir=$m/work overlay $root
for d in proc sys dev; do $b mount --move /$d $root/$d; done
$b mkdir -p $root/lib/modules $root/dev/pts $root/dev/shm
$b mount -t devpts pts $root/dev/pts
for d in run tmp dev/shm; do $b mount -t tmpfs tmp $root/$d; done
$b mkdir -p $root/run/netns $root/run/vm $root/run/tree
share rw out $root/run/vm
share ro,cache=loose tree $root/run/tree
share ro,cache=loose modules $root/lib/modules
exec $b switch_root $root /bin/bash /run/vm/second
