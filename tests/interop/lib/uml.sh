# SPDX-License-Identifier: Apache-2.0
# An IKE peer that needs the kernel's ESP, where the running kernel has none: the script that sources
# this starts itself again as the first process of a User Mode Linux, whose root is this machine's
# files, read only. Inside are two namespaces, A with the engine (ike_peer) and B with the peer.
# The script defines cells, which runs inside, and afterwards calls interop_main.
UML=${UML:-/usr/bin/linux.uml}
OURS=192.0.2.1 THEIRS=192.0.2.2 A=ours B=theirs
ok=0 bad=0 cannot=0 peer="" IDLE='^state DOWN'

skip() { echo "SKIP: $*"; exit 77; }

until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

cell() { # NAME SECONDS COMMAND...: ok as soon as the command is
	local name=$1 seconds=$2; shift 2
	if until_true "$seconds" "$@"; then
		ok=$((ok + 1)); echo "ok      $name"
		return
	fi
	bad=$((bad + 1)); echo "FAIL    $name"
	tail -n 8 "$W/peer.log" | sed 's/^/      ours: /'
	tail -n 8 "$W/their.log" | sed 's/^/      theirs: /'
	return 1
}

cannot() { cannot=$((cannot + 1)); echo "cannot  $1: $2"; }

# The engine's side.
ours() { grep -- "$1" "$W/peer.log"; }
ours_times() { [ "$(grep -c -- "$1" "$W/peer.log")" -ge "$2" ]; }
theirs() { tail -n "+$mark" "$W/their.log" | grep -- "$1"; }
order() { echo "$1" >&7; }
start_peer() { # ARGUMENTS of ike_peer
	mark=$(($(wc -l <"$W/their.log") + 1))
	rm -f "$W/in"; mkfifo "$W/in"
	ip netns exec $A "$BIN/tests/net/ike_peer" local=$OURS remote=$THEIRS id=hub.test peer=site.test \
		encap=force echo=1 "$@" <"$W/in" >"$W/peer.log" 2>&1 &
	peer=$!
	exec 7>"$W/in"
	until_true 5 ours "$IDLE"
}
stop_peer() {
	exec 7>&-
	wait "$peer" || { bad=$((bad + 1)); echo "FAIL    $1: ike_peer ended with an error"; }
	peer=""
}
# Through the peer's kernel and back: both ends have the same keys.
traffic() { ip netns exec $B ping -q -c 2 -i 0.1 -W 1 -I 10.9.0.2 10.9.0.1 | grep ' 0% packet loss'; }
# The pair we use is one that the peer's kernel has.
same_pair() {
	local line in out states
	line=$(grep '^use ' "$W/peer.log" | tail -n 1)
	in=${line#*in=}; in=${in%% *}; out=${line#*out=}
	states=$(ip -n $B xfrm state) && [ -n "$out" ] && grep "spi 0x$in" <<<"$states" && grep "spi 0x$out" <<<"$states"
}
no_states() { local states; states=$(ip -n $B xfrm state) && ! grep 'proto esp' <<<"$states"; }
link_down() { ip -n $B link set v down; }
link_up() { ip -n $B link set v up; ip -n $B route replace 10.9.0.0/24 dev v via $OURS; }

uml_boot() { # we are process 1
	local m v i=0
	v=$(uname -r)
	mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
	W=/run/interop
	mkdir -p /run/netns /run/m/lib/modules/"$v" $W
	mount --bind "/usr/lib/uml/modules/$v" /run/m/lib/modules/"$v"
	# What the kernel asks for later (ciphers, the random numbers of IVs) it finds in the same place.
	printf '#!/bin/sh\nexec modprobe -d /run/m "$@"\n' >/run/modprobe
	chmod +x /run/modprobe
	echo /run/modprobe >/proc/sys/kernel/modprobe
	for m in esp4 xfrm_user af_key veth drbg; do
		modprobe -d /run/m $m || { echo "no module $m"; return 1; }
	done
	for m in sha1 sha256 sha512; do
		ip xfrm state add src 192.0.2.9 dst 192.0.2.9 proto esp spi 0x100$((i += 1)) mode tunnel \
			enc 'cbc(aes)' 0x000102030405060708090a0b0c0d0e0f auth "hmac($m)" 0x0001020304050607 || return 1
	done
	ip xfrm state add src 192.0.2.9 dst 192.0.2.9 proto esp spi 0x1009 mode tunnel \
		aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 || return 1
	ip xfrm state flush
	# PF_KEY asks for every algorithm there is, one process each: no more modules from here on.
	echo >/proc/sys/kernel/modprobe
	ip netns add $A && ip netns add $B || return 1
	ip -n $A link set lo up; ip -n $B link set lo up
	ip -n $A link add v type veth peer name v netns $B
	ip -n $A addr add $OURS/24 dev v; ip -n $B addr add $THEIRS/24 dev v
	ip -n $B addr add 10.9.0.2/32 dev lo
	ip -n $A link set v up; link_up
	: >$W/their.log; : >$W/peer.log
}

make_pki() { # an authority of our own, a certificate for each end
	local ca=("$BIN/sluice" ca)
	"${ca[@]}" init --dir $W/ca >/dev/null && "${ca[@]}" issue hub --identity hub.test --key "$1" --dir $W/ca >/dev/null &&
		"${ca[@]}" issue site --identity site.test --key "$1" --dir $W/ca >/dev/null || return 1
	with_cert=("own=$W/ca/root/issued/hub.pem" "key=$W/ca/root/issued/hub.key" "ca=$W/ca/root/ca.pem")
}

interop_main() { # SCRIPT
	if [ $$ = 1 ]; then
		trap '' INT TERM
		if uml_boot; then cells; else bad=1; fi
		echo "$ok cells passed, $bad failed, $cannot cannot run"
		[ $bad = 0 ] && [ $ok -gt 0 ] && echo "status 0" || echo "status 1"
		sync
		echo o >/proc/sysrq-trigger
		sleep 10
	fi
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x "$UML" ] || skip "user-mode-linux is not installed: tools/deps.sh interop"
	local out; out=$(mktemp)
	timeout 280 "$UML" mem=512M root=/dev/root rootfstype=hostfs rootflags=/ ro init="$1" con=null con0=null,fd:1 \
		quiet loglevel=4 BIN="$BIN" PATH=/usr/sbin:/usr/bin:/sbin:/bin </dev/null 2>/dev/null |
		stdbuf -oL tr -d '\r' | tee "$out" | grep --line-buffered -E '^(ok|FAIL|cannot|SKIP| +(ours|theirs):|no module|[0-9]+ cells)'
	local status; status=$(sed -n 's/^status //p' "$out")
	if grep -q 'set fp regs failed' "$out"; then
		rm -f "$out"
		skip "this User Mode Linux has no room for the registers of this machine's CPU (ptrace set fp regs failed)"
	fi
	[ -n "$status" ] || { echo "FAIL    the User Mode Linux did not finish"; tail -n 20 "$out"; }
	rm -f "$out"
	exit "${status:-1}"
}
