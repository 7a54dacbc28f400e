#!/usr/bin/env bash
# Builds Sequor when its sources have changed, then runs one of its programs.
# Kept to bash 3.2, the version that macOS has.
set -euo pipefail
unset CDPATH

# MSBuild takes every variable of the environment as a property, in whatever case. These would build something else, or
# elsewhere, or with files from elsewhere. build.ps1 has the same list.
shopt -s nocasematch
for name in $(compgen -e); do
    case $name in
        # Where outputs go, and how they are called.
        OutDir | OutputPath | BaseOutputPath | IntermediateOutputPath | BaseIntermediateOutputPath | \
            MSBuildProjectExtensionsPath | ArtifactsPath | ArtifactsPivots | ArtifactsProjectName | \
            Artifacts*OutputName | UseArtifactsOutput | UseArtifactsIntermediateOutput | \
            AppendTargetFrameworkToOutputPath | AppendRuntimeIdentifierToOutputPath | PublishDir | \
            PackageOutputPath | TargetDir | TargetPath | TargetName | TargetExt | AssemblyName | \
            RootNamespace) ;;
        # Which other files are read.
        CustomBefore* | CustomAfter* | DirectoryBuild*Path | DirectoryPackagesPropsPath | \
            DirectorySolution*Path | ImportDirectory* | ImportProjectExtension* | ImportByWildcard* | \
            BeforeTargetFrameworkInferenceTargets | AlternateCommonProps | MSBuildExtensionsPath* | \
            MSBuildUserExtensionsPath | MSBuildSDKsPath | CodeAnalysisRuleSet | ReferencePath | \
            AssemblySearchPaths | HintPath | AdditionalLibPaths | EnableDefault*Items) ;;
        # Which packages there are.
        RestorePackages* | RestoreSources | RestoreAdditionalProject* | RestoreConfigFile | \
            RestoreFallbackFolders | RestoreLockedMode | RestoreForceEvaluate | RestoreEnablePackagePruning | \
            RestoreOutputPath | RestoreUse* | NuGetLockFilePath | NuGetAudit* | CentralPackage* | \
            ManagePackageVersionsCentrally) ;;
        # What is built, and how.
        Configuration | Platform | PlatformTarget | TargetFramework | TargetFrameworks | RuntimeIdentifier | \
            RuntimeIdentifiers | SelfContained | OutputType | StartupObject | UseAppHost | Version | \
            VersionPrefix | VersionSuffix | AssemblyVersion | FileVersion | InformationalVersion | \
            PackageVersion | Company | Description | Title | Optimize | DebugSymbols | DebugType | PathMap | \
            DefineConstants | CheckForOverflowUnderflow | AllowUnsafeBlocks | LangVersion | NoWarn | \
            WarningLevel | WarningsAsErrors | WarningsNotAsErrors | TreatWarningsAsErrors | RunAnalyzers* | \
            AnalysisLevel | AnalysisMode | EnforceCodeStyleInBuild | EnableNETAnalyzers | EnableSourceLink | \
            EnableSourceControlManagerQueries | GenerateAssemblyInfo | GenerateDocumentationFile | \
            GenerateDependencyFile | GenerateRuntimeConfigurationFiles | GenerateTargetFrameworkAttribute | \
            ProduceReferenceAssembly | PublishAot | PublishTrimmed | PublishSingleFile | PublishReadyToRun | \
            Ilc* | OptimizationPreference | StripSymbols | NativeDebugSymbols | \
            DisableImplicit* | CscToolPath | CscToolExe | UseSharedCompilation | Deterministic | \
            DeterministicSourcePaths | ContinuousIntegrationBuild | EmbedAllSources | SourceRevisionId | \
            RepositoryUrl | SourcesFolder | GitHere | GitSources) ;;
        # What is packed, and how.
        IsPackable | Package* | PackAs* | Packing | _IsPacking | ToolCommandName | LastRelease | \
            EnablePackageValidation | IncludeSymbols | IncludeSource | IncludeBuildOutput | Nuspec* | \
            Repository* | Authors | Copyright | DeterministicTimestamp | WriteApi) ;;
        # What is written into runtimeconfig.json.
        TieredCompilation* | TieredPGO | ServerGarbageCollection | ConcurrentGarbageCollection | \
            RetainVMGarbageCollection | InvariantGlobalization | RollForward | SatelliteResourceLanguages) ;;
        *) continue ;;
    esac
    unset "$name"
done
shopt -u nocasematch

