#!/usr/bin/env bash
# Compiles the kernels of these tests to PTX, with clang 19 and no CUDA toolkit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
for source in *.cu; do
    target=sm_75
    [ "$source" != async.cu ] || target=sm_80
    clang-19 -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=$target \
        --cuda-feature=+ptx78 -O3 -gline-tables-only -ffile-prefix-map="$PWD=." \
        -Wall -S "$source" -o "${source%.cu}.ptx"
done
