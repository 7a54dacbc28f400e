#!/usr/bin/env bash
# Packs what a build has made, and the .NET runtime that it ran on, for machines without an SDK; `build.sh bundle`
# calls it. The same build and runtime give the same bytes.
set -euo pipefail

fail() {
    printf 'bundle: %s\n' "$1" >&2
    exit 1
}

[ $# -eq 4 ] || [ $# -eq 5 ] || fail 'usage: bundle.sh DOTNET_FOLDER BIN_FOLDER CONFIGURATION OUTPUT_FOLDER [PROGRAM]'
# PROGRAM is the sequor command of machine code, where it could be made.
dotnet=$1 bin=$2 configuration=$3 output=$4 native=${5:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

[ "$(uname -s)" = Linux ] || fail 'the archive is for Linux, and has to be made there'
case $(tar --version 2>/dev/null) in
    *'GNU tar'*) ;;
    *) fail 'GNU tar is needed' ;;
esac
xz --version >/dev/null 2>&1 || fail 'xz is needed'
for program in Tool/$configuration/sequor Tests/$configuration/Sequor.Tests \
    Cuda.Tests/$configuration/Sequor.Cuda.Tests VirtualGpu.Tests/$configuration/Sequor.VirtualGpu.Tests \
    Suites/$configuration/Sequor.Suites Replay/$configuration/Sequor.Replay \
    FirstContact/$configuration/Sequor.FirstContact Notices/$configuration/Sequor.Notices; do
    [ -x "$bin/Sequor.$program" ] || fail "$bin/Sequor.$program is not there; build first"
done

# The newest patch of the version that the programs ask for, as the host takes it.
wanted=$(sed -n 's/.*"version": "\([0-9]*\.[0-9]*\)\..*/\1/p' \
    "$bin/Sequor.Tool/$configuration/sequor.runtimeconfig.json" | head -n 1)
shared=$dotnet/shared/Microsoft.NETCore.App
runtime=$(find "$shared" -mindepth 1 -maxdepth 1 -name "$wanted.*" -printf '%f\n' 2>/dev/null |
    LC_ALL=C sort -V | tail -n 1)
[ -n "$runtime" ] || fail "there is no .NET $wanted runtime in $dotnet"
host=$(find "$dotnet/host/fxr" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort -V | tail -n 1)
rid=$(sed -n 's|.*"name": "\.NETCoreApp,Version=v[0-9.]*/\(.*\)".*|\1|p' \
    "$shared/$runtime/Microsoft.NETCore.App.deps.json" | head -n 1)
[ -n "$rid" ] || fail "$shared/$runtime does not say which system it is for"
version=$(DOTNET_ROOT=$dotnet "$bin/Sequor.Tool/$configuration/sequor" --version)
# Without the commit.
version=${version%%+*}

# Of these very kernels, so it is made anew.
DOTNET_ROOT=$dotnet "$bin/Sequor.Replay/$configuration/Sequor.Replay" record \
    "$bin/Sequor.Replay/$configuration/launches.recording" || fail 'the launches were not recorded'

mkdir -p "$output"
output=$(cd "$output" && pwd -P)
work=$(mktemp -d "$output/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
name=sequor-bundle-$version-$rid
stage=$work/$name

mkdir -p "$stage/dotnet/host/fxr" "$stage/dotnet/shared/Microsoft.NETCore.App"
cp -RL "$dotnet/host/fxr/$host" "$stage/dotnet/host/fxr/"
cp -RL "$shared/$runtime" "$stage/dotnet/shared/Microsoft.NETCore.App/"
# What only debuggers load, and collectors that only DOTNET_GCName asks for.
rm -f "$stage/dotnet/shared/Microsoft.NETCore.App/$runtime"/{libmscordaccore,libmscordbi,libclrgc,libclrgcexp}.so
for file in dotnet LICENSE.txt ThirdPartyNotices.txt; do
    [ ! -f "$dotnet/$file" ] || cp -L "$dotnet/$file" "$stage/dotnet/"
done
# The tests look for the tool in a folder beside their own, so the layout stays the build's.
for program in Tool Tests Cuda.Tests VirtualGpu.Tests Suites Replay FirstContact; do
    mkdir -p "$stage/bin/Sequor.$program"
    cp -RL "$bin/Sequor.$program/$configuration" "$stage/bin/Sequor.$program/build"
done
if [ -n "$native" ]; then
    [ -x "$native" ] || fail "$native is no program"
    mkdir "$stage/native"
    cp -L "$native" "$stage/native/sequor"
fi
find "$stage/bin" -type f \( -name '*.pdb' -o -name 'Sequor.*.xml' \) -delete
# What packages bring for other systems; the folders named after processors are for Windows.
for folder in "$stage"/bin/*/build/runtimes/*; do
    case ${folder##*/} in
        "$rid" | linux | unix | any | '*') ;;
        *) rm -r "$folder" ;;
    esac
done
rm -rf "$stage"/bin/*/build/{amd64,arm64,x86}
cp "$here/start.sh" "$here/README.txt" "$here/../../LICENSE" "$stage/"
chmod +x "$stage/start.sh"
# It fails where a file's licence is not known.
DOTNET_ROOT=$dotnet "$bin/Sequor.Notices/$configuration/Sequor.Notices" \
    "$stage/THIRD-PARTY-NOTICES.txt" "$stage/dotnet" "$stage/bin" "$bin/../obj" \
    "uPlot=$here/../Workloads/Charts/uPlot/LICENSE" || fail 'the notices could not be written'

echo "Packing $(du -sm "$stage" | cut -f 1) MiB ..." >&2
archive=$output/$name.tar.xz
# The programs have files in common, which a dictionary as large as all of bin/ makes use of. Calls and jumps of x86 are
# alike once they are told by where they go.
filters=(--lzma2=preset=6,dict=64MiB)
case $rid in
    *-x64) filters=(--x86 "${filters[@]}") ;;
esac
tar -C "$work" --format=gnu --sort=name --mtime=@946684800 --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+r,go-w,a+X -cf - "$name" |
    xz --threads=1 "${filters[@]}" >"$work/archive"
mv -f "$work/archive" "$archive"

bytes=$(wc -c <"$archive")
echo "$((bytes / 1048576)).$((bytes % 1048576 * 10 / 1048576)) MiB: $archive"
