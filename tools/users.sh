#!/bin/bash
# Makes the users of sluiced's children and the group of its control socket, where they are missing,
# as systemd-sysusers does from packaging/sysusers.conf.
set -euo pipefail
getent group sluice >/dev/null || groupadd --system sluice
for user in sluice-ike sluice-bgp sluice-data sluice-api sluice-remote sluice-watch sluice-exec; do
	getent passwd "$user" >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin "$user"
done
