#!/bin/bash
# Installs what was built. Usage: tools/install.sh BUILD_DIRECTORY [DESTDIR]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 to=${2:-}
install -D -m 0755 "$build/sluiced" "$to/usr/sbin/sluiced"
install -D -m 0755 "$build/sluice" "$to/usr/bin/sluice"
install -D -m 0644 packaging/sluiced.service "$to/lib/systemd/system/sluiced.service"
install -D -m 0644 packaging/sluice-renew@.service "$to/lib/systemd/system/sluice-renew@.service"
install -D -m 0644 packaging/sluice-renew@.timer "$to/lib/systemd/system/sluice-renew@.timer"
install -D -m 0644 packaging/sysusers.conf "$to/usr/lib/sysusers.d/sluice.conf"
install -D -m 0644 packaging/sluice.bash "$to/usr/share/bash-completion/completions/sluice"
install -D -m 0644 -t "$to/usr/share/doc/sluice/examples" tools/examples/*.yaml
install -D -m 0644 docs/openapi.yaml "$to/usr/share/doc/sluice/openapi.yaml"
install -d -m 0700 "$to/etc/sluice/psk"
install -d -m 0755 "$to/etc/sluice/sites"
for page in docs/*.[158]; do
	install -D -m 0644 "$page" "$to/usr/share/man/man${page##*.}/$(basename "$page")"
done
[ -n "$to" ] || tools/users.sh
[ -e "$to/etc/sluice/sluice.yaml" ] || echo 'Next: `sluice hub init`, which makes the first files; then: systemctl enable --now sluiced'
