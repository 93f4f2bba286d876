#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two short cases of vmtest/ on the oldest kernel that is supported: its verifier takes our programs,
# and a tunnel whose two ends are kernel ESP carries what it must. All of them: make vmtest.
# Alone: an emulated machine takes all of this one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-$PWD/build/asan}
. vmtest/kernel.sh
skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
[ "$(dirname "$BIN")" = "$PWD/build" ] || skip "the virtual machine is shown $PWD/build only"
for tool in qemu-system-x86_64 busybox cpio depmod xz; do
	command -v $tool >/dev/null || skip "there is no $tool: tools/deps.sh could not install it"
done
kernel_get 6.1 || skip "apt does not give Debian's kernel 6.1"
KERNEL=6.1 CASE='^(load|mtu\.xfrm)$' exec vmtest/run.sh "$(basename "$BIN")"
