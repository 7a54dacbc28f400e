#!/usr/bin/env bash
# Tests build.sh, or build.ps1 if that is the argument, in a small tree with a stand-in for dotnet, so that no case takes
# a real build. BASH_UNDER_TEST names another bash to run build.sh with, PWSH_UNDER_TEST a PowerShell for build.ps1;
# without it the one on PATH is taken, or installed below artifacts/.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
script=${1:-build.sh}
case $script in
    build.sh) shell=("${BASH_UNDER_TEST:-$BASH}") ;;
    build.ps1)
        pwsh=${PWSH_UNDER_TEST:-$(type -P pwsh || true)}
        if [ -n "$pwsh" ]; then
            shell=("$pwsh")
        else
            installed=$repository/artifacts/powershell
            [ -x "$installed/pwsh" ] || answer=$(dotnet tool install PowerShell --version 7.6.9 \
                --tool-path "$installed" 2>&1) || {
                echo "build.ps1: skipped, as PowerShell could not be installed: $(tail -n 1 <<<"$answer")"
                exit 0
            }
            # What is installed starts the dotnet of PATH, where the tests have a stand-in.
            library=$(find "$installed/.store" -path '*/unix/pwsh.dll')
            shell=("$(type -P dotnet)" "$library")
        fi
        shell+=(-NoProfile -NonInteractive -File)
        # A start is over before what is gathered for it pays.
        export POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off DOTNET_TieredPGO=0
        ;;
    *) echo "usage: $0 [build.sh | build.ps1]" >&2 && exit 2 ;;
esac
# The blank shows where a path is not quoted.
tree="$(mktemp -d)/a tree"
trap 'rm -rf "${tree%/*}"' EXIT
passed=0

mkdir -p "$tree/Layers" "$tree/sdk/host/fxr" "$tree/home" "$tree/none"
cp "$repository/build.sh" "$repository/build.ps1" "$repository/global.json" "$tree"
touch "$tree/Sequor.slnx" "$tree/Layers/A.cs" "$tree/Layers/B.cs"

# The programs that it "builds" print their arguments and exit with the first one.
cat >"$tree/program" <<'END'
#!/usr/bin/env bash
# As the platform answers a wrong option: a line, which can have colours, and all of its help.
case " $* " in *' --wrong '*) printf '\033[31m%s\n\033[m%s\n' "Unknown option '--wrong'" 'Options:' >&2; exit 5 ;; esac
printf '[%s]' "$(basename "$0")" "$@"
echo
case ${1:-} in [0-9]*) exit "$1" ;; esac
exit "${STATUS:-0}"
END
cat >"$tree/sdk/dotnet" <<'END'
#!/usr/bin/env bash
root=$(cd "$(dirname "$0")/.." && pwd -P)
case $1 in
    --version) echo "${SDK_VERSION:-10.0.100}"; exit "${SDK_STATUS:-0}" ;;
    --list-sdks) [ -z "${SDKS-9.0.300}" ] || echo "${SDKS-9.0.300} [$root/sdk/sdk]"; exit ;;
    msbuild) case $* in *-getProperty:*) echo "${RID-linux-x64}"; exit "${STATUS:-0}" ;; esac ;;
    publish)
        [ "${BROKEN:-}" != "$2" ] || { echo "error NU1101: Unable to find package runtime.$6.Microsoft.DotNet.ILCompiler."; exit 1; }
        echo "$*" >>"$root/published"
        mkdir -p "${10}" "$8/bin" "$8/obj"
        case $2 in
            *Tool*) touch "${10}"/{sequor,sequor.dbg,Sequor.Layers.xml} ;;
            *) touch "${10}"/{libsequor.so,libsequor.so.dbg,sequor.h,sequor.py} ;;
        esac
        exit
        ;;
    pack)
        echo "$*" >"$root/packed"
        [ -z "${BROKEN:-}" ] || { echo 'error NU5000: not packed'; exit 1; }
        [ -n "${EMPTY:-}" ] || { mkdir -p "$root/artifacts/package" && touch "$root/artifacts/package/A.1.0.0.nupkg"; }
        exit
        ;;
    build)
        [ -z "${BROKEN:-}" ] || { echo 'A.cs(1,1): error CS1002: ; expected'; exit 1; }
        mkdir -p "$root/artifacts/api"
        [ -z "${EMPTY:-}" ] || { touch "$root/artifacts/api/A.sarif"; exit; }
        printf '    "APIName": "%s"%s\n' 'b.B(string! s = \"\\\") -> void' , 'A.A<T>' '' 'A.A<T>' , \
            >"$root/artifacts/api/A.sarif"
        exit
        ;;
    *)
        echo "dotnet $*"
        [ -z "${SEQUOR_UPDATE_COUNTS:-}" ] || echo "counts to $SEQUOR_UPDATE_COUNTS"
        [ -z "${SEQUOR_UPDATE_PTXAS:-}" ] || echo "ptxas to $SEQUOR_UPDATE_PTXAS"
        [ -z "${SUMMARY:-}" ] || cat "$SUMMARY"
        exit "${STATUS:-0}"
        ;;
