#!/usr/bin/env bash
# Leaves a report as a comment on a pull request; a later one takes the place of an earlier one of the same kind.
# Needs gh with a token that may write to pull requests (GH_TOKEN), and GITHUB_REPOSITORY.
set -euo pipefail

fail() {
    printf 'comment: %s\n' "$1" >&2
    exit "${2:-1}"
}

[ $# -eq 3 ] || fail 'usage: comment.sh NUMBER KIND FILE' 2
number=$1 kind=$2 file=$3
case $number in
    '' | *[!0-9]*) fail "'$number' is no number of a pull request" 2 ;;
esac
case $kind in
    '' | *[!a-z]*) fail "'$kind' is no kind: a word of small letters" 2 ;;
esac
[ -s "$file" ] || fail "there is no report '$file'"

mark="<!-- sequor report: $kind -->"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
    printf '%s\n' "$mark"
    # A comment holds 65,536 characters.
    head -c 60000 "$file"
    [ "$(wc -c <"$file")" -le 60000 ] || printf '\n\nCut off; all of it is in the artifacts of the run.\n'
} >"$body"

comments=repos/$GITHUB_REPOSITORY/issues
ids=$(gh api --paginate "$comments/$number/comments" \
    --jq ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$mark\"))) | .id")
if [ -n "$ids" ]; then
    gh api --silent --method PATCH "$comments/comments/${ids%%$'\n'*}" -F "body=@$body"
else
    gh api --silent --method POST "$comments/$number/comments" -F "body=@$body"
fi
