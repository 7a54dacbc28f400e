"""The libraries that compare.py sets beside Sequor: how each is found, what it is measured at, and how."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# A training step, its forward pass alone, and a step of a stream: one sequence, its states carried on.
TRAINING, INFERENCE, STREAM = "training", "inference", "stream"


class Missing(Exception):
    """A peer does not run here; the text says why."""


class Failed(Exception):
    """A program ended with an error; the text has what it said."""


def run(command, environment):
    """What a program prints; its words go into the error where it fails."""
    command = [str(word) for word in command]
    try:
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise Failed(f"{command[0]} cannot be started: {error.strerror}") from None
    if result.returncode != 0:
        said = result.stderr.strip() or result.stdout.strip() or "without a word"
        raise Failed(f"{' '.join(command)} ended with {result.returncode}:\n{said}")
    return result.stdout


class Peer:
    """A library with a program of its own that measures it."""

    # Of those a peer may have models of words, whose embedding is the output layer too.
    language_models = ()

    def __init__(self, name, title, measures, on_gpu):
        self.name = name
        self.title = title
        self.measures = measures
        self.on_gpu = on_gpu
        self.command = []
        self.architectures = []

    def find(self, options, environment):
        """Finds or builds the program, and lets it load its library.

        Raises Missing where one of that is not possible.
        """
        if options.device != "cpu" and not self.on_gpu:
            raise Missing(f"is measured on the CPU alone, and --device is {options.device}")
        self.command = self.start(options, environment)
        try:
            self.architectures = run([*self.command, "--list"], environment).split()
        except Failed as failure:
            # The last line is the program's own; what stands before it is the command, or a trace.
            raise Missing(str(failure).splitlines()[-1].removeprefix(f"{self.name}: ")) from None

    def start(self, options, environment):
        raise NotImplementedError

    def measure(self, measure, mine, options, environment):
        """One run of the model that Sequor measured, as the peer's program gives it, in ms a step."""
        command = [*self.command, "--arch", mine["arch"], "--hidden", mine["hidden"]]
        command += ["--layers", mine["layers"], "--threads", options.threads]
        if measure == STREAM:
            command += ["--steps", options.stream_steps, "--warmup", options.stream_steps // 10]
        else:
            command += ["--length", mine["length"], "--batch", mine["batch"]]
            command += ["--steps", options.steps, "--warmup", options.warmup]
        if options.vocabulary:
            command += ["--classes", options.vocabulary]
        if len(self.measures) > 1:
            command += ["--measure", measure]
        if self.on_gpu:
            command += ["--device", "cuda" if options.device.startswith("cuda") else "cpu"]
        said = run(command, environment)
        try:
            return json.loads(said)
        except ValueError:
            raise Failed(f"{' '.join(map(str, command))} printed no JSON but:\n{said.strip()}") from None


class PythonPeer(Peer):
    """A script beside this one, for a Python that has its library."""

    def __init__(self, name, title, module, measures, language_models=()):
        super().__init__(name, title, measures, on_gpu=True)
        self.module = module
        self.language_models = language_models

    def start(self, options, environment):
        candidates = [options.python] if options.python else ["/usr/bin/python3", "python3", sys.executable]
        for candidate in candidates:
            path = shutil.which(candidate)
            if path and subprocess.run([path, "-c", f"import {self.module}"], capture_output=True).returncode == 0:
                return [path, HERE / f"{self.name}_peer.py"]
        raise Missing(f"no {self.title} in {' or '.join(candidates)}; --python says where one is")


class DotnetPeer(Peer):
    """A project below this folder, which nothing else builds: its packages are large."""

    def __init__(self, name, title, project, measures, language_models=()):
        super().__init__(name, title, measures, on_gpu=False)
        self.project = HERE / project
        self.language_models = language_models

    def start(self, options, environment):
        given = getattr(options, self.name)
        if given:
            # A backslash is part of a path on Windows.
            return shlex.split(given, posix=os.name != "nt")
        print(f"Building {self.project.stem} ...", file=sys.stderr, flush=True)
        command = [find_dotnet(), "build", self.project, "--configuration", "Release", "-nologo"]
        # No servers, which would go on running beside what is measured.
        command += ["-verbosity:quiet", "-tl:off", "-nodeReuse:false", "-p:UseSharedCompilation=false"]
        try:
            run(command, environment)
        except Failed as failure:
            raise Missing(f"{self.project.name} was not built: {first_error(str(failure))}") from None
        name = self.project.stem + (".exe" if os.name == "nt" else "")
        return [ROOT / "artifacts" / "bin" / self.project.stem / "release" / name]


def find_dotnet():
    name = "dotnet.exe" if os.name == "nt" else "dotnet"
    home = os.environ.get("DOTNET_ROOT")
    if home and (Path(home) / name).is_file():
        return Path(home) / name
    path = shutil.which(name)
    if not path:
        raise Missing("its program needs the .NET SDK to be built, and there is no dotnet on PATH or in DOTNET_ROOT")
    return path


def first_error(text):
    """The first error of a build's output, without its file and its project."""
    found = re.search(r"\berror (?:[A-Z]+\d+ ?)?:.*?(?= \[[^\]]*\]$|$)", text, re.MULTILINE)
    return found.group(0) if found else text.splitlines()[-1]


RECURRENT = ("rnn", "lstm", "gru")

PEERS = [
    PythonPeer("torch", "PyTorch", "torch", (TRAINING,), RECURRENT),
    DotnetPeer("torchsharp", "TorchSharp", "TorchSharp/Sequor.Peers.TorchSharp.csproj", (TRAINING,), RECURRENT),
    DotnetPeer("onnx", "ONNX Runtime", "Onnx/Sequor.Peers.Onnx.csproj", (INFERENCE, STREAM)),
    PythonPeer("jax", "JAX", "jax", (TRAINING,)),
]
