# SPDX-License-Identifier: Apache-2.0
# bash completion of sluice(1), which says itself what may follow.
_sluice() {
	local words
	words=$(sluice --complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _sluice sluice
