#!/usr/bin/env bash
# Measures the published program beside the usual one, for the tables of docs/publish.md:
#
#   publish.sh [ROUNDS [PROGRAM]]
#
# after ./build.sh build and ./build.sh publish; PROGRAM is another published one, as for other processors. How long each takes
# to start, and a training step of each architecture on one thread: as the two programs come, and both with vectors of 256 bits,
# which tells the compilers apart from the vectors. The two take turns, ROUNDS (5) times; a step is what 200 further steps add to
# a run of 100, so neither start nor the JIT's work is in it. Processor time, as wall time says nothing on a machine that does
# other work too; a quiet one gives steadier figures.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
usual=$repository/artifacts/bin/Sequor.Tool/release/sequor
rounds=${1:-5}
published=${2:-$repository/artifacts/publish/sequor}
starts=41
few=100 many=300
[[ $rounds =~ ^[1-9][0-9]*$ && $# -le 2 ]] || { echo "usage: $0 [ROUNDS [PROGRAM]]" >&2; exit 2; }
[ -x "$usual" ] || { echo 'publish.sh: ./build.sh build comes first' >&2; exit 2; }
[ -x "$published" ] || { echo "publish.sh: there is no $published; ./build.sh publish comes first" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints the milliseconds of a run: wall time, and processor time of user and system.
timed() {
    local TIMEFORMAT='%3R %3U %3S'
    { time "$@" >"$work/output" 2>&1 </dev/null; } 2>"$work/time" || { cat "$work/output" >&2; exit 1; }
    awk '{ printf "%.0f %.0f\n", 1000 * $1, 1000 * ($2 + $3) }' "$work/time"
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

compare_starts() {
    local what=$1 i clock=0 name
    shift
    rm -f "$work"/start.*
    for ((i = 0; i < starts; i++)); do
        timed "$usual" "$@" >>"$work/start.usual"
        timed "$published" "$@" >>"$work/start.published"
    done
    for name in wall processor; do
        clock=$((clock + 1))
        printf '| %s, %s time | %s ms | %s ms |\n' "$what" "$name" \
            "$(cut -d ' ' -f $clock "$work/start.usual" | median)" \
            "$(cut -d ' ' -f $clock "$work/start.published" | median)"
    done
}

# The processor time of a step, ms.
step() {
    local program=$1 first second
    shift
    first=$(timed "$program" train "$@" --steps "$few")
    second=$(timed "$program" train "$@" --steps "$many")
    awk -v a="${first#* }" -v b="${second#* }" -v n=$((many - few)) 'BEGIN { printf "%.3f\n", (b - a) / n }'
}

compare_steps() {
    local arch i options=(--length 200 --batch 16 --threads 1 "$@")
    printf '| step | JIT | NativeAOT | ratio of each round | median |\n|---|---|---|---|---|\n'
    for arch in rnn lstm gru tcn lru; do
        rm -f "$work"/step.*
        for ((i = 0; i < rounds; i++)); do
            step "$usual" --arch "$arch" "${options[@]}" >>"$work/step.usual"
            step "$published" --arch "$arch" "${options[@]}" >>"$work/step.published"
        done
        paste "$work/step.published" "$work/step.usual" | awk '{ printf "%.3f\n", $1 / $2 }' >"$work/step.ratios"
        printf '| %s | %s ms | %s ms | %s | %s |\n' "$arch" "$(median <"$work/step.usual")" \
            "$(median <"$work/step.published")" "$(paste -s -d ' ' "$work/step.ratios")" "$(median <"$work/step.ratios")"
    done
}

uptime
"$published" doctor | sed -n 1,6p
printf '\n| medians of %s runs each, in turn | JIT | NativeAOT |\n|---|---|---|\n' "$starts"
compare_starts '`--version`' --version
compare_starts '`list`' list
compare_starts 'one training step of a small LSTM' train --arch lstm --length 10 --batch 2 --hidden 8 --steps 1
printf '| size | | %s bytes |\n' "$(wc -c <"$published")"
printf '\nA training step, T=200, B=16, 70000 parameters, one thread; each with its own vectors:\n\n'
compare_steps
printf '\nBoth with vectors of 256 bits:\n\n'
compare_steps --vector-bits 256
uptime
