#!/bin/bash
# Formatting, who may include whom (docs/architecture.md, "Layers"), and calls in a circle, in the objects of a build.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
status=0
complain() { echo "lint: $*" >&2; status=1; }

mapfile -t sources < <(git ls-files '*.c' '*.h')
if command -v clang-format >/dev/null; then
	for f in "${sources[@]}"; do
		clang-format --style=file "$f" | cmp -s - "$f" || complain "$f: not formatted (clang-format -i $f)"
	done
else
	echo "lint: SKIP formatting, clang-format is not installed" >&2
fi

declare -A may=(
	[base]="base" [alarm]="base alarm" [crypto]="base crypto" [config]="base alarm config" [bgp]="base bgp"
	[ike]="base crypto ike" [esp]="base esp" [dataplane]="base esp dataplane sluice"
	[ipc]="base alarm crypto esp bgp ipc sluice"
	[proc]="" [proc/ike]="base crypto esp ike ipc proc proc/ike sluice" [proc/bgp]="base bgp ipc proc proc/bgp sluice"
	[proc/data]="base esp dataplane ipc proc proc/data sluice" [proc/api]="base crypto ipc proc proc/api" [proc/watch]="base alarm ipc proc proc/watch"
	[state]="base alarm crypto bgp config dataplane ike ipc state sluice" [view]="base alarm bgp config dataplane doctor ike ipc plan state view sluice"
	[plan]="base bgp config crypto dataplane ike ipc plan state sluice"
	[doctor]="base alarm bgp config crypto dataplane doctor ike ipc state sluice" [store]="base config store" [audit]="base crypto audit"
)
# Every part of the hub may know the hub's struct and the parts below it; hub.c and main.c know all.
below="base alarm crypto audit esp ike bgp config dataplane ipc state plan doctor store view sluice hub"
may[hub/event]="$below hub/event"
may[hub/secret]="${may[hub/event]} hub/secret"
may[hub/route]="${may[hub/event]} hub/route"
may[hub/site]="${may[hub/secret]} hub/route hub/site"
may[hub/host]="${may[hub/site]} hub/host"
may[hub/api]="${may[hub/site]} hub/api"
may[hub/child]="${may[hub/site]} hub/host hub/api hub/child"
may[hub]="${may[hub/child]} proc"
# The layer of a file is the innermost folder that has a line above.
layer_of() {
	layer=${1%/*}
	while [ "$layer" != "${layer%/*}" ] && [ -z "${may[$layer]+x}" ]; do layer=${layer%/*}; done
	return 0
}
for f in "${sources[@]}"; do
	case $f in user/*) layer_of "${f#user/}" && of=$layer ;; *) continue ;; esac
	while read -r header; do
		layer_of "$header"
		case " ${may[$of]} " in
		*" $layer "*) ;;
		*) case $header in *.skel.h) [ "$of" = dataplane ] || complain "$f: only dataplane includes skeletons" ;;
			*) complain "$f: layer $of must not include $header" ;; esac ;;
		esac
	done < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$f")
	grep -q '#include "proc/' "$f" && case $f in user/proc/* | user/hub/main.c) ;; *) complain "$f: only hub/main.c starts children" ;; esac
	case $of in crypto | esp) ;; *) grep -ql '#include <openssl/' "$f" && complain "$f: OpenSSL belongs to crypto and esp" ;; esac
done

tools/circles.sh "${1:-build/release}" || status=1
# A view that could write what it shows would, one day; so would a rule.
grep -nP '(?<!const )struct (model|site|site_tunnel) \*' user/view/*.[ch] user/doctor/*.[ch] && complain "views and the doctor get what is known as const"

for f in $(git ls-files '*.c' '*.h' '*.sh' Makefile); do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier\|^#' || complain "$f: no licence line"
done
while IFS=: read -r file line columns; do
	complain "$file:$line: $columns columns, 125 is the most"
done < <(for f in "${sources[@]}"; do
	expand "$f" | awk -v f="$f" 'length > 125 { print f ":" NR ":" length }'
done)
# A number of a list that is not in the tree says nothing to who reads it.
if git grep -nE '\b[A-Z]-[0-9]{2}\b|\bfeatures\.md' -- '*.c' '*.h' '*.sh' Makefile README.md 'docs/*' tests/mutations.txt ':!tools/lint.sh'; then
	complain "requirements are named by what they ask for, not by a number"
fi
for f in $(git ls-files '*.sh'); do bash -n "$f" || complain "$f: shell syntax"; done
if grep -rnE '\b(TODO|FIXME|XXX)\b' --include='*.[ch]' --include='*.sh' user bpf include tools tests | grep -v lint.sh; then
	complain "unfinished work is marked in the tree"
fi
# A reason that no test brings about may be wrong. NONE is none; CRYPTO is a failure of the library.
for reason in $(sed -n 's/^\t\(REASON_[A-Z0-9_]*\),.*/\1/p' user/ike/reason.h); do
	case $reason in REASON_NONE | REASON_CRYPTO) continue ;; esac
	grep -rqw "$reason" tests || complain "$reason: no test brings it about"
done
# An advice or a page that names a command which does not exist leads nowhere.
commands=$(sed -n 's/^\t\[API_[A-Z_]*\] = {"\([a-z -]*\)".*/\1/p' user/ipc/verbs.c; printf '%s\n' top explain version)
known=",secret set,secret show,${commands//$'\n'/,},ca,audit,audit show,audit verify,hub init,"
while IFS=: read -r file line named; do
	read -r first second _ <<<"${named:8:-1}"
	case $known in *",$first,"* | *",$first $second,"*) ;; *)
		complain "$file:$line: there is no command 'sluice $first${second:+ $second}'" ;;
	esac
