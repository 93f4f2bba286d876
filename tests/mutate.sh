#!/bin/bash
# Changes one thing at a time in a copy of the tree (tests/mutations.txt) and looks whether a test of the layer notices.
# Usage: tests/mutate.sh [PATTERN]   of layer, file or expression
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
PATTERN=${1:-}
LIST=tests/mutations.txt TREE=$PWD/build/mutate
survived=0 killed=0 stale=0
declare -A of_layer killed_of seconds_of

# What is built there is kept for the next run: files keep their times, but those that the last run changed.
mkdir -p "$TREE"
find "$TREE" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$TREE" || exit 1
cd "$TREE" || exit 1
awk 'NF && !/^#/ { print $2 }' "$LIST" | sort -u | xargs touch
build() { make -j"$(nproc)" VARIANT=asan WARN=-w "$@" >build.log 2>&1; }

say() { printf '%-9s %-8s %-40s %s\n' "$@"; }
one() { # LAYER FILE TESTS EXPRESSION
	local programs=() name began=$SECONDS was_killed=$killed
	for name in ${3//,/ }; do programs+=("build/asan/tests/${name/\//\/test_}"); done
	cp -p "$2" original
	sed -i "$4" "$2"
	if cmp -s "$2" original; then
		stale=$((stale + 1)); say STALE "$1" "$2" "$4"
	elif ! build "${programs[@]}"; then
		stale=$((stale + 1)); say "NO BUILD" "$1" "$2" "$4"; tail -n 5 build.log
	else
		for name in "${programs[@]}"; do
			timeout 120 "$name" >test.log 2>&1 || { killed=$((killed + 1)); say killed "$1" "$2" "${name##*/}: $4"; name=; break; }
		done
		[ -z "$name" ] || { survived=$((survived + 1)); say SURVIVED "$1" "$2" "$4"; }
	fi
	cp -p original "$2"
	touch "$2"
	of_layer[$1]=$((${of_layer[$1]:-0} + 1))
	killed_of[$1]=$((${killed_of[$1]:-0} + killed - was_killed))
	seconds_of[$1]=$((${seconds_of[$1]:-0} + SECONDS - began))
}

# A test that fails without a mutation proves nothing with one.
mapfile -t tests < <(grep -v '^#' "$LIST" | grep -e "$PATTERN" | awk 'NF { print $3 }' | tr , '\n' | sort -u)
[ ${#tests[@]} -gt 0 ] || { echo "no mutation is like '$PATTERN'"; exit 1; }
for name in "${tests[@]}"; do
	program=build/asan/tests/${name/\//\/test_}
	build "$program" && timeout 120 "$program" >test.log 2>&1 || { echo "$name fails as it is"; tail -n 20 build.log test.log; exit 1; }
done
while read -r layer file names expression; do
	[ -z "$layer" ] || [[ $layer == \#* ]] || [[ "$layer $file $expression" != *$PATTERN* ]] || one "$layer" "$file" "$names" "$expression"
done <"$LIST"
printf '%-10s %10s %7s %8s\n' layer mutations killed seconds
for layer in "${!of_layer[@]}"; do
	printf '%-10s %10d %7d %8d\n' "$layer" "${of_layer[$layer]}" "${killed_of[$layer]}" "${seconds_of[$layer]}"
done | sort
echo "$killed killed, $survived survived, $stale no longer apply"
[ $((killed + survived + stale)) -gt 0 ] || exit 1
[ $survived = 0 ] && [ $stale = 0 ]
