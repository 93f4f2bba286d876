#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The BPF programs load under this kernel's verifier and do what their unit tests say.
for t in "$BIN"/tests/bpf/test_*; do
	case $t in *.[do]) continue ;; esac
	if "$t"; then echo "ok    $(basename "$t")"; else echo "FAIL  $(basename "$t")"; bad=1; fi
done
exit ${bad:-0}
