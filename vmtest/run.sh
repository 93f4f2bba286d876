#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's kernels in QEMU, at the same time, and runs vmtest/cases in them. Usage:
# vmtest/run.sh VARIANT. KERNEL="6.1 6.12": which; CASE=REGEX: only cases whose name it matches;
# ONE_BY_ONE=1: one kernel after the other. The whole machine is emulated: what a case says of speed is
# worth nothing, what it says of bytes and packets is.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. vmtest/kernel.sh
variant=$1
[ -e /dev/kvm ] && [ -n "${KVM:-}" ] && accel=kvm || accel=tcg,thread=multi,tb-size=1024
passed=0 failed=0 skipped=0
tools/users.sh

# A case that uses the lab runs with both data planes.
cases=()
for f in vmtest/cases/*.sh; do
	name=$(basename "$f" .sh)
	names=("$name")
	! grep -q '^in_the_lab$' "$f" || names=("$name.af_xdp" "$name.xfrm")
	for name in "${names[@]}"; do [[ ! $name =~ ${CASE:-} ]] || cases+=("$name"); done
done
CASE_TIMEOUT=${CASE_TIMEOUT:-600}
[ ${#cases[@]} -gt 0 ] || { echo "no case is called ${CASE:-}"; exit 1; }

boot() { # KERNEL OUT CASE...
	printf '#!/bin/bash\nexport CASE_TIMEOUT=%s\nexec /run/tree/vmtest/second.sh %q %s\n' "$CASE_TIMEOUT" \
		"$variant" "${*:3}" >"$2/second"
	timeout $((120 + CASE_TIMEOUT * ${#cases[@]})) qemu-system-x86_64 -nodefaults -no-user-config -nic none -display none -no-reboot \
		-machine q35 -accel "$accel" -cpu max -smp 2 -m "${MEMORY:-2G}" \
		-kernel "$KDIR/boot/vmlinuz-$KVERSION" -initrd "$KDIR/initrd" \
		-append "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check tsc=reliable mitigations=off random.trust_cpu=on ${APPEND:-}" \
		-serial stdio -pidfile "$2/pid" -device virtio-rng-pci \
		-fsdev local,id=r,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=r,mount_tag=host \
		-fsdev local,id=t,path="$PWD",security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=t,mount_tag=tree \
		-fsdev local,id=m,path="$KDIR/lib/modules",security_model=none,readonly=on -device virtio-9p-pci,fsdev=m,mount_tag=modules \
		-fsdev local,id=o,path="$2",security_model=none -device virtio-9p-pci,fsdev=o,mount_tag=out </dev/null 2>&1 |
		stdbuf -oL tr -d '\r' | tee -a "$2/console" | grep --line-buffered -E '^(vm |ok|FAIL|SKIP|case |--|[0-9]+ passed)' |
		sed -u "s/^/  $1: /"
}

# QEMU before 8.1 loses, once in many hours, a race with a kernel that changes its own code while another
# CPU runs it: an int3 that is nobody's. What had not ended then is begun again, once.
boot_all() { # KERNEL OUT
	local left=()
	boot "$1" "$2" "${cases[@]}"
	grep -q 'int3: 0000' "$2/console" || return
	for name in "${cases[@]}"; do grep -q "^$name " "$2/status" 2>/dev/null || left+=("$name"); done
	echo "AGAIN $1: the emulator lost a race with code that changes itself; from ${left[0]} on it is booted again"
	boot "$1" "$2" "${left[@]}"
}

judge() { # KERNEL OUT: what came of each case
	for name in "${cases[@]}"; do
		case $(sed -n "s/^$name //p" "$2/status" 2>/dev/null) in
		0) passed=$((passed + 1)) ;;
		77) skipped=$((skipped + 1)); echo "SKIP  $1 $name: $(tail -n 1 "$2/$name.log")" ;;
		*) failed=$((failed + 1)); echo "FAIL  $1 $name:"; tail -n 60 "$2/$name.log" 2>/dev/null | sed 's/^/      | /' ;;
		esac
	done
	[ -e "$2/status" ] || tail -n 20 "$2/console"
}

booted=()
trap 'for k in "${booted[@]}"; do { kill "$(<"build/vm/out-$k/pid")"; } 2>/dev/null; done' EXIT
trap 'exit 130' INT TERM
for kernel in ${KERNEL:-6.1 6.12}; do
	start=$SECONDS out=$PWD/build/vm/out-$kernel
	kernel_get "$kernel" && kernel_initrd || { failed=$((failed + 1)); echo "FAIL  kernel $kernel cannot be had"; continue; }
	echo "== $(<"$KDIR/.unpacked"), unpacked in $((SECONDS - start)) s"
	rm -rf "$out"; mkdir -p "$out"
	(boot_all "$kernel" "$out"; echo "== $kernel took $((SECONDS - start)) s") &
	booted+=("$kernel")
	[ -z "${ONE_BY_ONE:-}" ] || wait
done
wait
for kernel in "${booted[@]}"; do judge "$kernel" "$PWD/build/vm/out-$kernel"; done
echo "cases and their seconds, by kernel: ${booted[*]}"
for name in "${cases[@]}"; do
	line=$(printf '  %-22s' "$name")
	for kernel in "${booted[@]}"; do
		line+=$(sed -n "s/^case ${name//./\\.} status \([0-9]*\) seconds \([0-9]*\)$/\1 \2/p" "build/vm/out-$kernel/console" |
			awk '{ printf "  %8s %-7s", $2, $1 == 0 ? "ok" : $1 == 77 ? "skipped" : "FAILED" }')
	done
	echo "$line"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
