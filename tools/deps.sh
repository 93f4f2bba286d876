#!/bin/bash
# Installs through apt what building, testing and demonstrating Sluice needs and is missing.
set -euo pipefail

PACKAGES=(
	gcc make pkg-config clang llvm libclang-rt-14-dev bpftool libbpf-dev libxdp-dev linux-libc-dev
	libnl-3-dev libnl-route-3-dev libssl-dev libipsec-mb-dev libevent-dev libyaml-dev
	libjansson-dev libsmartcols-dev libseccomp-dev libcap-dev libcmocka-dev
	iproute2 iputils-ping iperf3 nftables ethtool procps jq curl
	charon-systemd strongswan-swanctl libcharon-extra-plugins libcharon-extauth-plugins
	libstrongswan-standard-plugins libstrongswan-extra-plugins bird2
	frr gobgpd exabgp openbgpd
)

missing=()
for package in "${PACKAGES[@]}"; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}"
# Services that packages bring are not to start: the tests run their own copies.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt_log=$(mktemp)
if ! { apt-get -o DPkg::Lock::Timeout=300 update -q &&
	apt-get -o DPkg::Lock::Timeout=300 install -yq --no-install-recommends "${missing[@]}"; } >"$apt_log" 2>&1; then
	tail -n 20 "$apt_log"
	echo "apt could not install: ${missing[*]}" >&2
	exit 1
fi
rm -f "$apt_log"
