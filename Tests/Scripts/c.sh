#!/usr/bin/env bash
# What the C ABI costs on this machine: a call, the time from the start to the first result, and LSTM steps in turn with the same
# code run by the JIT, with the widest vectors and with those of 256 bits, by processor time. Needs a C compiler and a built
# Tests/Sequor.Tests (./build.sh build). Best on a machine that does nothing else.
#
#     Tests/Scripts/c.sh            publishes libsequor for it
#     Tests/Scripts/c.sh FOLDER     takes the one in FOLDER, compiled for the very processor for example:
#         dotnet publish Layers/C/Sequor.C.csproj -c Release -r linux-x64 -p:IlcInstructionSet=native -o FOLDER
set -euo pipefail
[[ $# -eq 0 ]] || SEQUOR_PUBLISHED=$(cd "$1" && pwd)
export SEQUOR_PUBLISHED=${SEQUOR_PUBLISHED:-}
cd "$(dirname "$0")/../.."
exec artifacts/bin/Sequor.Tests/release/Sequor.Tests \
    --filter "FullyQualifiedName~PublishedTests.What_a_call_and_a_step_cost" --output Detailed