# Follows links to the file itself; macOS did not always have `readlink -f`.
resolve() {
    local path=$1 target
    while [ -L "$path" ]; do
        target=$(readlink "$path")
        case $target in
            /*) path=$target ;;
            *) path=${path%/*}/$target ;;
        esac
    done
    printf '%s\n' "$path"
}

fail() {
    # Where standard error is closed the exit code still says what it is.
    printf '%s\n' "$1" >&2 || :
    exit "${2:-1}"
}

script=${BASH_SOURCE[0]}
case $script in
    */*) ;;
    *) script=./$script ;;
esac
script=$(resolve "$script")
root=$(cd "${script%/*}" && pwd -P)

configuration=${SEQUOR_CONFIGURATION:-Release}
case $configuration in
    *[!A-Za-z0-9]*) fail "SEQUOR_CONFIGURATION is '$configuration', which is no configuration." 2 ;;
esac
pivot=$(printf '%s' "$configuration" | tr '[:upper:]' '[:lower:]')

artifacts=$root/artifacts
stamp=$artifacts/.built-$pivot
tool=$artifacts/bin/Sequor.Tool/$pivot/sequor
# Programs of tests; each is a process of its own, as the virtual GPU is one a process.
tests=()
for name in Sequor.Tests Sequor.Cuda.Tests Sequor.Suites.Tests Sequor.VirtualGpu.Tests; do
    tests+=("$artifacts/bin/$name/$pivot/$name")
done
suites=$artifacts/bin/Sequor.Suites/$pivot/Sequor.Suites
counts=$artifacts/bin/Sequor.Counts/$pivot/Sequor.Counts
replay=$artifacts/bin/Sequor.Replay/$pivot/Sequor.Replay
contact=$artifacts/bin/Sequor.FirstContact/$pivot/Sequor.FirstContact
notices=$artifacts/bin/Sequor.Notices/$pivot/Sequor.Notices
site=$artifacts/bin/Sequor.Site/$pivot/Sequor.Site

export DOTNET_CLI_TELEMETRY_OPTOUT=1
export DOTNET_NOLOGO=1
export TESTINGPLATFORM_TELEMETRY_OPTOUT=1

usage() {
    cat <<'END'
Usage: ./build.sh VERB [ARGUMENTS]

  build             builds everything that has changed
  test [--all] ...  runs the tests, the long ones too with --all;
                    further arguments go to the test programs
  test --no-virtual-gpu
                    leaves out the tests of the virtual GPU itself
  test --update-counts
                    counts what training steps do on the virtual GPU, and writes
                    Tests/Backends/Cuda/step-counts.txt anew
  test --update-ptxas
                    writes Tests/VirtualGpu/Ptxas/ptxas.txt anew, what a ptxas
                    (SEQUOR_PTXAS, or that of PATH) makes of the kernels
  bench --peers LIST ...
                    measures Sequor beside other libraries, of torch, torchsharp, onnx
                    and jax; needs Python 3, and builds the programs of torchsharp and
                    onnx, whose packages are large
  counts ...        counts what a training step does on the virtual GPU, and the
                    least time that a GPU needs for it; counts --help tells more
  gate [--update]   counts what training steps do, and fails where a count is more than
                    Benchmarks/Baselines has; --update records that anew
  suites ...        runs the BenchmarkDotNet suites; arguments go to BenchmarkDotNet
  replay [FILE] ... launches recorded kernels on the GPU, else on the virtual one, and
                    compares what they leave; replay --help has its options
  first-contact FOLDER ...
                    tries on a GPU whatever was only tried on the virtual one, or makes a
                    dry run on that; a page of text and a JSON are left in the folder
  bundle            packs the tests, the benchmarks and the .NET runtime into one
                    archive, for Linux machines without an SDK
  publish           makes sequor and the C library of machine code, which need no .NET,
                    in artifacts/publish; needs a C compiler to link with
  publish --instructions SET
                    for processors that have SET (x86-64-v4, native), not x86-64-v3
  publish --no-v4   without the second C library, for x86-64-v4, which the system's loader
                    takes on processors that have AVX-512; half of the C library's time
  pack              makes the NuGet packages and the tool package in artifacts/package;
                    their version is that of the commit, and tells changed sources
  api               lists anew what is public, in the PublicAPI.Unshipped.txt of projects
  docs              makes the site of the documents and of the API, in artifacts/docs;
                    it is read without a network
  format            formats all sources
  format --check    fails if a source is not formatted
  kernels           makes the PTX in Native/Kernels/Ptx from the sources;
                    needs clang 19 (SEQUOR_CLANG, or clang-19), and no CUDA
  clean             removes what builds made
  help              prints this text

Every other verb, such as bench, profile, train, reproduce, doctor or --version,
goes with its arguments to the sequor command; ./build.sh --help lists what that
can do. All of them build first if a source has changed.

SEQUOR_CONFIGURATION sets the configuration to build and run (Release).
END
}

