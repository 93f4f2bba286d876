# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian's kernels for virtual machines: from apt, unpacked under build/vm, never installed.
#
#   kernel_get 6.1       fetches and unpacks; sets KDIR, KVERSION
#   kernel_initrd        the first root file system: what it takes to reach this machine's files

MODULES_FIRST="virtio_pci 9p 9pnet_virtio overlay virtio_rng"

# The package that a kernel's meta-package stands for now.
kernel_package() {
	local meta=linux-image-amd64
	[ "$1" = 6.1 ] || meta=linux-image-$1-amd64
	apt-cache depends "$meta" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

kernel_get() {
	local package
	mkdir -p build/vm
	KDIR=$PWD/build/vm/$1
	if [ ! -e "$KDIR/.unpacked" ]; then
		package=$(kernel_package "$1")
		if [ -z "$package" ]; then
			apt-get -o DPkg::Lock::Timeout=300 update -qq || return 1
			package=$(kernel_package "$1")
		fi
		[ -n "$package" ] || { echo "apt knows no kernel $1" >&2; return 1; }
		rm -rf "$KDIR"; mkdir -p "$KDIR/deb"
		(cd "$KDIR/deb" && apt-get -o APT::Sandbox::User=root download -qq "$package") || return 1
		dpkg -x "$KDIR"/deb/*.deb "$KDIR" && rm -r "$KDIR/deb" || return 1
		echo "$package" >"$KDIR/.unpacked"
	fi
	KVERSION=$(ls "$KDIR/lib/modules")
}

# A module in the order of its needs, unpacked, since the first root has no unpacker.
copy_modules() { # DIRECTORY
	local m f
	depmod -b "$KDIR" "$KVERSION" || return 1
	for m in $MODULES_FIRST; do modprobe -d "$KDIR" -S "$KVERSION" --show-depends "$m"; done |
		sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }' | while read -r f; do
		case $f in
		*.xz) xz -dc "$f" >"$1/$(basename "$f" .xz)" && basename "$f" .xz ;;
		*) cp "$f" "$1/" && basename "$f" ;;
		esac
	done >"$1/list"
	[ -s "$1/list" ]
}

kernel_initrd() {
	local i=$KDIR/initrd.d
	[ ! -e "$KDIR/initrd" ] || [ vmtest/first.sh -nt "$KDIR/initrd" ] || return 0
	rm -rf "$i"; mkdir -p "$i"/{bin,proc,sys,dev,modules,mnt}
	cp /bin/busybox "$i/bin/" && cp vmtest/first.sh "$i/init" && copy_modules "$i/modules" || return 1
	(cd "$i" && find . | cpio -o -H newc --quiet) >"$KDIR/initrd" && rm -r "$i"
}
