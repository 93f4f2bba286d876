#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files of user/ that call each other in a circle are one thing: they cannot be understood, tested or taken away
# apart. Reads the objects of a build: tools/circles.sh build/release. Each circle that is meant stands below,
# with the reason why it is one thing in several files.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
objects=$1

# NAME FILE...: files without user/ and .c, which may end in *
allowed() {
	cat <<-'EOF'
		# The IKE engine is one state machine: an exchange ends an SA, and an SA begins exchanges.
		ike ike/*
		# A peer decides what becomes of its sessions; a session says what came, and the peer acts by it.
		bgp-session bgp/peer bgp/session
		# One table: its entries, and the order of what peers were told of.
		bgp-rib bgp/rib bgp/rib_told
		# A connection is read, answered and ended by the one library, which runs again after each step.
		api-server proc/api/server*
	EOF
}

missing=0
files=$(git ls-files 'user/*.c' | sed 's/\.c$//')
for f in $files; do
	[ -e "$objects/$f.o" ] || { echo "circles: $objects/$f.o is not built" >&2; missing=1; }
done
[ $missing = 0 ] || exit 1

{
	allowed | sed '/^#/d; s/^/allow /'
	for f in $files; do
		nm -g "$objects/$f.o" | awk -v f="${f#user/}" 'NF == 2 { print "use", f, $2 } NF == 3 { print "def", f, $3 }'
	done
} | awk '
	function matches(file, pattern) {
		if (pattern ~ /\*$/)
			return index(file, substr(pattern, 1, length(pattern) - 1)) == 1
		return file == pattern
	}
	# Takes away whoever calls nobody, and whoever nobody calls, until nothing changes: what is left are circles,
	# and what lies between two of them.
	function strip(    changed, e, p, from, to) {
		do {
			delete from
			delete to
			for (e in left) {
				split(e, p, " ")
				from[p[1]] = to[p[2]] = 1
			}
			changed = 0
			for (e in left) {
				split(e, p, " ")
				if (!(p[2] in from) || !(p[1] in to)) {
					delete left[e]
					changed = 1
				}
			}
		} while (changed)
	}
	$1 == "allow" { for (i = 3; i <= NF; i++) pattern[++patterns] = $i; for (i = 3; i <= NF; i++) of[$i] = $2; next }
	$1 == "def" { home[$3] = $2; next }
	{ used[$2 " " $3] = 1 }
	END {
		for (u in used) {
			split(u, p, " ")
			if (!(p[2] in home) || home[p[2]] == p[1])
				continue
			name[p[1] " " home[p[2]]] = p[2]
		}
		for (e in name) {
			split(e, p, " ")
			a = p[1]; b = p[2]
			for (i = 1; i <= patterns; i++) {
				if (matches(p[1], pattern[i])) a = of[pattern[i]]
				if (matches(p[2], pattern[i])) b = of[pattern[i]]
			}
			if (a == b)
				inner[a, e] = 1
			else
				left[a " " b] = name[e]
		}
		strip()
		for (e in left) {
			split(e, p, " ")
			print "circles: " p[1] " calls " p[2] " (" left[e] ") which calls it in turn"
			status = 1
		}
		# An entry of the list that is no circle any longer is to be taken away.
		for (i = 1; i <= patterns; i++)
			groups[of[pattern[i]]] = 1
		for (g in groups) {
			delete left
			for (k in inner) {
				split(k, p, SUBSEP)
				if (p[1] == g)
					left[p[2]] = 1
			}
			strip()
			any = 0
			for (e in left)
				any = 1
			if (!any) {
				print "circles: " g " is none any longer: take it from the list"
				status = 1
			}
		}
		exit status
	}' >&2