# --- The SDK -----------------------------------------------------------------

dotnet=
found=

# Whether version $1 is at least $2, both of three numbers.
at_least() {
    local IFS=. have need i
    # shellcheck disable=SC2206 # split at the dots
    have=(${1%%-*}) need=(${2%%-*})
    for i in 0 1 2; do
        [ "${have[i]}" -eq "${need[i]}" ] || {
            [ "${have[i]}" -gt "${need[i]}" ]
            return
        }
    done
}

# Whether the dotnet $1 has an SDK that suits; sets `found` if not.
suits() {
    local version
    # dotnet itself applies global.json, and fails where no SDK satisfies it.
    if version=$(cd "$root" && "$1" --version 2>/dev/null) &&
        [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]]; then
        at_least "$version" "$needed" && return
    else
        version=$("$1" --list-sdks 2>/dev/null | sed -n 's/^\([0-9][^ ]*\).*/\1/p' | tail -n 1)
    fi
    found="${found:+$found and }${version:-no SDK} at $1"
    if [ -n "$version" ] && at_least "$version" "$needed"; then
        # It is new enough, so the reason is another one, which dotnet knows.
        (cd "$root" && "$1" --version >&2) || true
        found="$found, which fails as above"
    fi
    return 1
}

# Sets `dotnet`. The one in $1 passes unasked: it did the last build.
find_dotnet() {
    local trusted=${1:-} candidate home needed
    needed=$(sed -n 's/.*"version" *: *"\([0-9.]*\)".*/\1/p' "$root/global.json" | head -n 1)
    [[ $needed =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] ||
        fail "$root/global.json has no SDK version such as \"10.0.100\" in it; git checkout global.json restores it."
    for candidate in \
        "${DOTNET_ROOT:+$DOTNET_ROOT/dotnet}" \
        "$(type -P dotnet || true)" \
        "${HOME:+$HOME/.dotnet/dotnet}"; do
        if [ ! -f "$candidate" ] || [ ! -x "$candidate" ]; then
            continue
        fi
        if [ "$candidate" = "$trusted" ] || suits "$candidate"; then
            dotnet=$candidate
            break
        fi
    done
    : "${found:=no dotnet on PATH, in DOTNET_ROOT or in ~/.dotnet}"
    [ -n "$dotnet" ] || fail "Sequor needs the .NET 10 SDK, $needed or newer, but found $found;\
 get it from https://dotnet.microsoft.com/download"

    # The built programs look for the runtime there, and not on PATH.
    home=$(resolve "$dotnet")
    home=${home%/*}
    if [ ! -d "$home/host/fxr" ]; then
        # A wrapper script, as some package managers install.
        home=$("$dotnet" --list-sdks 2>/dev/null | sed -n 's|.*\[\(.*\)/sdk\]$|\1|p' | tail -n 1)
    fi
    [ -z "$home" ] || export DOTNET_ROOT=$home
    # BenchmarkDotNet runs dotnet by its name.
    [ "$(type -P dotnet || true)" = "$dotnet" ] || export PATH="${dotnet%/*}:$PATH"
}

# --- The build ---------------------------------------------------------------

# Every file that a build may read; arguments are further tests for find.
sources() {
    local path paths=()
    for path in "$root"/{*.slnx,*.props,*.targets,*.rsp,.editorconfig,.globalconfig} \
        "$root"/{global.json,[Nn]u[Gg]et.[Cc]onfig,Benchmarks,Layers,Tests,Native,Interop,docs/examples}; do
        [ ! -e "$path" ] || paths+=("$path")
    done
    # Data files can be embedded under any name, so all count but documents and hidden files.
    find "${paths[@]}" \
        -type d \( -name bin -o -name obj -o -name artifacts -o -name TestResults \
        -o -name BenchmarkDotNet.Artifacts -o -name __pycache__ -o -name '.*' \) -prune \
        -o -type f \( -name .editorconfig -o -name .globalconfig \
        -o ! -name '.*' ! -name '*~' ! -name '*.md' \) "$@" -print
}

checksum() {
    sources | LC_ALL=C sort | cksum
}

# Programs tell the commit that they were built from. What else could change it is a source that is newer.
commit() {
    git --git-dir="$root/.git" rev-parse --verify HEAD 2>/dev/null || true
}

up_to_date() {
    local recorded program
    [ -f "$stamp" ] || return 1
    for program in "$tool" "${tests[@]}" "$suites" "$counts" "$replay" "$contact" "$site"; do
        [ -x "$program" ] && [ -f "$program.dll" ] || return 1
    done
    [ -z "$(sources -newer "$stamp")" ] || return 1
    # A deleted or renamed source is newer than nothing, but changes the list.
    IFS= read -r recorded <"$stamp" && [ "$recorded" = "$(checksum)" ] &&
        [ "$(sed -n 3p "$stamp")" = "$(commit)" ]
}

compile() {
    local log=$artifacts/.build-$pivot.log status=0
    ! up_to_date || return 0 # another process has just built
    echo 'Building Sequor ...' >&2
    rm -f "$stamp"
    # The stamp's time is the build's begin, so that a file saved during the build is newer.
    printf '%s\n' "$(checksum)" "$dotnet" "$(commit)" >"$stamp.new"
    # Longer than a tick of the file system's clock, or such a file could get the same time.
    sleep 0.02
    # No servers, which would go on running beside a benchmark. `dotnet build` prints errors twice.
    (cd "$root" && exec "$dotnet" msbuild Sequor.slnx -restore "-p:Configuration=$configuration" \
        -nologo -verbosity:quiet -tl:off -nodeReuse:false -p:UseSharedCompilation=false) \
        >"$log" 2>&1 </dev/null 9>&- || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
        echo 'The build failed.' >&2
        return "$status"
    fi
    mv -f "$stamp.new" "$stamp"
}

# Runs a function while no other process does; for use in a subshell, which ends the hold.
locked() {
    local holder said=
    mkdir -p "$artifacts"
    [ -w "$artifacts" ] || fail "Cannot write to $artifacts."
    if type -P flock >/dev/null; then
        exec 9>"$artifacts/.lock"
        flock -n 9 || {
            echo 'Waiting for another build ...' >&2
            flock 9
        }
    else
        link=$artifacts/.lock-holder
        # A link is made with its content, the process's number, in one step.
        until ln -s "$$" "$link" 2>/dev/null; do
            holder=$(readlink "$link" || true)
            # The age is for a number that another process got since.
            if [ -n "$holder" ] && { ! ps -p "$holder" >/dev/null ||
                [ -n "$(find "$link" -mmin +30 2>/dev/null)" ]; }; then
                rm -f "$link"
                continue
            fi
            [ -n "$said" ] || echo 'Waiting for another build ...' >&2
            said=1
            sleep 0.2
        done
        trap 'rm -f "$link"' EXIT
    fi
    "$@"
}

build() {
    if up_to_date; then
        find_dotnet "$(sed -n 2p "$stamp")"
    else
        find_dotnet
        (locked compile) || exit
    fi
}

remove_outputs() {
    local name
    for name in bin obj pack api package 'publish*' bundle docs '.built-*' '.build-*.log' '.test-output.*'; do
        # shellcheck disable=SC2086 # a pattern
        rm -rf "${artifacts:?}"/$name
    done
}

# --- The verbs ---------------------------------------------------------------

# One plain line from the summary in file $1; none if its numbers do not add up.
count_tests() {
    awk '
        { gsub(/\033\[[0-9;]*m/, "") }
        /^Test run summary:/ { split("", n); summary = 1; next }
        summary && NF == 2 && $2 ~ /^[0-9]+$/ { n[$1] = $2 }
        END {
            if (("total:" in n) && ("succeeded:" in n) && ("failed:" in n) && ("skipped:" in n) &&
                n["total:"] == n["succeeded:"] + n["failed:"] + n["skipped:"])
                printf "Tests: %d passed, %d failed, %d skipped\n",
                    n["succeeded:"], n["failed:"], n["skipped:"]
        }' "$1"
}

run_tests() {
    local all='' filter='' least=1 interrupted='' update='' given='' arguments=() modules=''
    local programs=("${tests[@]}") program status=0 output
    while [ $# -gt 0 ]; do
        case $1 in
            --all) all=1 ;;
            --update-counts | --update-ptxas) update=$1 ;;
            --no-virtual-gpu) unset 'programs[3]' ;;
            --help | -h | -\?)
                build
                exec "${tests[0]}" --help
                ;;
            --filter=* | --filter:*) filter=${1#--filter?} ;;
            --filter)
                [ $# -gt 1 ] || fail 'test: --filter needs an expression.' 2
                filter=$2
                shift
                ;;
            *)
                arguments+=("$1")
                given=1
                case $1 in
                    -minimum-expected-tests* | --minimum-expected-tests*) least='' ;;
                esac
                ;;
        esac
        shift
    done
    if [ -n "$update" ]; then
        [ -z "$filter" ] || fail "test: $update takes no --filter: it runs the tests that write its file." 2
        case $update in
            --update-counts)
                filter=FullyQualifiedName~StepCountTests
                export SEQUOR_UPDATE_COUNTS=$root/Tests/Backends/Cuda/step-counts.txt
                ;;
            --update-ptxas)
                filter=FullyQualifiedName~PtxasTests
                export SEQUOR_UPDATE_PTXAS=$root/Tests/VirtualGpu/Ptxas/ptxas.txt
                ;;
        esac
    fi
    # The platform takes no more than one filter.
    [ -n "$all" ] || filter="${filter:+($filter)&}TestCategory!=Long"
    [ -z "$filter" ] || arguments+=(--filter "$filter")
    # A filter may leave nothing of a program, but not of all.
    arguments+=(--ignore-exit-code 8)
    [ -z "$least" ] || arguments+=(--minimum-expected-tests "$least")

    build
    # A wrong option is told in a line; the platform's own answer is all of its help.
    if [ -n "$given" ] && ! output=$("${tests[0]}" --info "${arguments[@]}" 2>&1); then
        # Without colours, which the platform has in CI.
        output=$(printf '%s\n' "${output%%$'\n'*}" | sed $'s/\033\\[[0-9;]*m//g')
        fail "test: $output; ./build.sh test --help lists the options." 2
    fi
    # An interrupted run would pass: the platform then ends with 0.
    trap 'interrupted=1' INT
    for program in "${programs[@]}"; do
        # Patterns below the folder that dotnet is started in.
        modules+="${modules:+;}${program#"$root/"}.dll"
    done
    # dotnet runs the programs side by side and adds up their summaries; global.json beside it says by which platform.
    cd "$root"
    set -- test --test-modules "$modules" "${arguments[@]}"
    if [ -t 1 ]; then
        # No pipe, which would keep the platform from drawing its progress.
        "$dotnet" "$@" || status=$?
    else
        output=$artifacts/.test-output.$$
        # tee has to outlive the interrupt, to take what the platform still prints.
        "$dotnet" "$@" | tee -i "$output" || status=${PIPESTATUS[0]}
        count_tests "$output"
        # A run in which every test was skipped has shown nothing.
        if [ "$status" -eq 0 ] && [ -n "$least" ] && grep -q '^ *succeeded: 0$' "$output"; then
            rm -f "$output"
            fail 'test: every test was skipped.' 8
        fi
        rm -f "$output"
    fi
    if [ -n "$interrupted" ] && [ "$status" -eq 0 ]; then
        status=130
    fi
    exit "$status"
}

format() {
    local action=format output
    case $#:${1:-} in
        0:) ;;
        1:--check) action=check ;;
        *) fail 'format takes no argument but --check.' 2 ;;
    esac
    find_dotnet
    cd "$root"
    output=$("$dotnet" tool restore 2>&1) ||
        fail "$output
The formatter (csharpier, see .config/dotnet-tools.json) could not be restored."
    exec "$dotnet" csharpier "$action" .
}

# No servers, which would go on running; messages only where something is wrong.
quietly() {
    local output status=0
    output=$(cd "$root" && "$dotnet" "$@" -nologo -verbosity:quiet -tl:off -nodeReuse:false \
        -p:UseSharedCompilation=false 2>&1 </dev/null 9>&-) || status=$?
    [ "$status" -eq 0 ] || printf '%s\n' "$output" >&2
    return "$status"
}

pack() {
    local package
    # Of two versions of one commit's changed files none is the later one: what was packed before goes.
    rm -rf "${artifacts:?}/package"
    echo 'Packing Sequor ...' >&2
    quietly pack Sequor.slnx "-p:Configuration=$configuration" || fail 'The packages were not made.'
    for package in "$artifacts"/package/*.nupkg; do
        [ -f "$package" ] || fail 'There was nothing to pack.'
        printf '%s\n' "$package"
    done
}

# The compiler says what is missing from an empty list; the analyzer has the lines as they are to be.
write_api() {
    local list project log made
    rm -rf "${artifacts:?}/api"
    for list in "$root"/*/PublicAPI.Unshipped.txt; do
        [ -f "$list" ] || fail 'No project has a PublicAPI.Unshipped.txt.'
        for project in "${list%/*}"/*.csproj; do
            quietly build "$project" -p:WriteApi=true "-p:Configuration=$configuration" ||
                fail "$project was not built, and $list is as it was."
            log=${project##*/}
            log=$artifacts/api/${log%.csproj}.sarif
            [ -f "$log" ] || fail "$project has no PublicApiAnalyzers that write $log."
            made=$(sed -n 's/^ *"APIName": "\(.*\)",\{0,1\}$/\1/p' "$log" |
                sed 's/\\"/"/g; s/\\\\/\\/g' | LC_ALL=C sort -u)
            [ -n "$made" ] || fail "Nothing public was found in $project, and $list is as it was."
            printf '%s\n' '#nullable enable' "$made" >"$list"
            printf '%s: %s\n' "${list#"$root/"}" "$(($(wc -l <"$list") - 1))"
        done
    done
}

digest() {
    if type -P sha256sum >/dev/null; then
        sha256sum
    else
        shasum -a 256
    fi | cut -d ' ' -f 1
}

# The PTX is committed: users need no compiler. Its first line has the digest of what it was made from, which a test checks.
kernels() {
    local compiler=${SEQUOR_CLANG:-clang-19} version source name made
    type -P "$compiler" >/dev/null ||
        fail "kernels needs clang 19, and found no '$compiler'; SEQUOR_CLANG can name it."
    version=$("$compiler" --version | sed -n 's/.*clang version \([0-9.]*\).*/\1/p')
    case $version in
        19.*) ;;
        *) fail "kernels needs clang 19; $compiler is '$version'. SEQUOR_CLANG can name another." ;;
    esac
    # A relative path for each source, or the PTX would tell where this folder lies.
    cd "$root/Native/Kernels"
    # The order of names.
    export LC_ALL=C
    made=$(mktemp)
    # shellcheck disable=SC2064 # the name of now
    trap "rm -f '$made'" EXIT
    for source in *.cu; do
        name=${source%.cu}
        # Without -ffp-contract=off products and sums would be joined as the compiler likes; loops are unrolled where the
        # source says so. The PTX is of version 7.8, which the drivers of CUDA 11.8 read.
        "$compiler" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_75 \
            --cuda-feature=+ptx78 -std=c++17 -O3 -fno-unroll-loops -ffp-contract=off \
            -gline-tables-only -fdebug-compilation-dir=Native/Kernels -ffile-prefix-map="$PWD=Native/Kernels" \
            -Wall -Wextra -Werror -S -o "$made" "$source" || fail "$source was not compiled."
        # A call of a function that no one has; shared memory that the launch brings is one's own.
        ! grep '\.extern' "$made" | grep -v '^\.extern \.shared ' || fail "$source uses functions that are not in it."
        {
            printf '// Made by ./build.sh kernels from %s and the headers beside it: %s\n' \
                "$source" "$(cat -- *.cuh "$source" | digest)"
            printf '// clang %s\n' "$version"
            # Labels that only debugging sections would use, and what the line's number says already.
            sed -E -e '/^[[:space:]]*\.file/s#/\./#/#g' \
                -e '/^\$L__(tmp|func_begin|func_end)[0-9]+:$/d' \
                -e 's/^([[:space:]]*\.loc[[:space:]][0-9 ]+[0-9])[[:space:]]*\/\/.*$/\1/' \
                -e '/^[[:space:]]*\.section[[:space:]]+\.debug_loc[[:space:]]*\{[[:space:]]*\}$/d' "$made"
        } >"Ptx/$name.ptx"
    done
    # What a source made that is gone.
    for name in Ptx/*.ptx; do
        source=${name#Ptx/}
        [ -f "${source%.ptx}.cu" ] || rm -f "$name"
    done
}

# What the AOT compiler links with; a folder for what is tried.
require_linker() {
    local linker copier
    if [ "$(uname -s)" = Darwin ]; then
        xcrun --find clang >/dev/null 2>&1 ||
            fail "publish needs Apple's command line tools to link with; xcode-select --install gets them."
        return
    fi
    # In the order in which the compiler's own targets look for them.
    linker=$(type -P clang || type -P gcc || true)
    [ -n "$linker" ] || fail "publish needs clang or gcc to link with, and found neither on PATH;\
 on Debian and Ubuntu: apt-get install gcc libc6-dev"
    printf 'int main(void) { return 0; }\n' >"$1/probe.c"
    "$linker" "$1/probe.c" -o "$1/probe" >"$1/probe.log" 2>&1 || fail "publish: $linker makes no program:
$(cat "$1/probe.log")
It may be without the C library's headers and objects; on Debian and Ubuntu: apt-get install libc6-dev"
    rm -f "$1"/probe*
    # With clang its own is looked for first.
    case ${linker##*/} in
        clang) copier=$(type -P llvm-objcopy || type -P objcopy || true) ;;
        *) copier=$(type -P objcopy || true) ;;
    esac
    [ -n "$copier" ] || fail "publish needs objcopy to take debugging symbols apart, and found none on PATH;\
 on Debian and Ubuntu: apt-get install binutils"
}

