#!/usr/bin/env bash
# Tests which commit a build writes down: Commit.targets in a small repository, without the sources to compile.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
if ! type -P git >/dev/null; then
    echo 'commit: skipped, as there is no git.'
    exit 0
fi
# The blank shows where a path is not quoted.
tree="$(mktemp -d)/a tree"
trap 'rm -rf "${tree%/*}"' EXIT
passed=0

mkdir -p "$tree/Benchmarks/Workloads" "$tree/Layers" "$tree/docs"
cp "$repository/Benchmarks/Workloads/Commit.targets" "$tree/Benchmarks/Workloads"
cat >"$tree/Benchmarks/Workloads/Some.proj" <<'END'
<Project>
  <PropertyGroup><IntermediateOutputPath>obj/</IntermediateOutputPath></PropertyGroup>
  <Import Project="Commit.targets" />
</Project>
END
touch "$tree/Layers/A.cs" "$tree/README.md"
echo obj/ >"$tree/.gitignore"

# Runs git as anyone would have it set up.
git() {
    (
        unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
        command git -C "$tree" -c user.name=A -c user.email=a@example.org -c commit.gpgsign=false "$@"
    )
}

# Expects the commit $2 in what a build writes.
expect() {
    local what=$1 commit=$2 written
    (cd "$tree/Benchmarks/Workloads" && dotnet msbuild Some.proj -t:WriteCommit -nologo -v:quiet -tl:off \
        -nodeReuse:false)
    written=$(sed -n 's/.* Commit => \(.*\); }.*/\1/p' "$tree/Benchmarks/Workloads/obj/Commit.g.cs")
    if [ "$written" != "$commit" ]; then
        echo "FAILED: $what: $written instead of $commit" >&2
        exit 1
    fi
    passed=$((passed + 1))
}

expect 'sources without a repository have no commit' null
git init -q
expect 'nor has a repository without one' null
git add .
git commit -q -m one
head=$(git rev-parse HEAD)
expect 'a clean one is named' "\"$head\""
echo changed >"$tree/README.md"
mkdir "$tree/Benchmarks/Results"
touch "$tree/Benchmarks/Results/bench.json" "$tree/bench.json"
expect 'documents and results change nothing' "\"$head\""
echo changed >"$tree/Layers/A.cs"
expect 'a changed source is told' "\"$head-dirty\""
git commit -q -a -m two
head=$(git rev-parse HEAD)
touch "$tree/Layers/B.cs"
expect 'and a new one' "\"$head-dirty\""
rm "$tree/Layers/B.cs"
mkdir "$tree/docs/examples"
touch "$tree/docs/examples/01.cs"
expect 'and a new example' "\"$head-dirty\""
rm -r "$tree/docs/examples"
expect 'a clean one is clean again' "\"$head\""
touch "$tree/mark"
sleep 0.02
expect 'and stays so' "\"$head\""
[ -z "$(find "$tree/Benchmarks/Workloads/obj/Commit.g.cs" -newer "$tree/mark")" ] || {
    echo 'FAILED: a file that would be the same was written anew, so that all is compiled' >&2
    exit 1
}
mv "$tree/.git" "$tree/../.git"
expect 'the commit of a repository above is that of something else' null

echo "commit: all $passed checks passed."
