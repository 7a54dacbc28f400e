using System.ComponentModel;
using System.Text.Json;
using NUnit.Framework;
using Sequor.FirstContact;
using Sequor.Tests.Support;

namespace Sequor.Tests.Peers;

/// <summary>Runs the scripts of Benchmarks/Peers; where there is no Python the tests are skipped.</summary>
internal abstract class PeersFixture : FolderTest
{
    // Answers as Sequor's bench or as a peer's program, and writes down what it was asked.
    private const string StandIn = """
        import json, pathlib, sys
        name, folder, missing, *words = sys.argv[1:]
        folder = pathlib.Path(folder)
        if name == missing:
            sys.exit(f"{name}: libstdc++.so.6: version `GLIBCXX_3.4.32' not found")
        if "--list" in words:
            listed = folder / f"{name}.list"
            print(listed.read_text() if listed.exists() else "rnn\nlstm")
            sys.exit()
        value = lambda option: words[words.index(option) + 1]
        file = pathlib.Path(value("--json")) if name == "sequor" else None
        texts = pathlib.Path(value("--data")) if "--data" in words else None
        def shown(word):
            if texts and word == str(texts):
                lines = (texts / "ptb.train.txt").read_text().splitlines()
                return f"{len({w for line in lines for w in line.split()}) + 1} words"
            return "F" if file and word == str(file) else word
        told = [name, *map(shown, words)]
        with (folder / "log").open("a") as log:
            print(*told, file=log)
        turn = sum(line.split()[0] == name for line in (folder / "log").open()) - 1
        times = json.loads((folder / f"{name}.times").read_text())
        ms = times[turn % len(times)]
        fails = folder / "fails"
        if fails.exists() and fails.read_text() == value("--arch"):
            sys.exit(f"{name}: no luck")
        model = {"arch": value("--arch"), "hidden": 8, "layers": 2, "parameters": 1000}
        if name != "sequor":
            other = folder / f"{name}.parameters"
            if other.exists():
                model["parameters"] = int(other.read_text())
            print(json.dumps({**model, name: "1.2", "step_ms": ms}))
        elif "--stream" in words:
            file.write_text(json.dumps({"stream": [{**model, "step_us": {"median": 1e3 * ms}}]}))
        else:
            sizes = {"length": int(value("--length")), "batch": int(value("--batch"))}
            result = {**model, **sizes, "forward_ms": ms / 4, "step_ms": {"median": ms}}
            file.write_text(json.dumps({"results": [result]}))
        """;

    protected static string Scripts => Path.Combine(Repository.Root(), "Benchmarks", "Peers");

    /// <summary>What a stand-in's steps take, run after run, in ms.</summary>
    protected void Times(string name, params double[] milliseconds) =>
        File.WriteAllText(PathOf($"{name}.times"), JsonSerializer.Serialize(milliseconds));

    /// <summary>What the stand-ins were asked, in order; the name of a file is F.</summary>
    protected string[] Log() => File.Exists(PathOf("log")) ? File.ReadAllLines(PathOf("log")) : [];

    /// <summary>The JSON of a comparison that succeeds.</summary>
    protected JsonElement Compare(string words)
    {
        (int code, _, string error) = Run($"{words} --json {PathOf("all.json")}");
        Assert.That(code, Is.Zero, error);
        Assert.That(error, Is.Empty);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf("all.json")));
        return document.RootElement.Clone();
    }

    /// <summary>Runs compare.py with stand-ins for Sequor and for the peers that are programs.</summary>
    protected (int Code, string Output, string Error) Run(string words, string missing = "none")
    {
        string script = PathOf("stand-in.py");
        File.WriteAllText(script, StandIn);
        string sequor = PathOf("sequor");
        File.WriteAllText(
            sequor,
            $"#!/bin/sh\nexec python3 -B '{script}' sequor '{Folder}' '{missing}' \"$@\"\n"
        );
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                sequor,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
        var arguments = new List<string> { "--sequor", sequor };
        foreach (string peer in (string[])["torchsharp", "onnx"])
            arguments.AddRange([
                $"--{peer}",
                $"python3 -B '{script}' {peer} '{Folder}' '{missing}'",
            ]);
        // What is given later counts.
        return Python([Path.Combine(Scripts, "compare.py"), .. arguments, .. words.Split(' ')]);
    }

    /// <summary>Runs a Python script.</summary>
    protected static (int Code, string Output, string Error) Python(IEnumerable<string> words)
    {
        try
        {
            FinishedProcess process = OtherProcess.Run(
                "python3",
                words.Prepend("-B"),
                variables: ("COLUMNS", "200")
            );
            return (process.ExitCode, process.Output, process.Error);
        }
        catch (Win32Exception e)
        {
            Assert.Ignore($"there is no python3: {e.Message}");
            throw;
        }
    }
}
