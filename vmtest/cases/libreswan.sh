#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A branch with libreswan and the kernel's ESP: IKEv2 and IKEv1, both tunnels of a site in one pluto,
# told apart by its ipsec interfaces; rekeys by both ends.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
PLUTO=$PWD/build/peers/libreswan/usr/libexec/ipsec
[ -x "$PLUTO/pluto" ] || { echo "SKIP: libreswan is not there: tools/deps.sh vmtest"; exit 77; }
in_the_lab

D=$LAB/pluto
whack() { in_ns b1 timeout 20 "$PLUTO/whack" --rundir "$D/run" --ctlsocket "$D/run/pluto.ctl" "$@"; }
# Since libreswan 5 whack calls a pair a child, and it has one connection with these selectors at a time, whatever
# its interface is, unless each of them says that they may overlap.
overlap=''; ! "$PLUTO/whack" --help 2>&1 | grep -q overlapip || overlap=--overlapip
child=ipsec; ! "$PLUTO/whack" --help 2>&1 | grep -q rekey-child || child=child

pluto_start() {
	local t; rm -rf "$D"; mkdir -p "$D"/{run,nss,ipsec.d/policies}
	printf 'config setup\n\tikev1-policy=accept\n\tnssdir=%s\n' "$D/nss" >"$D/ipsec.conf"
	for t in 0 1; do
		printf '@s1.t%d.sluice.test @%s : PSK "%s"\n' $t "$HUB_ID" "$(<"$LAB/psk/1.$t")"
		printf '%s %s : PSK "%s"\n' "$(outer 4 site 1 $t)" "$(outer 4 hub 1 $t)" "$(<"$LAB/psk/1.$t")"
	done >"$D/secrets"
	certutil -N -d sql:"$D/nss" --empty-password
	# pluto looks for its helper programs where its package would have put them
	mkdir -p /usr/libexec/ipsec && mount --bind "$PLUTO" /usr/libexec/ipsec
	in_ns_exec b1 "$PLUTO/pluto" --config "$D/ipsec.conf" --nofork --logfile "$D/log" --rundir "$D/run" \
		--secretsfile "$D/secrets" --ipsecdir "$D/ipsec.d" --nssdir "$D/nss" --no-dnssec --nhelpers 1 >"$D/out" 2>&1 </dev/null &
	remember $!
	until_true 20 test -S "$D/run/pluto.ctl" && until_true 20 whack --listen
}

connection_add() { # VERSION TUNNEL
	local t=$2 ike=aes_gcm128-sha2_256-dh19 esp=aes_gcm128-null-dh19 whole="" each="--authby psk" narrowing=--allow-narrowing
	[ "$1" = 2 ] || { ike=aes128-sha2_256-modp2048 esp=aes128-sha2_256-modp2048 whole=--psk each="" narrowing=""; }
	# shellcheck disable=SC2086
	whack --name t$t --ikev"$1" --id "@s1.t$t.sluice.test" --host "$(outer 4 site 1 $t)" --client 0.0.0.0/0 --updown /bin/true $each \
		--to --id "@$HUB_ID" --host "$(outer 4 hub 1 $t)" --client 0.0.0.0/0 --updown /bin/true $each \
		$overlap --ike $ike --esp $esp --encrypt --tunnel --pfs --no-esn $narrowing $whole --ikefrag-allow \
		--ipsec-interface $((t + 1)) --encaps="$ENCAP"
}

up() { # VERSION
	local t; branch_net 1
	mkdir -p "$LAB/b1" && pluto_start || return
	for t in 0 1; do
		connection_add "$1" $t && whack --initiate --name t$t --asynchronous || return
		# pluto makes the interface for the first SA pair
		until_true 20 in_b 1 link show ipsec$((t + 1)) && tunnel_addresses 1 $t ipsec$((t + 1)) || return
	done
	branch_bird 1
}
rekeys() { jq -r 'select(.reason_code == "CHILD_REKEYED" and .tunnel == 0).reason_code' "$LAB/log/activity.log" | wc -l; }
rekeyed() { [ "$(rekeys)" -gt "$1" ]; }
rekeyed_since() { # COUNT: by the hub's log; else what both ends say
	until_true 10 rekeyed "$1" && return
	jq -r 'select(.tunnel == 0) | "\(.reason_code) \(.details)"' "$LAB/log/activity.log" | tail -n 1; tail -n 2 "$D/log"
	return 1
}
both_ways() { until_true 30 reach b1-h 10.0.0.10 && until_true 30 reach host 10.1.0.10; }

for variant in "2 no" "1 yes"; do
	read -r version ENCAP <<<"$variant"
	name="IKEv$version, $([ "$ENCAP" = yes ] && echo UDP || echo 'protocol 50')"
	# pluto may need seconds to answer when it starts, and does not dial again
	HUB_DPD_TIMEOUT=60 hub_config 1 1 >"$LAB/sluice.yaml"
	must "$name: sluiced starts" hub_start
	must "$name: pluto starts" up "$version"
	case_ "$name: both tunnels and BGP sessions are up" until_true 90 all_up 2
	case_ "$name: the form of ESP" encap_is site-1 "$([ "$ENCAP" = yes ] && echo udp || echo esp)"
	case_ "$name: both ways" both_ways
	case_ "$name: TCP to the hub" tcp_between b1-h
	before=$(rekeys)
	must "$name: the hub is asked to rekey" sluice rekey site-1 0
	case_ "$name: rekey by the hub" rekeyed_since "$before"
	case_ "$name: both ways after it" both_ways
	if [ "$version" = 2 ]; then
		before=$(rekeys)
		whack --rekey-$child --name t0 --asynchronous >/dev/null 2>&1
		case_ "$name: rekey by libreswan" rekeyed_since "$before"
		case_ "$name: both ways after it" both_ways
	fi
	lab_again
done
cases_end