esac
env >"$root/environment"
[ -z "${SAVED:-}" ] || touch "$SAVED"
mkdir "$root/building" || echo 'two at once' >>"$root/builds"
sleep "${BUILD_SECONDS:-0}"
rmdir "$root/building"
echo built >>"$root/builds"
[ -z "${BROKEN:-}" ] || { echo 'A.cs(1,1): error CS1002: ; expected'; exit 1; }
for name in Tool/release/sequor Tests/release/Sequor.Tests Cuda.Tests/release/Sequor.Cuda.Tests \
    VirtualGpu.Tests/release/Sequor.VirtualGpu.Tests Suites/release/Sequor.Suites \
    Suites.Tests/release/Sequor.Suites.Tests Notices/release/Sequor.Notices \
    Counts/release/Sequor.Counts Replay/release/Sequor.Replay FirstContact/release/Sequor.FirstContact \
    Site/release/Sequor.Site; do
    path=$root/artifacts/bin/Sequor.$name
    mkdir -p "${path%/*}"
    cp "$root/program" "$path"
    touch "$path.dll"
done
END
chmod +x "$tree/program" "$tree/sdk/dotnet"

# Runs build.sh; sets status, and writes the files out and err.
run() {
    status=0
    DOTNET_ROOT='' HOME="$tree/home" PATH="$tree/sdk:$PATH" \
        "${shell[@]}" "${SCRIPT:-$tree/$script}" "$@" >"$tree/out" 2>"$tree/err" </dev/null || status=$?
}

expect() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        return
    fi
    echo "FAILED: $what (exit $status)" >&2
    sed 's/^/  out: /' "$tree/out" >&2
    sed 's/^/  err: /' "$tree/err" >&2
    exit 1
}

builds() { [ "$(wc -l <"$tree/builds")" -eq "$1" ]; }
exits() { [ "$status" -eq "$1" ]; }
prints() { [ "$(cat "$tree/out")" = "$1" ]; }
prints_last() { [ "$(tail -n 1 "$tree/out")" = "$1" ]; }
says() { grep -qF -- "$1" "$tree/err"; }
says_line() { [ "$(wc -l <"$tree/err")" -eq 1 ] && says "$1"; }
says_nothing() { [ ! -s "$tree/err" ]; }

run
expect 'no verb prints the usage' grep -q '^Usage:' "$tree/out"
expect 'and builds nothing' test ! -e "$tree/builds"

run bench 'a b' '' '*'
expect 'a verb builds and runs sequor' prints '[sequor][bench][a b][][*]'
expect 'with one line on the side' says_line 'Building Sequor ...'
run bench -- --arch rnn
expect 'a -- between verb and arguments is none of them' prints '[sequor][bench][--arch][rnn]'
run --version
expect 'the second time it only runs' prints '[sequor][--version]'
expect 'and builds nothing' builds 1
expect 'and says nothing' says_nothing
for code in 0 1 2 77; do
    run "$code"
    expect "exit code $code passes through" exits "$code"
done
mkdir "$tree/links"
ln -s "../$script" "$tree/links/link.${script#*.}"
cd "$tree/links"
SCRIPT="link.${script#*.}" run bench
cd "$tree"
expect 'it works through a link, from another directory' prints '[sequor][bench]'
expect 'and finds the same sources' builds 1