done < <(git grep -noE '`sluice [a-z][a-z-]*( [a-z][a-z-]*)?[^`]*`' -- user tools docs README.md)
while read -r words; do
	grep -q "^\.It Cm $words\b" docs/sluice.1 || complain "docs/sluice.1 has no entry for 'sluice $words'"
done <<<"$commands"
# A counter that is written nowhere explains nothing.
for name in $(sed -n 's/.*FIELD(site_stats, \([a-z_]*\)).*/\1/p' user/state/stats_fields.c); do
	grep -q "{\"$name\"," tools/sluice/drops.c || complain "$name: sluice explain does not know this reason of a drop"
done
for name in $(sed -n 's/.*FIELD(\(outside\|inside\)_stats, \([a-z_]*\)).*/\2/p' user/state/stats_fields.c) \
	$(sed -n '/^struct worker_stats/,/^};/s/.*__u64 \([a-z_]*\);.*/\1/p' include/sluice/abi.h); do
	grep -q "\`$name\`" docs/maps.md || complain "$name: docs/maps.md does not tell what it counts"
done
# Who watches a metric wants to know what it is.
for name in $(git grep -hoE '"(# (HELP|TYPE) )?sluice_[a-z0-9_]+_[a-z0-9]+' -- 'user/*.c' | grep -oE 'sluice_[a-z0-9_]+' | sort -u); do
	grep -qw "$name" docs/sluiced.8 || complain "$name: docs/sluiced.8 does not tell what it is"
done
# Words of a sentence that are macros, too, and quotation marks that would close at the end of a line only.
for page in docs/*.[1-9]; do
	[ -e "$page" ] || continue
	while IFS= read -r line; do complain "$page:$line"; done < <(awk '
		/^\.(It|Sy|Em|Li|Cm|Op|Pq|Dq|Sq|Ql|Pa|Ar|Xr|Fl) (.* )?(Ad|An|At|Do|En|Es|In|It|Me|So|Up)( |$)/ { print NR ": a word of it is a macro: " $0 }
		/^\.(Pq |Po |Op )?(Dq|Sq) .* : No / { print NR ": the quotation ends behind the whole line: " $0 }' "$page")
	command -v mandoc >/dev/null || continue
	mandoc -Tlint -Wwarning "$page" >/dev/null || complain "$page: mandoc complains"
done
[ $status = 0 ] && echo "lint: ok, ${#sources[@]} C files"
exit $status
