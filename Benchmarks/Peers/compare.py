#!/usr/bin/env python3
"""Compares Sequor's training steps with PyTorch's on this machine.

For each shape and architecture both programs run in turn, some rounds each, with models of the same
size; what counts is the median of the rounds' medians. Prints a table and, with --json, writes all.

    compare.py                                   the three usual shapes, five rounds each
    compare.py --shapes 600x32 --arch tcn,lru --rounds 3 --json compare.json

Needs a built Sequor, and a Python with PyTorch (--python).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHAPES = "600x32,2000x8,100x128"


def fail(message):
    sys.exit(f"compare.py: {message}")


def run(command, environment):
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        fail(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stderr.strip()}")
    return result.stdout


def ours(options, arch, length, batch, environment):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "bench.json"
        command = [options.sequor, "bench", "--arch", arch, "--device", options.device]
        command += ["--length", length, "--batch", batch, "--params", options.params]
        command += ["--threads", options.threads, "--warmup", options.warmup]
        command += ["--steps", options.steps, "--json", report]
        run([str(part) for part in command], environment)
        return json.loads(report.read_text())["results"][0]


def theirs(options, like, environment):
    command = [options.python, HERE / "torch_peer.py", "--arch", like["arch"]]
    command += ["--length", like["length"], "--batch", like["batch"]]
    command += ["--hidden", like["hidden"], "--layers", like["layers"]]
    command += ["--threads", options.threads, "--warmup", options.warmup]
    command += ["--steps", options.steps]
    command += ["--device", "cuda" if options.device.startswith("cuda") else "cpu"]
    return json.loads(run([str(part) for part in command], environment))


def shape(text):
    length, separator, batch = text.partition("x")
    if not (separator and length.isdigit() and batch.isdigit()):
        fail(f"a shape is LENGTHxBATCH, as in 600x32, not '{text}'")
    return int(length), int(batch)


def find_python(given):
    candidates = [given] if given else ["/usr/bin/python3", "python3", sys.executable]
    for candidate in candidates:
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", "import torch"], capture_output=True).returncode == 0:
            return path
    fail(f"no PyTorch in {' or '.join(candidates)}; --python says where one is")


def find_sequor(given):
    name = "sequor.exe" if os.name == "nt" else "sequor"
    path = Path(given or HERE.parents[1] / "artifacts" / "bin" / "Sequor.Tool" / "release" / name)
    if not path.is_file():
        fail(f"there is no '{path}': build first, or say where it is with --sequor")
    return path


def compare(options, arch, length, batch, environment):
    rounds = []
    for _ in range(options.rounds):
        mine = ours(options, arch, length, batch, environment)
        peer = theirs(options, mine, environment)
        if abs(mine["parameters"] - peer["parameters"]) > 0.05 * mine["parameters"]:
            fail(f"{arch} has {mine['parameters']} parameters here and {peer['parameters']} there")
        rounds.append({"sequor": mine, "torch": peer})
    sequor_ms = statistics.median(r["sequor"]["step_ms"]["median"] for r in rounds)
    torch_ms = statistics.median(r["torch"]["step_ms"] for r in rounds)
    return {
        "arch": arch,
        "length": length,
        "batch": batch,
        "hidden": rounds[0]["sequor"]["hidden"],
        "parameters": rounds[0]["sequor"]["parameters"],
        "sequor_ms": round(sequor_ms, 4),
        "torch_ms": round(torch_ms, 4),
        "ratio": round(sequor_ms / torch_ms, 4),
        "round_ratios": [
            round(r["sequor"]["step_ms"]["median"] / r["torch"]["step_ms"], 4) for r in rounds
        ],
        "torch": rounds[0]["torch"]["torch"],
        "rounds": rounds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", help="names separated by commas (all that torch_peer.py has)")
    parser.add_argument("--shapes", default=SHAPES, help="LENGTHxBATCH, separated by commas")
    parser.add_argument("--params", type=int, default=70_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sequor", help="the built program")
    parser.add_argument("--python", help="a Python that has PyTorch")
    parser.add_argument("--json", help="writes all samples to this file")
    options = parser.parse_args()
    shapes = [shape(text) for text in options.shapes.split(",")]
    if options.json and not Path(options.json).resolve().parent.is_dir():
        fail(f"--json: there is no folder for '{options.json}'")
    options.sequor = find_sequor(options.sequor)
    options.python = find_python(options.python)
    # PyTorch's own threads call OpenBLAS; threads of its own below them would only be in the way.
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", NO_COLOR="1")

    known = run([options.python, HERE / "torch_peer.py", "--list"], environment).split()
    archs = options.arch.split(",") if options.arch else known
    for arch in archs:
        if arch not in known:
            fail(f"unknown architecture '{arch}'; allowed: {', '.join(known)}")

    print(f"{'arch':4}  {'T':>5}  {'B':>4}  {'params':>8}  {'sequor ms':>9}  {'torch ms':>9}  {'ratio':>5}  rounds")
    results = []
    for length, batch in shapes:
        for arch in archs:
            r = compare(options, arch, length, batch, environment)
            results.append(r)
            rounds = " ".join(f"{ratio:.2f}" for ratio in r["round_ratios"])
            print(
                f"{arch:4}  {length:5}  {batch:4}  {r['parameters']:8}  {r['sequor_ms']:9.2f}"
                f"  {r['torch_ms']:9.2f}  {r['ratio']:5.2f}  {rounds}",
                flush=True,
            )
    if options.json:
        target = Path(options.json)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        document = {
            "schema": "sequor.peers/1",
            "threads": options.threads,
            "rounds": options.rounds,
            "results": results,
        }
        temporary.write_text(json.dumps(document) + "\n")
        temporary.replace(target)


if __name__ == "__main__":
    main()
