#!/usr/bin/env bash
# Tests that CI builds of one commit in two folders give the same assemblies and programs. Takes minutes; the long tests
# run it. What is not committed is left out.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Of different length and depth, and with a blank.
places=("$work/a" "$work/some other/place for it")

sums() {
    local place=$1
    mkdir -p "${place%/*}"
    git clone -q "$repository" "$place" >&2
    (
        cd "$place"
        CI=true dotnet build Sequor.slnx -c Release -v quiet -nologo -nodeReuse:false \
            -p:UseSharedCompilation=false -p:RunAnalyzers=false >&2
        cd artifacts/bin
        find . -type f \( -name 'Sequor*' -o -name 'sequor*' \) -exec sha256sum {} + | LC_ALL=C sort -k 2
    )
}

sums "${places[0]}" >"$work/first"
sums "${places[1]}" >"$work/second"
if ! diff "$work/first" "$work/second" >&2; then
    echo 'reproducible: FAILED: these files are not the same in two folders.' >&2
    exit 1
fi
grep -q '/release/sequor.dll$' "$work/first" || {
    echo 'reproducible: FAILED: nothing was built.' >&2
    exit 1
}
echo "reproducible: all $(wc -l <"$work/first") files are the same."
