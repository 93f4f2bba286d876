#!/bin/bash
# Installs through apt what building, testing and demonstrating Sluice needs and is missing.
# "deps.sh interop" adds the peers of `make interop` and the kernel they run in, "deps.sh bench" those
# that are measured beside us, "deps.sh vmtest" what boots Debian's kernels for `make vmtest`.
set -euo pipefail

PACKAGES=(
	gcc make pkg-config clang llvm libclang-rt-14-dev bpftool libbpf-dev libxdp-dev linux-libc-dev
	libnl-3-dev libnl-route-3-dev libssl-dev libipsec-mb-dev libevent-dev libyaml-dev
	libjansson-dev libsmartcols-dev libseccomp-dev libcap-dev libcmocka-dev
	iproute2 iputils-ping iperf3 nftables ethtool procps jq curl python3-scapy python3-cryptography
	charon-systemd strongswan-swanctl libcharon-extra-plugins libcharon-extauth-plugins
	libstrongswan-standard-plugins libstrongswan-extra-plugins bird2
)
case ${1:-} in interop | bench) PACKAGES+=(frr gobgpd exabgp openbgpd) ;; esac
[ "${1:-}" != bench ] || PACKAGES+=(wireguard-go wireguard-tools openvpn openssl)

# Libreswan's package conflicts with strongSwan's: it is unpacked, and only its libraries installed.
LIBRESWAN=build/peers/libreswan
case ${1:-} in interop | vmtest)
	PACKAGES+=(
		libnss3-tools libaudit1 libcap-ng0 libcrypt1 libcurl3-nss libevent-core-2.1-7 libevent-pthreads-2.1-7
		libldap-2.5-0 libldns3 libnspr4 libnss3 libpam0g libselinux1 libsystemd0 libunbound8 dns-root-data
	) ;;
esac
[ "${1:-}" != interop ] || PACKAGES+=(openiked user-mode-linux kmod openssl)

# What boots other kernels. `make test` goes on without it, and says what it leaves out.
VM=(qemu-system-x86 busybox-static kmod cpio xz-utils)
[ "${1:-}" != vmtest ] || PACKAGES+=("${VM[@]}" conntrack)

unpack_libreswan() { # TARGET
	case $1 in interop | vmtest) ;; *) return ;; esac
	cd "$(dirname "$0")/.."
	[ ! -x $LIBRESWAN/usr/libexec/ipsec/pluto ] || return 0
	echo "unpacking: libreswan"
	local d; d=$(mktemp -d)
	(cd "$d" && apt-get -o APT::Sandbox::User=root download -q libreswan) >/dev/null
	mkdir -p $LIBRESWAN
	dpkg -x "$d"/libreswan_*.deb $LIBRESWAN
	rm -rf "$d"
}

missing() { # PACKAGE...
	local package state
	for package; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || echo "$package"
	done
}

# Services that packages bring are not to start: the tests run their own copies.
policy=/usr/sbin/policy-rc.d
trap '[ -z "${made_policy:-}" ] || rm -f "$policy"' EXIT
install() { # PACKAGE...
	local log; log=$(mktemp)
	[ $# -gt 0 ] || return 0
	echo "installing: $*"
	if [ ! -e "$policy" ]; then
		made_policy=1
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get -o DPkg::Lock::Timeout=300 update -q &&
		apt-get -o DPkg::Lock::Timeout=300 install -yq --no-remove --no-install-recommends "$@"; } >"$log" 2>&1; then
		tail -n 20 "$log"
		echo "apt could not install: $*" >&2
		return 1
	fi
	rm -f "$log"
}

# shellcheck disable=SC2046
install $(missing "${PACKAGES[@]}")
# shellcheck disable=SC2046
[ "${1:-}" != test ] || install $(missing "${VM[@]}") || echo "tests/net/vm.sh will be skipped" >&2
unpack_libreswan "${1:-}"
