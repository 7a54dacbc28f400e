#!/usr/bin/env bash
# What the C ABI costs on this machine: publishes libsequor, and measures a call of it, the time from the start to the first
# result, and LSTM steps in turn with the same code run by the JIT, by processor time. Needs gcc and a built Tests/Sequor.Tests
# (./build.sh build). Best on a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec artifacts/bin/Sequor.Tests/release/Sequor.Tests \
    --filter "FullyQualifiedName~PublishedTests.What_a_call_and_a_step_cost" --output Detailed "$@"
