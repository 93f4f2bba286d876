#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The BPF programs load under this kernel's verifier and do what their unit tests say.
failures=''
for t in "$BIN"/tests/bpf/test_*; do
	case $t in *.[do]) continue ;; esac
	if out=$("$t" 2>&1); then
		echo "ok    $(basename "$t")"
	else
		echo "FAIL  $(basename "$t")"
		failures+=$out$'\n'
	fi
done
# Last, because the end of what a case prints is shown.
[ -z "$failures" ] || { grep -A 3 'ERROR\|FAILED\|refused' <<<"$failures"; exit 1; }
