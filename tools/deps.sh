#!/bin/bash
# Installs through apt what building, testing and demonstrating Sluice needs and is missing.
# "deps.sh build" is what it takes to build and run it, and no more: a hub must not have another IKE
# daemon, which the others bring along. "deps.sh interop" adds the peers of `make interop` and the kernel they run in, "deps.sh bench" those
# that are measured beside us, "deps.sh vmtest" what boots Debian's kernels for `make vmtest`. The names
# are those of Debian 12 and 13: libclang-rt-dev is there for whatever clang is.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(
	gcc make pkg-config clang llvm libclang-rt-dev bpftool libbpf-dev libxdp-dev linux-libc-dev
	libnl-3-dev libnl-route-3-dev libssl-dev libipsec-mb-dev libevent-dev libyaml-dev libsqlite3-dev
	libmicrohttpd-dev libgnutls28-dev libcurl4-openssl-dev libjansson-dev libsmartcols-dev libseccomp-dev libcap-dev
)
[ "${1:-}" = build ] || PACKAGES+=(
	libcmocka-dev iproute2 iputils-ping iperf3 nftables ethtool procps jq curl python3-scapy python3-cryptography python3-yaml
	python3-jsonschema prometheus
	charon-systemd strongswan-swanctl libcharon-extra-plugins libcharon-extauth-plugins
	libstrongswan-standard-plugins libstrongswan-extra-plugins bird2
)
[ "${1:-}" != coverage ] || PACKAGES+=(gcovr)
case ${1:-} in interop | bench) PACKAGES+=(frr gobgpd exabgp openbgpd) ;; esac
[ "${1:-}" != bench ] || PACKAGES+=(wireguard-go wireguard-tools openvpn openssl)

# Libreswan's package conflicts with strongSwan's: it is unpacked, and only its libraries installed.
LIBRESWAN=build/peers/libreswan
[ "${1:-}" != interop ] || PACKAGES+=(openiked user-mode-linux kmod openssl)

# What boots other kernels. `make test` goes on without it, and says what it leaves out. The dynamic
# busybox, which most machines have, does as well as the static one, and the two conflict.
VM=(qemu-system-x86 kmod cpio xz-utils)
command -v busybox >/dev/null || VM+=(busybox)
[ "${1:-}" != vmtest ] || PACKAGES+=("${VM[@]}" conntrack)

missing() { # PACKAGE...
	local package state
	for package; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || echo "$package"
	done
}

# What libreswan's programs need, as its package says here, without the tools that only its scripts call.
libreswan_needs() {
	apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances libreswan |
		sed -n 's/^ *Depends: \([a-z0-9.+-]*\)$/\1/p' | grep -vx iptables
}

unpack_libreswan() {
	[ ! -x $LIBRESWAN/usr/libexec/ipsec/pluto ] || return 0
	echo "unpacking: libreswan"
	local d; d=$(mktemp -d)
	(cd "$d" && apt-get -o APT::Sandbox::User=root download -q libreswan) >/dev/null
	mkdir -p $LIBRESWAN
	dpkg -x "$d"/libreswan_*.deb $LIBRESWAN
	rm -rf "$d"
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
case ${1:-} in interop | vmtest)
	# shellcheck disable=SC2046
	install $(missing $(libreswan_needs))
	unpack_libreswan
esac
