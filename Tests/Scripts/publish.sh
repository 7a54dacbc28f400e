#!/usr/bin/env bash
# Measures the published program beside the usual one, for the tables of docs/publish.md:
#
#   publish.sh [MINUTES]
#
# after ./build.sh build and ./build.sh publish. How long each takes to start, the two in turn, and then the training step of
# each architecture by bench --paired, MINUTES (4) each: as the two programs come, and both with vectors of 256 bits, which
# tells the compilers apart from the vectors. Processor time, so that it holds on a machine that does other work too; a quiet
# one gives narrower bounds.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
usual=$repository/artifacts/bin/Sequor.Tool/release/sequor
published=$repository/artifacts/publish/sequor
minutes=${1:-4}
runs=41
[[ $minutes =~ ^[0-9]+$ ]] || { echo "usage: $0 [MINUTES]" >&2; exit 2; }
[ -x "$usual" ] || { echo 'publish.sh: ./build.sh build comes first' >&2; exit 2; }
[ -x "$published" ] || { echo 'publish.sh: ./build.sh publish comes first' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Appends the milliseconds of a run to files: wall time, and processor time of user and system.
timed() {
    local name=$1
    shift
    local TIMEFORMAT='%3R %3U %3S'
    { time "$@" >/dev/null 2>&1 </dev/null; } 2>"$work/time"
    awk '{ printf "%.0f\n", 1000 * $1 }' "$work/time" >>"$work/$name.wall"
    awk '{ printf "%.0f\n", 1000 * ($2 + $3) }' "$work/time" >>"$work/$name.processor"
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

compare_starts() {
    local what=$1 i clock
    shift
    rm -f "$work"/*.wall "$work"/*.processor
    for ((i = 0; i < runs; i++)); do
        timed usual "$usual" "$@"
        timed published "$published" "$@"
    done
    for clock in wall processor; do
        printf '| %s, %s time | %s ms | %s ms |\n' "$what" "$clock" "$(median "$work/usual.$clock")" \
            "$(median "$work/published.$clock")"
    done
}

compare_steps() {
    local code=0
    "$published" bench --paired "$usual" --force --minutes "$minutes" "$@" >"$work/paired" 2>&1 || code=$?
    # 1 says that a time is slower, which is no failure here.
    [ "$code" -le 1 ] || { cat "$work/paired" >&2; exit "$code"; }
    grep ': step_ms ' "$work/paired"
    tail -n 1 "$work/paired"
}

uptime
"$published" doctor | sed -n 2,6p
printf '\n| medians of %s runs each, in turn | JIT | NativeAOT |\n|---|---|---|\n' "$runs"
compare_starts '`--version`' --version
compare_starts '`list`' list
compare_starts 'one training step of a small LSTM' train --arch lstm --length 10 --batch 2 --hidden 8 --steps 1
printf '| size | | %s bytes |\n' "$(wc -c <"$published")"
printf '\nTraining step, NativeAOT to JIT, each with its own vectors:\n'
compare_steps
printf '\nBoth with vectors of 256 bits:\n'
compare_steps --vector-bits 256
uptime