count=1
for change in 'touch Layers/A.cs' 'touch Layers/C.bin' 'rm Layers/B.cs' \
    'mv Layers/A.cs Layers/D.cs' 'touch Sequor.slnx' 'rm artifacts/bin/Sequor.Tests/release/Sequor.Tests'; do
    (cd "$tree" && $change)
    run build
    count=$((count + 1))
    expect "'$change' builds" builds "$count"
    run build
    expect "'$change' builds once" builds "$count"
done
status=0
DOTNET_ROOT='' HOME="$tree/home" PATH="$tree/sdk:$PATH" \
    "${shell[@]}" "$tree/$script" build now >"$tree/out" 2>&- </dev/null || status=$?
expect 'wrong usage has its exit code where standard error is closed too' exits 2
mkdir "$tree/Layers/obj"
touch "$tree/Layers/obj/A.cs" "$tree/Layers/.A.cs.swp" "$tree/Layers/Notes.md"
run build
expect 'outputs, hidden files and documents do not count' builds "$count"

touch "$tree/Layers/D.cs"
BROKEN=1 run bench
expect 'a failed build shows its error' says 'error CS1002'
expect 'and fails' exits 1
expect 'and runs nothing' prints ''
run bench
expect 'and is tried again' builds $((count += 2))

touch "$tree/Layers/E.cs"
BROKEN=1 run build
rm "$tree/Layers/E.cs"
run build
expect 'nor is what a failed build left taken for a build' builds $((count += 2))

touch "$tree/Layers/D.cs"
SAVED=$tree/Layers/D.cs run build
run build
expect 'a file saved during a build builds again' builds $((count += 2))

# Leaves only the links named, so that flock is missing.
mkdir "$tree/tools"
for name in bash env basename cat cksum cp dirname find grep head ln mkdir mv ps readlink rm rmdir \
    sed sleep sort tail touch tr wc; do
    ln -s "$(type -P "$name")" "$tree/tools/$name"
done
locks=("$PATH")
[ "$script" != build.sh ] || locks+=("$tree/tools")
for lock in "${locks[@]}"; do
    touch "$tree/Layers/D.cs"
    for code in 3 4 5; do
        PATH=$lock BUILD_SECONDS=0.5 run "$code" &
    done
    for job in $(jobs -p); do
        wait "$job"
    done
    # Three at once wrote to the same files; what counts is the number of builds.
    expect 'three at once build once' builds $((count += 1))
done
if [ "$script" = build.sh ]; then
    ln -s 999999999 "$tree/artifacts/.lock-holder"
    touch "$tree/Layers/D.cs"
    PATH=$tree/tools run build
    expect 'a lock whose owner died does not block' builds $((count += 1))
    expect 'and is gone' test ! -L "$tree/artifacts/.lock-holder"
fi

# Programs tell the commit that they were built from.
commit() {
    git -C "$tree" -c user.name=A -c user.email=a@example.org -c commit.gpgsign=false \
        commit -q --allow-empty -m "$1"
}
git -C "$tree" init -q
commit one
run build
expect 'a first commit builds' builds $((count += 1))
run build
expect 'and builds once' builds "$count"
commit two
run build
expect 'another commit builds, though no source is newer' builds $((count += 1))
rm -rf "$tree/.git"
run build
expect 'and no commit' builds $((count += 1))

# What MSBuild would take as properties, in any case of their letters. The rest stays as it is.
redirecting=$(sed -n '/^shopt -s nocasematch/,/^shopt -u nocasematch/s/^ *\([A-Z].*\)/\1/p' "$tree/build.sh" |
    sed 's/) ;;$//; s/[|\\]//g' | tr -s ' ' '\n')
expect 'both scripts keep the same variables from a build' test "$redirecting" = \
    "$(sed -n '/^\$redirecting = /,/^)/p' "$tree/build.ps1" | grep -o "'[^']*'" | tr -d "'")"
