#!/usr/bin/env bash
# Tests which version packages get: Version.targets in a small repository, its clones, a worktree and archives.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
if ! type -P git >/dev/null; then
    echo 'version: skipped, as there is no git.'
    exit 0
fi
# The blanks show where a path is not quoted.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree="$work/a tree"
passed=0

mkdir -p "$tree/Layers"
cp "$repository/Version.targets" "$repository/ArchivedCommit.txt" "$repository/.gitattributes" "$tree"
cat >"$tree/Directory.Build.props" <<'END'
<Project>
  <PropertyGroup><VersionPrefix>0.1.0</VersionPrefix></PropertyGroup>
</Project>
END
touch "$tree/Layers/A.cs"
echo artifacts/ >"$tree/.gitignore"

# Runs git as anyone would have it set up, at 2026-11-30 05:31:43 UTC, told in another zone.
git() {
    (
        unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
        export GIT_AUTHOR_DATE='2001-01-01 00:00:00 +0000' GIT_COMMITTER_DATE="${TIME:-2026-11-30 11:31:43 +0600}"
        command git -C "$tree" -c user.name=A -c user.email=a@example.org -c commit.gpgsign=false \
            -c tag.gpgsign=false -c protocol.file.allow=always "$@"
    )
}

# Sets `version` to what packages made in the folder $1 would have.
ask() {
    status=0
    version=$(cd "$1" && dotnet msbuild Version.targets -nologo -v:minimal -tl:off -nodeReuse:false 2>&1) || status=$?
    version=${version#"${version%%[![:space:]]*}"}
}

# Expects the version $3 in the folder $2.
expect() {
    ask "$2"
    if [ "$version" != "$3" ] || [ "$status" -ne 0 ]; then
        echo "FAILED: $1: $version instead of $3" >&2
        exit 1
    fi
    passed=$((passed + 1))
}

expect 'sources that know no commit have no version of one' "$tree" 0.1.0-dev.0.unknown
git init -q -b main
git add .
git commit -q -m one
head=$(git rev-parse --short=10 HEAD)
first=0.1.0-dev.20261130053143.g$head
expect 'a commit has its time in UTC and its hash' "$tree" "$first"

git clone -q "$tree" "$work/clone"
git -C "$work/clone" remote set-url origin https://example.org/elsewhere.git
git clone -q --shared "$work/clone" "$work/clone of it"
git clone -q --depth 1 "file://$tree" "$work/shallow"
git worktree add -q --detach "$work/worktree"
for place in clone 'clone of it' shallow worktree; do
    expect "a $place says the same" "$work/$place" "$first"
done
mkdir "$work/archive"
git archive HEAD | tar -x -C "$work/archive"
expect 'and so does an archive' "$work/archive" "$first"

before=$(cksum "$tree/.git/index" && find "$tree/.git/objects" | sort)
echo changed >"$tree/Layers/A.cs"
ask "$tree"
changed=$version
[[ $changed =~ ^"$first".d[0-9a-f]{10}$ ]] || {
    echo "FAILED: changed sources are not told: $changed" >&2
    exit 1
}
[ "$before" = "$(cksum "$tree/.git/index" && find "$tree/.git/objects" | sort)" ] || {
    echo 'FAILED: the repository is not as it was' >&2
    exit 1
}
echo changed >"$work/worktree/Layers/A.cs"
expect 'the same change has the same version elsewhere' "$work/worktree" "$changed"
touch "$work/worktree/Layers/B.cs"
ask "$work/worktree"
[[ $version =~ ^"$first".d[0-9a-f]{10}$ && $version != "$changed" ]] || {
    echo "FAILED: a file that git does not know changes the version: $version" >&2
    exit 1
}
git checkout -q -- Layers/A.cs
mkdir "$tree/artifacts"
touch "$tree/artifacts/A.dll" "$tree/Layers/A.cs"
expect 'what is ignored, and a time alone, are no changes' "$tree" "$first"

TIME='2026-11-30 05:31:44 +0000' git commit -q --allow-empty -m two
expect 'another commit has another version' "$tree" "0.1.0-dev.20261130053144.g$(git rev-parse --short=10 HEAD)"
git tag v0.2.0
ask "$tree"
if [ "$status" -eq 0 ] || [[ $version != *'the tag v0.2.0, but VersionPrefix in Directory.Build.props is 0.1.0'* ]]; then
    echo "FAILED: the tag of another version is not told: $version" >&2
    exit 1
fi
git tag -a -m 'A release.' v0.1.0
expect 'a tag is a release' "$tree" 0.1.0
rm -r "$work/archive"
mkdir "$work/archive"
git archive HEAD | tar -x -C "$work/archive"
expect 'in an archive too' "$work/archive" 0.1.0
echo changed >"$tree/Layers/A.cs"
ask "$tree"
[[ $version =~ ^0\.1\.0-dev\.20261130053144\.g[0-9a-f]{10}\.d[0-9a-f]{10}$ ]] || {
    echo "FAILED: a changed tree is no release: $version" >&2
    exit 1
}
mv "$tree/.git" "$work/.git"
expect 'the commit of a repository above is that of something else' "$tree" 0.1.0-dev.0.unknown

echo "version: all $((passed + 6)) checks passed."
