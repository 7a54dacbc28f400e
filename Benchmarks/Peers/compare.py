#!/usr/bin/env python3
"""Compares Sequor with other libraries on this machine: PyTorch, TorchSharp, ONNX Runtime, JAX.

For each shape and architecture the programs run in turn, some rounds each, with models of the same
size; what counts is the median of the rounds' medians. Prints a table and a chart of the ratios;
with --json writes all samples, with --html a page.

    compare.py                                   PyTorch, the three usual shapes, five rounds each
    compare.py --peers torchsharp,onnx --html peers.html
    compare.py --shapes 600x32 --arch tcn,lru --rounds 3 --json compare.json
    compare.py --peers torchsharp --arch lstm --hidden 1024 --layers 2 --shapes 50x32 --threads 2
    compare.py --peers torchsharp --arch lstm --vocabulary 10000 --hidden 700 --layers 3 --shapes 35x20

Of torch, torchsharp and jax it is a training step that is compared, of onnx the forward pass and a
step of a stream. With --vocabulary it is language models that are compared, of drawn words: an
embedding, recurrent layers of its width, and an output layer with the embedding's weights, an
answer at each step. Sequor's forward pass is that of a training step, which also keeps what the
backward pass needs. Needs a built Sequor. A peer whose library does not load, or that has
none of the architectures, is told with the reason and left out; the exit code is then 1, and 2
where the command line is wrong.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

import charts
from peers import INFERENCE, PEERS, ROOT, STREAM, Failed, Missing, run

SHAPES = "600x32,2000x8,100x128"


def tell(message):
    print(f"compare.py: {message}", file=sys.stderr, flush=True)


def fail(message, code=1):
    tell(message)
    sys.exit(code)


def whole(least):
    def parse(text):
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of {least} or more, not '{text}'")
        return int(text)

    return parse


def shape(text):
    length, separator, batch = text.partition("x")
    if not (separator and length.isdigit() and batch.isdigit() and int(length) and int(batch)):
        fail(f"--shapes: a shape is LENGTHxBATCH, as in 600x32, not '{text}'", 2)
    return int(length), int(batch)


def chosen(option, text, known):
    """The words of a list, each once."""
    words = list(dict.fromkeys(text.split(",")))
    for word in words:
        if word not in known:
            fail(f"{option}: unknown '{word}'; allowed: {', '.join(known)}", 2)
    return words


def find_sequor(given):
    name = "sequor.exe" if os.name == "nt" else "sequor"
    path = Path(given or ROOT / "artifacts" / "bin" / "Sequor.Tool" / "release" / name)
    if not path.is_file():
        fail(f"there is no '{path}': build first, or say where it is with --sequor")
    return path.resolve()


def find_peers(options, environment):
    """The peers that run here, and those that do not, with the reasons."""
    found, missing = [], []
    for peer in (peer for peer in PEERS if peer.name in options.peers):
        try:
            peer.find(options, environment)
            found.append(peer)
        except Missing as reason:
            tell(f"{peer.name}: {reason}")
            missing.append({"peer": peer.name, "reason": str(reason)})
    return found, missing


def ours(options, arch, where, environment):
    """What Sequor's bench gives for one architecture; where is a length and a batch, or None for a stream."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "bench.json"
        command = [options.sequor, "bench", "--arch", arch, "--device", options.device]
        command += ["--threads", options.threads, "--json", report]
        command += ["--hidden", options.hidden] if options.hidden else ["--params", options.params]
        if options.layers:
            command += ["--layers", options.layers]
        if where:
            command += ["--length", where[0], "--batch", where[1]]
            command += ["--warmup", options.warmup, "--steps", options.steps]
            if options.vocabulary:
                command += ["--task", "wordlm", "--data", words(folder, options.vocabulary, where)]
        else:
            command += ["--stream", "--steps", options.stream_steps, "--warmup", options.stream_steps // 10]
        run(command, environment)
        return json.loads(report.read_text())["results" if where else "stream"][0]


def words(folder, vocabulary, where):
    """A folder with texts of as many words, all of them in the first; what they say does not change the time."""
    # The end of a line is a word too.
    known = [f"w{i}" for i in range(vocabulary - 1)]
    length, batch = where
    drawn = random.Random(1).choices(known, k=20 * (length + 1) * batch)
    lines = [" ".join(drawn[i : i + 20]) for i in range(0, len(drawn), 20)]
    for part in ("train", "valid", "test"):
        text = "".join(f" {line} \n" for line in ([" ".join(known)] if part == "train" else []) + lines)
        Path(folder, f"ptb.{part}.txt").write_text(text)
    return folder


def milliseconds(mine, measure):
    if measure == STREAM:
        return mine["step_us"]["median"] / 1e3
    return mine["forward_ms"] if measure == INFERENCE else mine["step_ms"]["median"]


def compare(options, arch, where, pairs, environment):
    """Results of one architecture at one place, one for each pair of a peer and a measure."""
    rounds = []
    for _ in range(options.rounds):
        mine = ours(options, arch, where, environment)
        theirs = []
        for peer, measure in pairs:
            other = peer.measure(measure, mine, options, environment)
            if abs(mine["parameters"] - other["parameters"]) > 0.05 * mine["parameters"]:
                raise Failed(
                    f"{arch} has {mine['parameters']} parameters here and {other['parameters']} in {peer.name}:"
                    " other models are not compared"
                )
            theirs.append(other)
        rounds.append((mine, theirs))
    return [
        result(options, peer, measure, where, [(mine, theirs[i]) for mine, theirs in rounds])
        for i, (peer, measure) in enumerate(pairs)
    ]


def result(options, peer, measure, where, rounds):
    # Steps of a stream take microseconds.
    digits = 7 if measure == STREAM else 4
    sequor_ms = statistics.median(milliseconds(mine, measure) for mine, _ in rounds)
    peer_ms = statistics.median(other["step_ms"] for _, other in rounds)
    first, other = rounds[0]
    length, batch = where or (1, 1)
    return {
        "measure": measure,
        "peer": peer.name,
        "arch": first["arch"],
        "length": length,
        "batch": batch,
        "hidden": first["hidden"],
        "layers": first["layers"],
        "parameters": first["parameters"],
        **({"vocabulary": options.vocabulary} if options.vocabulary else {}),
        "sequor_ms": round(sequor_ms, digits),
        f"{peer.name}_ms": round(peer_ms, digits),
        "ratio": round(sequor_ms / peer_ms, 4),
        "round_ratios": [
            round(milliseconds(mine, measure) / other["step_ms"], 4) for mine, other in rounds
        ],
        peer.name: other[peer.name],
        "rounds": [
            {"stream" if measure == STREAM else "sequor": mine, peer.name: other} for mine, other in rounds
        ],
    }


def arguments():
    parser = argparse.ArgumentParser(
        prog="compare.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ",".join(peer.name for peer in PEERS)
    parser.add_argument("--peers", default="torch", help=f"of {names} (torch)")
    parser.add_argument("--arch", help="names separated by commas (all that the peers have)")
    parser.add_argument("--shapes", default=SHAPES, help=f"LENGTHxBATCH, separated by commas ({SHAPES}); not for streams")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--params", type=whole(1), default=70_000, help="parameters of each model (70000)")
    size.add_argument("--hidden", type=whole(1), help="hidden units or channels, instead of --params")
    parser.add_argument("--layers", type=whole(1), help="layers, levels or blocks (as bench has them)")
    parser.add_argument(
        "--vocabulary", type=whole(2), help="compares language models of so many words; of peers that have them, and no streams"
    )
    parser.add_argument("--rounds", type=whole(1), default=5, help="how often each program runs (5)")
    parser.add_argument("--steps", type=whole(1), default=10, help="measured steps of a run (10)")
    parser.add_argument("--warmup", type=whole(0), default=5, help="steps before them (5)")
    parser.add_argument(
        "--stream-steps", type=whole(1), default=20_000, help="of a stream, after a tenth of them (20000)"
    )
    parser.add_argument("--threads", type=whole(1), default=os.cpu_count(), help="of each program (all cores)")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for torch and jax (cpu)")
    parser.add_argument("--sequor", help="the built program")
    parser.add_argument("--python", help="a Python that has PyTorch or JAX")
    for name in ("torchsharp", "onnx"):
        parser.add_argument(
            f"--{name}", metavar="COMMAND", help=f"what starts the program of {name}, as in a container (what is built here)"
        )
    parser.add_argument("--json", metavar="FILE", help="writes all samples to this file")
    parser.add_argument("--html", metavar="FILE", help="writes a page with the table and the chart")
    options = parser.parse_args()
    for option, file in (("--json", options.json), ("--html", options.html)):
        if file and not Path(file).resolve().parent.is_dir():
            fail(f"{option}: there is no folder for '{file}'", 2)
    return options


def models(options, peer):
    """What a peer has of what is asked for."""
    return peer.language_models if options.vocabulary else peer.architectures


def work(options, peers):
    """What is run: an architecture, a length and batch or None, and the pairs that are measured there."""
    has = {peer: models(options, peer) for peer in peers}
    known = list(dict.fromkeys(arch for peer in peers for arch in has[peer]))
    archs = chosen("--arch", options.arch, known) if options.arch else known
    # Shapes first, so that the rows of a table are like those of a paper.
    for where in (*options.shapes, *([] if options.vocabulary else [None])):
        for arch in archs:
            pairs = [
                (peer, measure)
                for peer in peers
                for measure in peer.measures
                if arch in has[peer] and (measure == STREAM) == (where is None)
            ]
            if pairs:
                yield arch, where, pairs


def write(file, text):
    """The file is there whole or as it was."""
    target = Path(file)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        fail(f"'{file}' was not written: {error.strerror}")


def show(options, missing, reason, results):
    """The chart, and the files that are asked for: of a run that failed what was measured before."""
    print(charts.bars(results))
    document = {"schema": "sequor.peers/1", "threads": options.threads, "rounds": options.rounds}
    if missing:
        document["missing"] = missing
    if reason:
        document["reason"] = reason
    document["results"] = results
    if options.json:
        write(options.json, json.dumps(document) + "\n")
    if options.html:
        write(options.html, charts.page(document))


def main():
    options = arguments()
    # What is wrong is told before a peer is built.
    options.peers = chosen("--peers", options.peers, [peer.name for peer in PEERS])
    options.shapes = [shape(text) for text in options.shapes.split(",")]
    wordless = [peer.name for peer in PEERS if peer.name in options.peers and not peer.language_models]
    if options.vocabulary and wordless:
        having = ", ".join(peer.name for peer in PEERS if peer.language_models)
        has = "has" if len(wordless) == 1 else "have"
        fail(f"--vocabulary: {', '.join(wordless)} {has} no models of words; those that have: {having}", 2)
    options.sequor = find_sequor(options.sequor)
    # PyTorch's own threads call OpenBLAS; threads of its own below them would only be in the way.
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", NO_COLOR="1")
    peers, missing = find_peers(options, environment)
    if not peers:
        sys.exit(1)
    jobs = list(work(options, peers))
    for peer in peers:
        if not any(peer is other for _, _, pairs in jobs for other, _ in pairs):
            reason = f"has none of what --arch says; it has {', '.join(models(options, peer))}"
            tell(f"{peer.name}: {reason}")
            missing.append({"peer": peer.name, "reason": reason})
    print(charts.HEADER, flush=True)
    results, reason = [], None
    try:
        for arch, where, pairs in jobs:
            for r in compare(options, arch, where, pairs, environment):
                results.append(r)
                print(charts.row(r), flush=True)
    except Failed as failure:
        reason = str(failure)
        tell(reason)
    if results:
        show(options, missing, reason, results)
    if missing or reason:
        sys.exit(1)


if __name__ == "__main__":
    main()
