# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian's kernels for virtual machines: from apt, unpacked under build/vm, never installed.
#
#   kernel_get 6.1       fetches and unpacks; sets KDIR, KVERSION
#   kernel_initrd        the first root file system: what it takes to reach this machine's files

VM_DIR=$PWD/build/vm
MODULES_FIRST="virtio_pci 9p 9pnet_virtio overlay virtio_rng"

# The release whose kernel it is.
kernel_release() {
	case $1 in 6.1) echo bookworm ;; 6.12) echo trixie ;; *) return 1 ;; esac
}

# apt-get or apt-cache on that release's packages, whatever this machine is: the mirrors that it uses,
# lists of their own. apt_of RELEASE COMMAND...
apt_of() {
	local d=$VM_DIR/apt-$1
	"$2" -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$d/lists" -o Dir::Cache="$d/cache" "${@:3}"
}

# Debian's archives as this machine's apt has them, with the other release in place of its own.
apt_sources() { # RELEASE
	local own; own=$(. /etc/os-release; echo "$VERSION_CODENAME")
	apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
		sed -nE "s,^([^ ]+) $own(-updates|-security)?\$,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \1 $1\2 main,p" | sort -u
}

apt_update() { # RELEASE
	local d=$VM_DIR/apt-$1
	mkdir -p "$d"/{lists,cache}/partial
	apt_sources "$1" >"$d/sources.list"
	if [ ! -s "$d/sources.list" ]; then
		apt-get -o DPkg::Lock::Timeout=300 update -qq || return 1
		apt_sources "$1" >"$d/sources.list"
	fi
	[ -s "$d/sources.list" ] || { echo "apt knows no archive of Debian" >&2; return 1; }
	apt_of "$1" apt-get -q update
}

kernel_get() {
	local package release
	release=$(kernel_release "$1") || { echo "no release of Debian that is known here has kernel $1" >&2; return 1; }
	mkdir -p "$VM_DIR"
	KDIR=$VM_DIR/$1
	if [ ! -e "$KDIR/.unpacked" ]; then
		apt_update "$release" >"$VM_DIR/apt.log" 2>&1 || { cat "$VM_DIR/apt.log" >&2; return 1; }
		package=$(apt_of "$release" apt-cache depends linux-image-amd64 |
			sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
		[[ $package == linux-image-$1.* ]] || { echo "the kernel of $release is ${package:-unknown}, not $1" >&2; return 1; }
		rm -rf "$KDIR"; mkdir -p "$KDIR/deb"
		(cd "$KDIR/deb" && apt_of "$release" apt-get download -qq "$package") || return 1
		dpkg -x "$KDIR"/deb/*.deb "$KDIR" && rm -r "$KDIR/deb" || return 1
		# Debian 13 packs modules, and its kmod looks for them, below usr.
		mkdir -p "$KDIR/usr"
		[ -e "$KDIR/lib" ] || ln -s usr/lib "$KDIR/lib"
		[ -e "$KDIR/usr/lib" ] || ln -s ../lib "$KDIR/usr/lib"
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

# busybox and, where it is the dynamic one, its libraries.
copy_busybox() { # DIRECTORY
	local f
	cp "$(command -v busybox)" "$1/bin/busybox" || return 1
	for f in $(ldd "$1/bin/busybox" 2>/dev/null | grep -o '/[^ ]*'); do
		install -D "$f" "$1$f" || return 1
	done
}

kernel_initrd() {
	local i=$KDIR/initrd.d
	[ ! -e "$KDIR/initrd" ] || [ vmtest/first.sh -nt "$KDIR/initrd" ] || return 0
	rm -rf "$i"; mkdir -p "$i"/{bin,proc,sys,dev,modules,mnt}
	copy_busybox "$i" && cp vmtest/first.sh "$i/init" && copy_modules "$i/modules" || return 1
	(cd "$i" && find . | cpio -o -H newc --quiet) >"$KDIR/initrd" && rm -r "$i"
}
