#!/bin/bash
# Keys that the daemon keeps sealed, and keys that a program tells, with a real device: it comes up when they are there,
# stays up while they are rotated, and the overlap ends when it has shown the new one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
P=slsc LAB=$(mktemp -d /tmp/slsc.XXXXXX) BIN=${BIN:-$PWD/build/asan}
. tests/net/lab.sh
. tests/net/cases.sh
cases_start

lab_hub_net
hub_config 1 1 | sed "s|file:$LAB/psk/1.0|secret:lab|; s|file:$LAB/psk/1.1|exec:/var/lib/sluice/programs/tell site-1 1|" >"$LAB/sluice.yaml"
# Nobody but root may write above a program.
in_hub chmod 755 /run
in_hub install -d -m 755 /var/lib/sluice /var/lib/sluice/programs
printf '#!/bin/sh\n[ "$*" = "site-1 1" ] && [ "$(id -un)" = sluice-exec ] && echo %s\n' "$(<"$LAB/psk/1.1")" >"$LAB/tell"
in_hub install -m 755 "$LAB/tell" /var/lib/sluice/programs/tell
must "sluiced starts" hub_start
waits() { [ "$(json_of show tunnels '[.tunnels[] | select(.reason == "NO_SECRET") | .tunnel] | join(" ")')" = "$1" ]; }
case_ "one tunnel has been told its key, the other waits" until_true 20 waits 0
set_key() { sluice secret set lab <"$LAB/psk/1.0" && until_true 20 waits ""; }
case_ "until it is set" set_key
branch_up 1
case_ "both tunnels and BGP sessions are up" until_true 60 all_up 2
hidden() { ! grep -qF -e "$(<"$LAB/psk/1.0")" -e "$(<"$LAB/psk/1.1")" "$LAB/sluiced.log" "$LAB"/log/* && ! in_hub grep -rqF "$(<"$LAB/psk/1.0")" /var/lib/sluice; }
case_ "neither stands in a log or on the disk" hidden

spi() { json_of show sa '[.sas[] | select(.tunnel == 0 and .in_use)][0].spi_in'; }
before=$(spi)
rotate() { sluice secret rotate lab && sluice plan | grep 'secret lab is another one then' && sluice apply; }
case_ "it is rotated" rotate
listed() { sluice secret list; sluice secret list | grep -E "$1"; }
case_ "its device has the old one" until_true 10 listed '^lab.previous .*site-1 0 \(old\)'
same() { sleep 5; [ "$(spi)" = "$before" ] && all_up 2; }
case_ "and stays up with it" same

full() { ! sluice secret show lab --reveal >/dev/full 2>"$LAB/full" && grep -q 'No space left' "$LAB/full"; }
case_ "what a full disk does not take is said" full
sluice secret show lab --reveal | tr -d '\n' >"$LAB/psk/1.0"
swap() { # the device gets the new one, and is set up anew
	local d=$LAB/b1/0
	sed -i "s|secret = \".*\"|secret = \"$(<"$LAB/psk/1.0")\"|" "$d/swanctl/swanctl.conf"
	swan "$d" --load-creds --clear --noprompt --file "$d/swanctl/swanctl.conf" && swan "$d" --terminate --ike hub &&
		swan "$d" --initiate --child t --timeout 15
}
case_ "the device gets the new one" swap
case_ "it is up with that" until_true 60 listed '^lab.previous .*site-1 0 \(new\)'
case_ "the overlap is not over at once" listed '^lab.previous '
in_hub touch -d '2 hours ago' /var/lib/sluice/secrets/lab.previous
over() { ! listed '^lab.previous'; }
case_ "it is over by itself, later" until_true 90 over
case_ "and the tunnels stay" until_true 30 all_up 2
noted() { sluice audit show | grep 'secret-overlap-ends.*lab.previous'; }
case_ "the audit log has it" noted
again() { hub_stop; START_WITH= hub_start; }
must "the daemon starts again" again
case_ "both tunnels are up again, by keys sealed and told" until_true 60 all_up 2
case_ "the daemon stops" hub_stop
cases_end