# Sets rid, what the SDK calls this system.
find_rid() {
    rid=$(cd "$root" && "$dotnet" msbuild Benchmarks/Tool/Sequor.Tool.csproj -nologo \
        -getProperty:NETCoreSdkPortableRuntimeIdentifier 2>/dev/null </dev/null 9>&-) || rid=
    [[ $rid =~ ^[a-z0-9.-]+$ ]] || fail "publish: $dotnet does not say which system it is for."
}

# Publishes project $1 of those below the folder of outputs $2 to folder $3, with further properties. Returns 3 where the AOT
# compiler is not there.
publish_project() {
    local project=$1 outputs=$2 folder=$3 log=$artifacts/.build-publish.log status=0
    shift 3
    # Outputs of its own: what the other verbs run stays as it is.
    (cd "$root" && exec "$dotnet" publish "$project" --configuration Release --runtime "$rid" \
        --artifacts-path "$outputs" --output "$folder" -p:PublishAot=true "$@" \
        -nologo -verbosity:quiet -tl:off -nodeReuse:false -p:UseSharedCompilation=false) \
        >"$log" 2>&1 </dev/null 9>&- || status=$?
    [ "$status" -ne 0 ] || return 0
    cat "$log" >&2
    status=1
    if grep -qE 'NU1(101|102|103|301).*ILCompiler' "$log"; then
        status=3
        echo "The AOT compiler is not there: it is the packages Microsoft.DotNet.ILCompiler and \
runtime.$rid.Microsoft.DotNet.ILCompiler, which a source of packages (dotnet nuget list source) must have." >&2
    fi
    echo "publish: ${project##*/} was not made, and $artifacts/publish is as it was." >&2
    return "$status"
}

