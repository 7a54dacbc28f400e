#!/usr/bin/env bash
# Measures how well bench --paired judges, with real runs. Two commands, each after ./build.sh build:
#
#   paired.sh record NAME [--busy] [bench options]
#       The program against itself for nine minutes; the turns go to Benchmarks/Results/paired-NAME.json, from which
#       PairedSimulationTests (./build.sh test --all) draws its runs. With --busy a loop has one core half of the time. Names
#       that begin with quiet and busy are held to what docs/gates.md promises, those with loaded in them to false alarms alone.
#
#   paired.sh live RUNS FACTOR [--busy] [bench options]
#       RUNS runs of bench --paired of a build of HEAD whose step takes FACTOR times as long (1.1; 1 for no change), against
#       this build, and how many of them said slower. The build is of a copy that has the change in its sources; of 1 the sources
#       are the same. Each run tells verdict, ratio and the load average as it began. SEQUOR_KEEP names a folder that keeps the
#       JSON of each run.
#
# Without bench options it is the GRU at T=100, B=8 on one thread.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
sequor=$repository/artifacts/bin/Sequor.Tool/release/sequor
[ -x "$sequor" ] || { echo "paired.sh: ./build.sh build comes first" >&2; exit 2; }
work=$(mktemp -d)
load=
trap 'rm -rf "$work"; [ -z "$load" ] || kill "$load" 2>/dev/null || true' EXIT

# A tenth of a second at work and a tenth asleep.
half_busy() {
    local end
    while :; do
        end=$((${EPOCHREALTIME/[.,]/} + 100000))
        while ((${EPOCHREALTIME/[.,]/} < end)); do :; done
        sleep 0.1
    done
}

measured() {
    if [ "${1:-}" = --busy ]; then
        shift
        # What it says as it is ended in the middle of a line is of no interest.
        half_busy 2>/dev/null &
        load=$!
        ! type -P taskset >/dev/null || taskset -cp 0 "$load" >/dev/null
    fi
    options=("$@")
    [ $# -gt 0 ] || options=(--arch gru --length 100 --batch 8 --threads 1)
}

# HEAD with a step that takes longer by a loop behind it: so much of the processor time that the step had, since that is the same
# whatever else the machine does.
slower() {
    local factor=$1 step=$work/copy/Benchmarks/Workloads/Measurement/TrainingStep.cs
    local used=Environment.CpuUsage.TotalTime.TotalMilliseconds
    mkdir "$work/copy"
    git -C "$repository" archive HEAD | tar -x -C "$work/copy"
    [ "$factor" = 1 ] || sed -i -e "s/^        _marks\\[0\\]\\.Record();\$/        double begin = $used;\n&/" \
        -e "s/^        _marks\\[3\\]\\.Record();\$/        double end = $used;\n        end += (end - begin) * ($factor - 1) \/ Backend.Info.Threads;\n        while ($used < end) { }\n&/" \
        "$step"
    [ "$factor" = 1 ] || [ "$(grep -c "$used" "$step")" = 3 ] || { echo "paired.sh: $step is not as it was" >&2; exit 1; }
    (cd "$work/copy" && dotnet build Benchmarks/Tool/Sequor.Tool.csproj -c Release -v quiet -tl:off \
        -p:RunAnalyzers=false >&2)
}

case ${1:-} in
    record)
        [ $# -ge 2 ] || { echo "usage: $0 record NAME [--busy] [bench options]" >&2; exit 2; }
        name=$2
        shift 2
        measured "$@"
        "$sequor" bench "${options[@]}" --paired "$sequor" --minutes 9 \
            --json "$work/turns.json"
        # Where it lay on this machine is nothing to keep.
        sed 's#"base":"[^"]*"#"base":"sequor"#' "$work/turns.json" >"$repository/Benchmarks/Results/paired-$name.json"
        ;;
    live)
        [ $# -ge 3 ] || { echo "usage: $0 live RUNS FACTOR [--busy] [bench options]" >&2; exit 2; }
        runs=$2 factor=$3
        shift 3
        slower "$factor"
        measured "$@"
        for ((i = 1; i <= runs; i++)); do
            code=0
            read -r one five fifteen _ </proc/loadavg || one=unknown
            "$work/copy/artifacts/bin/Sequor.Tool/release/sequor" bench "${options[@]}" --paired "$sequor" \
                --json "$work/run.json" >"$work/run.txt" 2>&1 || code=$?
            [ "$code" -le 1 ] || { cat "$work/run.txt" >&2; exit "$code"; }
            [ -z "${SEQUOR_KEEP:-}" ] || cp "$work/run.json" "$SEQUOR_KEEP/paired-x$factor-$i.json"
            sed -n "s/^{\"schema\":\"[^\"]*\",\"verdict\":\"\([a-z]*\)\".*\"geometric_mean\":\([0-9.]*\),.*\$/\1 \2 load $one/p" \
                "$work/run.json" | tee -a "$work/verdicts"
        done
        echo "x $factor: $(sort "$work/verdicts" | cut -d ' ' -f 1 | uniq -c | tr -s ' \n' ' ')of $runs"
        ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
