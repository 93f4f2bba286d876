# shellcheck shell=bash
# `ip netns exec` needs a root directory that is a mount of its own, which that of a plain chroot is
# not. own_root "$0" "$@" starts the script again on such a root, in mounts of its own, where needed.
own_root() {
	awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo && return
	local script; script=$(realpath "$1"); shift
	exec unshare -m --propagation unchanged sh -c \
		'd=/run/sluice-lab-root; mkdir -p $d && mount --rbind / $d && exec chroot $d "$@"' - "$script" "$@"
}

# own_names "$0" "$@" starts the script again with names of network namespaces of its own: whatever
# another run has at the same time or has left behind is not in its way.
own_names() {
	[ "$(id -u)" = 0 ] && [ -z "${OWN_NAMES:-}" ] || return 0
	local script; script=$(realpath "$1"); shift
	OWN_NAMES=1 exec unshare -m --propagation slave sh -c \
		'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"' - "$script" "$@"
}