# Makes the command of machine code for a bundle. Without what it takes there is none, which is said.
publish_for_bundle() {
    local rid outputs=$artifacts/obj/publish status=0
    find_rid
    rm -rf "$outputs/bundle"
    mkdir -p "$outputs/bundle"
    (require_linker "$outputs/bundle") || status=3
    if [ "$status" -eq 0 ]; then
        echo "Publishing for $rid ..." >&2
        publish_project Benchmarks/Tool/Sequor.Tool.csproj "$outputs" "$outputs/bundle" || status=$?
    fi
    if [ "$status" -eq 3 ]; then
        rm -rf "$outputs/bundle"
        echo 'bundle: for that reason it is made without the command of machine code, and all of it starts by .NET.' >&2
        status=0
    fi
    return "$status"
}

# The folder takes the place of the one before when all is in it.
publish() {
    local instructions=$1 single=$2 rid made=$artifacts/publish.new status=0
    find_rid
    rm -rf "$made"
    mkdir -p "$made"
    (publish_to "$made" "$rid" "$instructions" "$single") || status=$?
    if [ "$status" -eq 0 ]; then
        { rm -rf "$artifacts/publish" && mv "$made" "$artifacts/publish"; } || status=$?
    fi
    rm -rf "$made"
    return "$status"
}

