# shellcheck shell=bash
# `ip netns exec` needs a root directory that is a mount of its own, which that of a plain chroot is
# not. own_root "$0" "$@" starts the script again on such a root, in mounts of its own, where needed.
own_root() {
	awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo && return
	local script; script=$(realpath "$1"); shift
	exec unshare -m --propagation unchanged sh -c \
		'd=/run/sluice-lab-root; mkdir -p $d && mount --rbind / $d && exec chroot $d "$@"' - "$script" "$@"
}