variables=(CI=true NUGET_PACKAGES=here SEQUOR_OUTDIR=there)
for name in ${redirecting//\*/Some} OutDir CustomAfterMicrosoftCommonTargets DirectoryBuildPropsPath Platform; do
    variables+=("$name=elsewhere")
done
for name in $(printf '%s ' "${redirecting//\*/Some}" | tr '[:upper:]' '[:lower:]') OUTPUTPATH VERSION CONFIGURATION; do
    variables+=("$name=elsewhere")
done
touch "$tree/Layers/D.cs"
builder=("${shell[@]}")
shell=(env "${variables[@]}" "${builder[@]}")
run build
shell=("${builder[@]}")
expect 'variables that would redirect a build do not' builds $((count += 1))
expect 'as the build has none of them' test -z "$(grep elsewhere "$tree/environment")"
expect 'but all others' test "$(grep -cxE 'CI=true|NUGET_PACKAGES=here|SEQUOR_OUTDIR=there' "$tree/environment")" = 3

SDK_VERSION=8.0.100
export SDK_VERSION
touch "$tree/Layers/D.cs"
run bench
expect 'an old SDK is named' says_line 'found 8.0.100 at'
expect 'and what is needed' says '10.0.100 or newer'
expect 'and where to get it' says 'https://dotnet.microsoft.com/download'
expect 'and fails' exits 1
SDK_VERSION='No fitting SDK was found.' SDK_STATUS=145 run bench
expect 'what dotnet has is named when it refuses' says_line 'found 9.0.300 at'
SDK_VERSION='No fitting SDK was found.' SDK_STATUS=145 SDKS='' run bench
expect 'a runtime alone is no SDK' says_line 'found no SDK at'
SDK_VERSION='Not here.' SDK_STATUS=1 SDKS=10.0.200 run bench
expect 'a fitting SDK that fails is quoted' says 'Not here.'
expect 'and named' says 'found 10.0.200 at'
mkdir "$tree/home/.dotnet"
printf '#!/usr/bin/env bash\nunset SDK_VERSION\nexec "%s" "$@"\n' "$tree/sdk/dotnet" \
    >"$tree/home/.dotnet/dotnet"
chmod +x "$tree/home/.dotnet/dotnet"
run bench
expect 'a fitting one in ~/.dotnet is taken instead' prints '[sequor][bench]'
expect 'and builds' builds $((count += 1))
rm -r "$tree/home/.dotnet"
run bench
expect 'an old SDK is named when nothing is to be built' says_line 'found 8.0.100 at'
unset SDK_VERSION
for version in 9.9.999 10.0.99 10.0.0; do
    SDK_VERSION=$version run bench
    expect "$version is too old" exits 1
done
for version in 10.0.101 10.0.200-preview.1 10.1.0 11.0.100; do
    touch "$tree/Layers/D.cs"
    SDK_VERSION=$version run bench
    expect "$version is new enough" exits 0
    count=$((count + 1))
done
mv "$tree/global.json" "$tree/whole"
echo '{' >"$tree/global.json"
run build
expect 'a damaged global.json is said' says_line 'has no SDK version'
expect 'and fails' exits 1
mv "$tree/whole" "$tree/global.json"
mv "$tree/sdk/dotnet" "$tree/sdk/elsewhere"
PATH=$tree/tools run bench
expect 'a missing dotnet is said' says_line 'found no dotnet on PATH'
expect 'and fails' exits 1
mv "$tree/sdk/elsewhere" "$tree/sdk/dotnet"

cat >"$tree/summary" <<'END'
Test run summary: Failed! - Sequor.Tests.dll (net10.0|x64)
  total: 6
  failed: 1
  succeeded: 3
  skipped: 2
  duration: 5ms
END
bin=artifacts/bin
programs="$bin/Sequor.Tests/release/Sequor.Tests.dll;$bin/Sequor.Cuda.Tests/release/Sequor.Cuda.Tests.dll"
programs+=";$bin/Sequor.Suites.Tests/release/Sequor.Suites.Tests.dll"
virtual=";$bin/Sequor.VirtualGpu.Tests/release/Sequor.VirtualGpu.Tests.dll"
long=' --filter TestCategory!=Long'
none=' --ignore-exit-code 8'
least=' --minimum-expected-tests 1'
run test
expect 'test leaves out the long tests' \
    prints "dotnet test --test-modules $programs$virtual$long$none$least"
run test --all
expect 'but with --all' prints "dotnet test --test-modules $programs$virtual$none$least"
run test --no-virtual-gpu
expect 'the virtual GPU can be left out' prints "dotnet test --test-modules $programs$long$none$least"
run test --no-ansi --filter 'Name~a b'
expect 'filters are joined' prints \
    "dotnet test --test-modules $programs$virtual --no-ansi --filter (Name~a b)&TestCategory!=Long$none$least"
run test --all --filter=Name~a --minimum-expected-tests 5
expect 'options given are not given twice' prints \
    "dotnet test --test-modules $programs$virtual --minimum-expected-tests 5 --filter Name~a$none"
run test --update-counts
expect 'counts are written by their tests alone, into the sources' prints \
    "dotnet test --test-modules $programs$virtual --filter (FullyQualifiedName~StepCountTests)&TestCategory!=Long$none$least
counts to $tree/Tests/Backends/Cuda/step-counts.txt"
run test --update-ptxas
expect 'so is the table of ptxas' prints \
    "dotnet test --test-modules $programs$virtual --filter (FullyQualifiedName~PtxasTests)&TestCategory!=Long$none$least
ptxas to $tree/Tests/VirtualGpu/Ptxas/ptxas.txt"
run test --help
expect 'the help is that of a test program' prints '[Sequor.Tests][--help]'
run test --update-counts --filter Name~a
expect 'and with no filter' exits 2
expect 'which is said' says '--update-counts takes no --filter'
run test --wrong
expect 'a wrong option of the test program is wrong usage' exits 2
expect 'which is said in a line' says_line "test: Unknown option '--wrong'"
SUMMARY=$tree/summary STATUS=2 run test
expect 'a failing test fails' exits 2
expect 'and is counted' prints_last 'Tests: 3 passed, 1 failed, 2 skipped'
printf '\033[32m  total: 7\033[m\n' >>"$tree/summary"
SUMMARY=$tree/summary run test
expect 'numbers that do not add up are not repeated' prints_last $'\033[32m  total: 7\033[m'
printf 'Test run summary: Passed!\n  total: 2\n  failed: 0\n  succeeded: 0\n  skipped: 2\n' >"$tree/summary"
SUMMARY=$tree/summary run test
expect 'a run in which every test was skipped fails' exits 8
expect 'and says so' says 'every test was skipped'

run counts --arch lru --json -
expect 'counts hands its arguments on, and its name' prints '[Sequor.Counts][counts][--arch][lru][--json][-]'
PATH=$tree/tools run bench --arch rnn --peers torch
expect 'bench --peers without a Python says so' says_line 'needs Python 3'
expect 'and fails' exits 1
cp "$tree/program" "$tree/sdk/python3"
compare="[python3][$tree/Benchmarks/Peers/compare.py][--sequor][$tree/artifacts/bin/Sequor.Tool/release/sequor]"
run bench --rounds 2 --peers torch,onnx
expect 'bench --peers hands its arguments to the script that compares' prints "$compare[--rounds][2][--peers][torch,onnx]"
STATUS=1 run bench --peers=jax
expect 'in either form' prints "$compare[--peers=jax]"
expect 'and its exit code on' exits 1
rm "$tree/sdk/python3"
run gate --update
expect 'gate counts, against the baseline that is checked in' \
    prints "[Sequor.Counts][gate][--baseline][$tree/Benchmarks/Baselines][--update]"
STATUS=1 run gate
expect 'and fails where a count grew' exits 1
run suites --filter '*Gru*'
expect 'suites hands its arguments on' prints '[Sequor.Suites][--filter][*Gru*]'
run replay a.recording --json -
expect 'replay hands its arguments on' prints '[Sequor.Replay][a.recording][--json][-]'
run first-contact 'a folder' --virtual
expect 'first-contact hands its arguments on' prints '[Sequor.FirstContact][a folder][--virtual]'
touch "$tree/LICENSE"
# Stand-ins for the C compiler that it links with; one that makes no program fails.
cc=$tree/cc
mkdir "$cc"
printf '#!/usr/bin/env bash\n%s\nexit "${LINK:-0}"\n' '[ "${LINK:-0}" = 0 ] || echo "cannot find crt1.o"' >"$cc/gcc"
printf '#!/usr/bin/env bash\n' >"$cc/objcopy"
chmod +x "$cc/gcc" "$cc/objcopy"
# The programs that have nothing to do with it, which hide the machine's own compiler.
links=$tree/links-without
mkdir "$links"
for name in bash basename cat cksum cp cut dirname env find flock grep head ln mkdir mv readlink rm rmdir \
    sed sleep sort tail touch tr uname wc ps dotnet; do
    path=$(type -P "$name" || true)
    [ -z "$path" ] || ln -s "$path" "$links/$name"
done
publish() { PATH=${COMPILERS-$cc:}$links run publish "$@"; }
published=$tree/artifacts/publish
mkdir -p "$tree/Benchmarks/Bundle"
cp "$tree/program" "$tree/Benchmarks/Bundle/bundle.sh"
bundle() { PATH=${COMPILERS-$cc:}$links run bundle; }
packs="[bundle.sh][$tree/sdk][$tree/artifacts/bin][release][$tree/artifacts/bundle]"
native=$tree/artifacts/obj/publish/bundle/sequor
bundle
expect 'bundle packs what was built, and the command of machine code' prints_last "$packs[$native]"
expect 'of machine code for this system' grep -q "^publish Benchmarks/Tool/.* --runtime linux-x64 .* --output ${native%/*} " \
    "$tree/published"
expect 'and publishes nothing else' test "$(wc -l <"$tree/published") $(ls -d "$published" 2>/dev/null)" = '1 '
STATUS=1 bundle
expect 'a bundle that fails fails' exits 1
COMPILERS='' bundle
expect 'without a compiler to link with there is a bundle without it' prints_last "$packs"
expect 'which is said' says 'is made without the command of machine code'
expect 'with the reason' says 'clang or gcc'
BROKEN=Benchmarks/Tool/Sequor.Tool.csproj bundle
expect 'nor does it need the AOT compiler' prints_last "$packs"
expect 'which is named' says 'runtime.linux-x64.Microsoft.DotNet.ILCompiler, which a source'
expect 'and not one of an older build' test ! -e "$native"
RID='' bundle
expect 'a dotnet that does not know its system fails' exits 1
run bundle now
expect 'bundle takes no arguments' exits 2
rm "$tree/published"
publish
expect 'publish publishes' exits 0
expect 'sequor alone where there is no project of the C library' test "$(wc -l <"$tree/published")" -eq 1
expect 'of machine code, for this system' test "$(cat "$tree/published")" = \
    "publish Benchmarks/Tool/Sequor.Tool.csproj --configuration Release --runtime linux-x64 --artifacts-path\
 $tree/artifacts/obj/publish --output $tree/artifacts/obj/publish/out -p:PublishAot=true -nologo -verbosity:quiet -tl:off -nodeReuse:false -p:UseSharedCompilation=false"
expect 'and says where it is' prints_last "$published/sequor, 0 KiB"
expect 'with what else belongs to it' test "$(cd "$published" && find . | LC_ALL=C sort | tr '\n' ' ')" = \
    '. ./LICENSE ./sequor ./symbols ./symbols/sequor.dbg '
expect 'and with the notices of all that is in it' grep -qxF \
    "[Sequor.Notices][$tree/artifacts/publish.new/THIRD-PARTY-NOTICES.txt][$tree/sdk][$tree/artifacts/obj/publish/bin]\
[$tree/artifacts/obj/publish/obj][uPlot=$tree/Benchmarks/Workloads/Charts/uPlot/LICENSE]" "$tree/out"
mkdir -p "$tree/Layers/C"
touch "$tree/Layers/C/Sequor.C.csproj"
publish --instructions x86-64-v4
expect 'other processors can be asked for, of both' test \
    "$(grep -cF 'obj/publish-x86-64-v4/out -p:PublishAot=true -p:IlcInstructionSet=x86-64-v4 ' "$tree/published")" = 2
expect 'and the C library is made too' test "$(cd "$published" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" = \
    './LICENSE ./libsequor.so ./sequor ./sequor.h ./sequor.py ./symbols/libsequor.so.dbg ./symbols/sequor.dbg '
rm "$tree/published"
publish
expect 'a second one for AVX-512 where the loader looks for it' test \
    "$(cd "$published" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" = \
    "./LICENSE ./glibc-hwcaps/x86-64-v4/libsequor.so ./libsequor.so ./sequor ./sequor.h ./sequor.py\
 ./symbols/glibc-hwcaps/x86-64-v4/libsequor.so.dbg ./symbols/libsequor.so.dbg ./symbols/sequor.dbg "
expect 'of the library alone' test "$(grep -cF "publish Layers/C/Sequor.C.csproj " "$tree/published") $(grep -c 'Sequor.C.csproj.* --output .*/out/v4 .*-p:IlcInstructionSet=x86-64-v4 ' "$tree/published") $(wc -l <"$tree/published" | tr -d ' ')" = '2 1 3'
expect 'and tells its size' grep -qxF "$published/glibc-hwcaps/x86-64-v4/libsequor.so, 0 KiB" "$tree/out"
publish --no-v4
expect 'which can be left out' test ! -e "$published/glibc-hwcaps"
expect 'with nothing else' test -f "$published/libsequor.so"
RID=linux-arm64 publish
expect 'and which only x64 has' test ! -e "$published/glibc-hwcaps"
expect 'it is for the system that dotnet is of' grep -qF -- '--runtime linux-arm64 ' "$tree/published"
touch "$published/whole"
whole() { [ -f "$published/whole" ] && [ ! -e "$tree/artifacts/publish.new" ]; }
COMPILERS='' publish
expect 'without a compiler to link with it fails' exits 1
expect 'and names those that would do' says 'clang or gcc'
expect 'and how to get them' says 'apt-get install gcc'
expect 'and leaves what was there' whole
LINK=1 publish
expect 'a compiler that makes no program fails' exits 1
expect 'with what it says' says 'cannot find crt1.o'
expect 'and what to install' says 'apt-get install libc6-dev'
expect 'and leaves what was there' whole
mv "$cc/objcopy" "$cc/none"
publish
expect 'without objcopy it fails' exits 1
expect 'and names its package' says 'apt-get install binutils'
mv "$cc/none" "$cc/objcopy"
for project in Benchmarks/Tool/Sequor.Tool.csproj Layers/C/Sequor.C.csproj; do
    BROKEN=$project publish
    expect 'without the AOT compiler it fails' exits 1
    expect 'and names its packages' says 'runtime.linux-x64.Microsoft.DotNet.ILCompiler, which a source'
    expect 'and what was not made' says "${project##*/} was not made"
    expect 'and leaves what was there, and nothing half made' whole
done
RID='' publish
expect 'a dotnet that does not know its system fails' exits 1
expect 'and is named' says "$tree/sdk/dotnet does not say"
STATUS=1 publish
expect 'so does one that fails' exits 1
rm -r "$tree/Layers/C"
publish now
expect 'publish takes no other argument' exits 2
publish --instructions 'a b'
expect 'and no instructions that are no word' exits 2
publish --instructions
expect 'nor none' exits 2
mkdir -p "$tree/artifacts/package"
touch "$tree/artifacts/package/Old.1.0.0.nupkg"
run pack
expect 'pack tells what it made, and what was there before is gone' prints "$tree/artifacts/package/A.1.0.0.nupkg"
expect 'of all projects' grep -q '^pack Sequor.slnx -p:Configuration=Release ' "$tree/packed"
BROKEN=1 run pack
expect 'a package that fails fails' exits 1
expect 'and says why' says 'error NU5000'
EMPTY=1 run pack
expect 'nothing to pack fails' exits 1
expect 'and is said' says 'There was nothing to pack.'
run pack now
expect 'pack takes no arguments' exits 2
run api
expect 'api needs a list' exits 1
expect 'which is said' says 'No project has a PublicAPI.Unshipped.txt.'
touch "$tree/Layers/A.csproj" "$tree/Layers/PublicAPI.Unshipped.txt"
run api
expect 'api tells what it listed' prints 'Layers/PublicAPI.Unshipped.txt: 2'
printf '%s\n' '#nullable enable' 'A.A<T>' 'b.B(string! s = "\") -> void' >"$tree/wanted"
expect 'each line once, in the order of their bytes' cmp -s "$tree/wanted" "$tree/Layers/PublicAPI.Unshipped.txt"
BROKEN=1 run api
expect 'sources that do not compile fail' exits 1
expect 'which is said' says 'error CS1002'
expect 'and leave the list as it was' cmp -s "$tree/wanted" "$tree/Layers/PublicAPI.Unshipped.txt"
EMPTY=1 run api
expect 'so do sources in which nothing is public' exits 1
expect 'as well' cmp -s "$tree/wanted" "$tree/Layers/PublicAPI.Unshipped.txt"
run api now
expect 'api takes no arguments' exits 2
rm "$tree/Layers/A.csproj" "$tree/Layers/PublicAPI.Unshipped.txt"
run docs
expect 'docs makes the site of what was built' \
    prints "[Sequor.Site][$tree][$tree/artifacts/bin][release][$tree/artifacts/docs]"
STATUS=3 run docs
expect 'and fails where the site cannot be made' exits 3
run docs now
expect 'docs takes no arguments' exits 2
mkdir -p "$tree/artifacts/docs"
run format
expect 'format formats' prints 'dotnet csharpier format .'
run format --check
expect 'format --check checks' prints 'dotnet csharpier check .'
STATUS=1 run format --check
expect 'a formatter that is missing fails' exits 1
expect 'and is named' says 'csharpier'
run format --chek
expect 'format takes no other argument' exits 2
run build now
expect 'build takes none' exits 2

# The compiler's stand-in writes what it is told to, with all that has to be taken out.
mkdir -p "$tree/Native/Kernels/Ptx"
printf 'header\n' >"$tree/Native/Kernels/h.cuh"
printf 'source\n' >"$tree/Native/Kernels/k.cu"
touch "$tree/Native/Kernels/Ptx/gone.ptx"
cat >"$tree/sdk/clang-19" <<'END'
#!/usr/bin/env bash
[ "$1" != --version ] || { echo "Some clang version ${CLANG:-19.1.7} (3)"; exit; }
while [ "$1" != -o ]; do shift; done
printf '%s\n' "${PTX:-.entry}" '$L__tmp3:' $'\t.loc\t1 2 3 // k.cu:2:3' \
    $'\t.section\t.debug_loc\t{\t}' $'\t.file\t1 "././k.cu"' >"$2"
exit "${STATUS:-0}"
END
chmod +x "$tree/sdk/clang-19"
run kernels
expect 'kernels makes PTX' exits 0
digest=$(printf 'header\nsource\n' | if type -P sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi)
printf '%s\n' "// Made by ./build.sh kernels from k.cu and the headers beside it: ${digest%% *}" \
    '// clang 19.1.7' .entry $'\t.loc\t1 2 3' $'\t.file\t1 "./k.cu"' >"$tree/wanted"
expect 'with the digest of its sources, and without what is no use' \
    cmp -s "$tree/wanted" "$tree/Native/Kernels/Ptx/k.ptx"
expect 'and removes what has no source' test ! -e "$tree/Native/Kernels/Ptx/gone.ptx"
PTX='.extern .func memcmp' run kernels
expect 'a function that is not there fails' exits 1
STATUS=1 run kernels
expect 'a compiler that fails fails' exits 1
CLANG=18.1.0 run kernels
expect 'another compiler fails' exits 1
expect 'and is named' says '18.1.0'
SEQUOR_CLANG=no-such-clang run kernels
expect 'no compiler fails' exits 1
run kernels now
expect 'kernels takes no argument' exits 2
expect 'what failed leaves the PTX as it was' cmp -s "$tree/wanted" "$tree/Native/Kernels/Ptx/k.ptx"
rm -r "$tree/Native"
SEQUOR_CONFIGURATION=../x run build
expect 'a configuration is a plain word' exits 2
run clean
expect 'clean removes the outputs' test ! -e "$tree/artifacts/bin"
expect 'and what was published' test ! -e "$tree/artifacts/publish"
expect 'the site too' test ! -e "$tree/artifacts/docs"
expect 'and the stamp' test ! -e "$tree/artifacts/.built-release"

echo "$script: all $passed checks passed."
