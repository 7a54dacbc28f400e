#!/bin/sh
# Runs the programs of this bundle with the .NET runtime that is in it. Needs nothing but a C++ runtime library and a
# shell; the environment may be empty.
set -eu

path=$0
while [ -L "$path" ]; do
    target=$(readlink "$path")
    case $target in
        /*) path=$target ;;
        *) path=$(dirname "$path")/$target ;;
    esac
done
here=$(cd "$(dirname "$path")" && pwd -P)

# Python is looked for on PATH, and its packages may have cuDNN and cuBLAS.
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH
# Some variables of an installed .NET would come before this runtime.
unset DOTNET_ROOT_X64 DOTNET_ROOT_ARM64 DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS \
    DOTNET_SHARED_STORE DOTNET_ROLL_FORWARD DOTNET_ROLL_FORWARD_TO_PRERELEASE
export DOTNET_ROOT="$here/dotnet"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 TESTINGPLATFORM_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

sequor=$here/bin/Sequor.Tool/build/sequor
native=$here/native/sequor
suites=$here/bin/Sequor.Suites/build/Sequor.Suites
replay=$here/bin/Sequor.Replay/build/Sequor.Replay
contact=$here/bin/Sequor.FirstContact/build/Sequor.FirstContact

# Where standard error is closed the exit code still says what it is.
say() {
    echo "$1" >&2 || :
}

usage() {
    cat <<'END'
Usage: ./start.sh VERB [ARGUMENTS]

  smoke             tells what the machine has, and tries each program; a minute
  measure FOLDER    for a machine with a GPU: runs the tests of the GPU, bench,
                    profile and train of each architecture on it, and leaves what
                    came out in the folder, as JSON, pages, traces and logs
  first-contact FOLDER
                    for a machine with a GPU: tries there whatever was only tried on a
                    virtual one, in some minutes; a page of text and a JSON are left in
                    the folder
  replay [FILE] ... launches recorded kernels on the GPU, and compares what they
                    leave with what was recorded
  test [--all] ...  runs the tests, the long ones too with --all; further
                    arguments go to the test programs, which run one after another
  suites ...        runs the BenchmarkDotNet suites; arguments go to BenchmarkDotNet
  sequor ...        runs the sequor command
  help              prints this text

Every other verb, such as bench, profile, train, reproduce, doctor or --version,
goes with its arguments to the sequor command; ./start.sh --help lists what that
can do.

The command is here twice: for .NET, whose compiler works while it runs (jit), and,
where it could be made, as machine code (aot). What computes runs by .NET, as its steps
are faster; --version, list, compare, history and page run as machine code, which starts
at once. SEQUOR_COMPILER=jit or SEQUOR_COMPILER=aot chooses for all of them; smoke and
measure compute by .NET whatever it says.
END
}

# Whether the command of machine code is there, and this processor and this C library can run it.
native_runs() {
    [ -x "$native" ] || return 1
    # Without AVX2 it would abort, which may leave a core file.
    if [ "$(uname -m)" = x86_64 ]; then
        case " $(sed -n '/^flags/{p;q;}' /proc/cpuinfo 2>/dev/null) " in
            *' avx2 '*) ;;
            *) return 1 ;;
        esac
    fi
    "$native" --version >/dev/null 2>&1
}

require_compiler() {
    case ${SEQUOR_COMPILER:-} in
        jit | aot | '') ;;
        *)
            say "SEQUOR_COMPILER is '$SEQUOR_COMPILER'; allowed: jit, aot."
            exit 2
            ;;
    esac
}

# Which of the two is for these arguments. What measures or tells of the machine is the one that computes here.
run_sequor() {
    require_compiler
    case ${SEQUOR_COMPILER:-} in
        jit) ;;
        aot)
            if ! native_runs; then
                say "SEQUOR_COMPILER is aot, and the command of machine code is not in this bundle or does not run here."
                exit 1
            fi
            exec "$native" "$@"
            ;;
        '')
            case ${1:-} in
                --version | list | compare | history | page) ! native_runs || exec "$native" "$@" ;;
            esac
            ;;
    esac
    exec "$sequor" "$@"
}

run_tests() {
    all='' filter='' policy=strict left=$#
    # Goes once around the arguments, and puts those to hand on behind.
    while [ "$left" -gt 0 ]; do
        argument=$1
        shift
        left=$((left - 1))
        case $argument in
            --all) all=1 ;;
            --filter=* | --filter:*) filter=${argument#--filter?} ;;
            --filter)
                if [ "$left" -eq 0 ]; then
                    say 'test: --filter needs an expression.'
                    exit 2
                fi
                filter=$1
                shift
                left=$((left - 1))
                ;;
            -zero-tests-policy* | --zero-tests-policy*)
                policy=''
                set -- "$@" "$argument"
                ;;
            *) set -- "$@" "$argument" ;;
        esac
    done
    # The platform takes no more than one filter.
    [ -n "$all" ] || filter="${filter:+($filter)&}TestCategory!=Long"
    [ -z "$filter" ] || set -- "$@" --filter "$filter"
    # A program in which every test was skipped has shown nothing.
    [ -z "$policy" ] || set -- "$@" --zero-tests-policy "$policy"
    worst=0 ran=''
    for program in Sequor.Tests Sequor.Cuda.Tests Sequor.VirtualGpu.Tests; do
        code=0
        "$here/bin/$program/build/$program" "$@" || code=$?
        case $code in
            0) ran=1 ;;
            # No test was run: a filter may leave nothing of a program, but not of all.
            8) ;;
            *) ran=1 worst=$code ;;
        esac
    done
    [ -n "$ran" ] || worst=8
    exit "$worst"
}

# The virtual GPU of the tests is no answer here, unless it is asked for.
require_gpu() {
    for argument in "$@"; do
        [ "$argument" != --virtual ] || return 0
    done
    export SEQUOR_REQUIRE_GPU=1
}

smoke() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "$sequor" doctor
    if [ -x "$native" ]; then
        if native_runs; then
            "$native" bench --length 20 --batch 2 --params 5000 --steps 2 --warmup 1 >"$work/log" 2>&1 || {
                cat "$work/log" >&2
                say 'smoke: the command of machine code failed'
                exit 1
            }
            echo "machine code  $("$native" --version)"
        else
            echo 'machine code  does not run here: all commands are by .NET'
        fi
    fi
    echo
    "$sequor" bench --length 40 --batch 4 --params 20000 --steps 3 --warmup 1
    (run_tests --filter \
        'FullyQualifiedName~Sequor.Tests.Native|FullyQualifiedName~Sequor.Tests.Torch|FullyQualifiedName~Sequor.Tests.Cuda|FullyQualifiedName~DoctorCommand')
    # One step each.
    "$suites" --filter '*lstm*' --job dry --artifacts "$work/suites" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        say 'smoke: the BenchmarkDotNet suites failed'
        exit 1
    }
    sed -n '/^| *Method/,/^$/p' "$work/log"
    echo 'smoke: all went well'
}

# The sums of the summaries in file $1 as JSON; nulls where there is none.
summary() {
    awk -v code="$2" '
        { gsub(/\033\[[0-9;]*m/, "") }
        /^Test run summary:/ { summary = 1; next }
        summary && NF == 2 && $2 ~ /^[0-9]+$/ { n[$1] += $2 }
        function of(name) { return (name in n) ? n[name] : "null" }
        END {
            printf "{\"schema\":\"sequor.tests/1\",\"exit_code\":%d,\"succeeded\":%s,\"failed\":%s,\"skipped\":%s}\n",
                code, of("succeeded:"), of("failed:"), of("skipped:")
        }' "$1"
}

# Runs a program with its output on the screen and in file $1, and gives its exit code: a pipe would give tee's.
logged() {
    log=$1
    shift
    { code=$({ { code=0; "$@" 2>&1 || code=$?; echo "$code" >&3; } | tee "$log" >&4; } 3>&1); } 4>&1
    return "$code"
}

measure() {
    mkdir -p "$1"
    folder=$(cd "$1" && pwd -P)
    "$sequor" doctor --json "$folder/doctor.json" >"$folder/doctor.txt"
    # A step on the GPU is the best proof that there is one; why there is none, it says itself.
    if ! "$sequor" bench --device cuda --arch rnn --length 8 --batch 2 --hidden 4 --steps 1 --warmup 0 \
        >/dev/null 2>"$folder/error.txt"; then
        say "measure: there is no GPU to measure on: $(cat "$folder/error.txt")"
        say "measure: $folder/doctor.txt says what the machine has and what is missing"
        exit 1
    fi
    rm "$folder/error.txt"
    failed=''
    export SEQUOR_REQUIRE_GPU=1
    code=0
    # In a shell of its own, as it ends with the tests' exit code.
    logged "$folder/tests.txt" "$here/start.sh" test --filter TestCategory=Gpu || code=$?
    summary "$folder/tests.txt" "$code" >"$folder/tests.json"
    [ "$code" -eq 0 ] || failed="$failed tests"
    logged "$folder/bench.txt" "$sequor" bench --device cuda --json "$folder/bench.json" \
        --html "$folder/bench.html" || failed="$failed bench"
    logged "$folder/profile.txt" "$sequor" profile --device cuda --json "$folder/profile.json" \
        --html "$folder/profile.html" --trace "$folder/profile.trace.json" || failed="$failed profile"
    for arch in rnn lstm gru tcn lru; do
        logged "$folder/train-$arch.txt" "$sequor" train --device cuda --arch "$arch" --length 200 \
            --steps 500 --json "$folder/train-$arch.json" || failed="$failed train-$arch"
    done
    if [ -n "$failed" ]; then
        say "measure: failed:$failed; the rest is in $folder"
        exit 1
    fi
    echo "measure: all went well; the results are in $folder"
}

verb=${1:-help}
# A -- between verb and arguments, as after `dotnet run`, is none of them.
if [ "${2:-}" = -- ]; then
    shift 2
    set -- "$verb" "$@"
fi
case $verb in
    help) usage ;;
    smoke)
        if [ $# -gt 1 ]; then
            say 'smoke takes no arguments.'
            exit 2
        fi
        require_compiler
        smoke
        ;;
    measure)
        if [ $# -ne 2 ]; then
            say 'measure takes the folder for its results.'
            exit 2
        fi
        require_compiler
        measure "$2"
        ;;
    test)
        shift
        run_tests "$@"
        ;;
    replay)
        shift
        require_gpu "$@"
        exec "$replay" "$@"
        ;;
    first-contact)
        shift
        require_gpu "$@"
        exec "$contact" "$@"
        ;;
    suites)
        shift
        exec "$suites" "$@"
        ;;
    sequor)
        shift
        run_sequor "$@"
        ;;
    *) run_sequor "$@" ;;
esac
