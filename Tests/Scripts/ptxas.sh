#!/usr/bin/env bash
# Gets NVIDIA's ptxas where the machine is a Debian: from the package nvidia-cuda-toolkit of the component non-free, unpacked
# below artifacts/ and not installed, by whoever runs this. Prints its path; where it cannot be had, says why and ends with 1.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
folder=$repository/artifacts/ptxas
program=$folder/root/usr/bin/ptxas

give_up() {
    echo "ptxas: not got: $1" >&2
    exit 1
}

if [ ! -x "$program" ]; then
    for tool in apt-get dpkg; do
        type -P "$tool" >/dev/null || give_up "there is no $tool; SEQUOR_PTXAS can name one"
    done
    # Packages come from where the machine has its own: another component of the release that it has main of.
    read -r uri release < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null |
        awk '$3 == "main" && $2 !~ /-/ { print $1, $2; exit }') ||
        give_up 'apt-get has no source of a Debian release; SEQUOR_PTXAS can name one'

    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/sources"
    # What was unpacked by halves is no ptxas.
    trap 'rm -rf "$folder/lists" "$folder/cache" "$folder/sources" "$folder/new" "$folder"/*.deb' EXIT
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: non-free\n' "$uri" "$release"
        for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
            if [ -f "$keyring" ]; then
                echo "Signed-By: $keyring"
                break
            fi
        done
    } >"$folder/sources/non-free.sources"
    # Nothing of the machine's own state is written, so neither a lock nor root is needed.
    options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$folder/sources"
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o Debug::NoLocking=1
        -o "APT::Sandbox::User=$(id -un)" -o APT::Update::Error-Mode=any
        -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20)
    answer=$(apt-get "${options[@]}" update 2>&1) ||
        give_up "the list of $release non-free could not be read: ${answer//$'\n'/; }"
    answer=$(cd "$folder" && apt-get "${options[@]}" download nvidia-cuda-toolkit 2>&1) ||
        give_up "nvidia-cuda-toolkit of $release could not be read: ${answer//$'\n'/; }"
    dpkg -x "$folder"/nvidia-cuda-toolkit_*.deb "$folder/new" ||
        give_up 'the package could not be unpacked'
    [ -x "$folder/new/usr/bin/ptxas" ] || give_up "nvidia-cuda-toolkit of $release has no /usr/bin/ptxas"
    # The package has much more, which nothing here uses.
    mkdir -p "${program%/*}"
    mv "$folder/new/usr/bin/ptxas" "$program"
fi
"$program" --version >/dev/null || give_up "$program does not run"
printf '%s\n' "$program"
