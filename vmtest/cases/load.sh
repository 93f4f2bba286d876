#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The BPF programs load under this kernel's verifier and do what their unit tests say.
for t in "$BIN"/tests/bpf/test_inside "$BIN"/tests/bpf/test_outside "$BIN"/tests/bpf/test_police "$BIN"/tests/bpf/test_guard "$BIN"/tests/bpf/test_kernel_esp; do
	if "$t"; then echo "ok    $(basename "$t")"; else echo "FAIL  $(basename "$t")"; bad=1; fi
done
exit ${bad:-0}
