# shellcheck shell=bash
# Medians, sourced by tests/bench/*.sh: reads numbers, prints "median (lowest to highest)" in the format given
spread() { sort -g | awk -v f="${1:-%.2f}" '{ v[NR] = $1 } END { if (!NR) { print "-"; exit } m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf f " (" f " to " f ")\n", m, v[1], v[NR] }'; }
median() { sort -g | awk '{ v[NR] = $1 } END { if (!NR) exit; print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