publish_to() {
    local made=$1 rid=$2 instructions=$3 single=$4 outputs=$artifacts/obj/publish${3:+-$3} folder name more
    require_linker "$made"
    echo "Publishing for $rid${instructions:+, $instructions} ..." >&2
    mkdir -p "$made/symbols"
    folder=$outputs/out
    rm -rf "$folder"
    set -- ${instructions:+"-p:IlcInstructionSet=$instructions"}
    publish_project Benchmarks/Tool/Sequor.Tool.csproj "$outputs" "$folder" "$@" || exit 1
    # Nothing ends by itself where a failure is asked for, so each step that may fail says so.
    mv "$folder/sequor" "$made/" || exit
    if [ -f "$root/Layers/C/Sequor.C.csproj" ]; then
        publish_project Layers/C/Sequor.C.csproj "$outputs" "$folder" "$@" || exit 1
        for name in libsequor.so libsequor.dylib sequor.h sequor.py; do
            [ ! -f "$folder/$name" ] || mv "$folder/$name" "$made/" || exit
        done
        # glibc's loader looks there on processors with AVX-512, in each folder that it finds libraries in by name.
        if [ "$rid" = linux-x64 ] && [ -z "$instructions$single" ]; then
            more=glibc-hwcaps/x86-64-v4
            publish_project Layers/C/Sequor.C.csproj "$outputs" "$folder/v4" -p:IlcInstructionSet=x86-64-v4 || exit 1
            mkdir -p "$made/$more" "$made/symbols/$more" || exit
            mv "$folder/v4/libsequor.so" "$made/$more/" || exit
            for name in "$folder"/v4/*.dbg; do
                [ ! -e "$name" ] || mv "$name" "$made/symbols/$more/" || exit
            done
        fi
    fi
    for name in "$folder"/*.dbg "$folder"/*.dSYM; do
        [ ! -e "$name" ] || mv "$name" "$made/symbols/" || exit
    done
    cp "$root/LICENSE" "$made/" || exit
    "$notices" "$made/THIRD-PARTY-NOTICES.txt" "${DOTNET_ROOT:-${dotnet%/*}}" "$outputs/bin" "$outputs/obj" \
        "uPlot=$root/Benchmarks/Workloads/Charts/uPlot/LICENSE" 9>&- || fail 'publish: the notices could not be written.'
}

# Measures beside other libraries, by a script whose arguments these are.
compare_peers() {
    local python
    python=$(type -P python3 || type -P python) || fail 'bench --peers needs Python 3, and found none on PATH.'
    exec "$python" "$root/Benchmarks/Peers/compare.py" --sequor "$tool" "$@"
}

verb=${1:-help}
# A -- between verb and arguments, as after `dotnet run`, is none of them.
if [ "${2:-}" = -- ]; then
    shift 2
    set -- "$verb" "$@"
fi
case $verb in
    build | bundle | clean | docs | kernels | pack | api)
        [ $# -eq 1 ] || fail "$verb takes no arguments." 2
        ;;
esac
case $verb in
    help) usage ;;
    build) build ;;
    bundle)
        build
        (locked publish_for_bundle) || exit
        file=$artifacts/obj/publish/bundle/sequor
        set --
        [ ! -f "$file" ] || set -- "$file"
        exec "$root/Benchmarks/Bundle/bundle.sh" "${DOTNET_ROOT:-${dotnet%/*}}" \
            "$artifacts/bin" "$pivot" "$artifacts/bundle" "$@"
        ;;
    publish)
        shift
        instructions=
        single=
        case $#:${1:-} in
            0:) ;;
            1:--no-v4) single=1 ;;
            2:--instructions) instructions=$2 ;;
            *) fail 'publish takes no argument but --instructions SET or --no-v4.' 2 ;;
        esac
        [[ $# -lt 2 || $instructions =~ ^[A-Za-z0-9_.,+-]+$ ]] ||
            fail "publish: '$instructions' is no set of instructions, as x86-64-v4 or native is one." 2
        build
        (locked publish "$instructions" "$single") || exit
        for file in "$artifacts"/publish/{sequor,libsequor.*,glibc-hwcaps/*/libsequor.*}; do
            [ ! -f "$file" ] || printf '%s, %s KiB\n' "$file" "$((($(wc -c <"$file") + 1023) / 1024))"
        done
        ;;
    docs)
        build
        exec "$site" "$root" "$artifacts/bin" "$pivot" "$artifacts/docs"
        ;;
    clean) (locked remove_outputs) || exit ;;
    kernels) kernels ;;
    pack)
        find_dotnet
        (locked pack) || exit
        ;;
    api)
        find_dotnet
        (locked write_api) || exit
        ;;
    format)
        shift
        format "$@"
        ;;
    test)
        shift
        run_tests "$@"
        ;;
    bench)
        build
        for argument in "$@"; do
            case $argument in
                --peers | --peers=*)
                    shift
                    compare_peers "$@"
                    ;;
            esac
        done
        exec "$tool" "$@"
        ;;
    counts)
        build
        exec "$counts" "$@"
        ;;
    gate)
        shift
        build
        exec "$counts" gate --baseline "$root/Benchmarks/Baselines" "$@"
        ;;
    suites)
        shift
        build
        # BenchmarkDotNet looks for the project, and puts its reports, below the current directory.
        cd "$root"
        exec "$suites" "$@"
        ;;
    replay)
        shift
        build
        exec "$replay" "$@"
        ;;
    first-contact)
        shift
        build
        exec "$contact" "$@"
        ;;
    *)
        build
        exec "$tool" "$@"
        ;;
esac
