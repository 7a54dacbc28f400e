using System.Diagnostics;
using System.Text;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>
/// The numbered examples as a user has them: at full size, with the data that they are for, and by `dotnet run` of a single file in a
/// folder of its own, with packages from a feed.
/// </summary>
[TestFixture]
[NonParallelizable]
[Category("Long")]
public sealed class CourseRunTests : FolderTest
{
    /// <summary>A folder that has the data of the recorded commands, anywhere below it.</summary>
    private const string DataVariable = "SEQUOR_EXAMPLE_DATA";

    /// <summary>A folder with the packages; without it they are packed.</summary>
    private const string FeedVariable = "SEQUOR_FEED";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static IEnumerable<string> Runs =>
        CourseExample
            .All.Select(example => example.Name)
            .Where(name => name[..2] is not ("07" or "08"));

    [TestCaseSource(nameof(Runs))]
    public void At_full_size_it_prints_what_is_recorded(string name)
    {
        CourseExample example = CourseExample.Of(name);
        string[] words = example.Output[0].Split(' ');
        Assert.That(words[..4], Is.EqualTo(new[] { "$", "dotnet", "run", example.File }));
        (int code, string output, string error) = example.Run([.. words[4..].Select(Place)]);
        Assert.That((code, error), Is.EqualTo((0, "")));
        string[] expected = [.. example.Output.Skip(1)];
        string[] found = output
            .TrimEnd('\n')
            .Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
            .Split('\n');
        Assert.That(CourseExample.Shape(found), Is.EqualTo(CourseExample.Shape(expected)), output);
        // On other vectors sums are rounded otherwise, and training goes another way.
        if (name[..2] is "09" or "12")
            return;
        double[] numbers = [.. CourseExample.Numbers(found)];
        double[] recorded = [.. CourseExample.Numbers(expected)];
        Assert.That(numbers, Has.Length.EqualTo(recorded.Length), output);
        for (int i = 0; i < numbers.Length; i++)
            Assert.That(
                numbers[i],
                Is.EqualTo(recorded[i]).Within(1e-3 + (0.25 * Math.Abs(recorded[i]))),
                output
            );
        if (name.StartsWith("01", StringComparison.Ordinal))
            Assert.That(numbers[^2], Is.GreaterThan(97));
    }

    [Test]
    public void By_dotnet_run_it_gets_the_packages_and_works()
    {
        string feed = Feed();
        MnistFiles.Write(Folder, train: 128, test: 20, gzip: true);
        Songs.Write(Folder);
        File.WriteAllText(PathOf("book.txt"), string.Concat(Enumerable.Repeat("abcd\n", 600)));
        File.WriteAllText(
            PathOf("nuget.config"),
            $"""
            <configuration>
              <packageSources><add key="examples" value="{feed}" /></packageSources>
            </configuration>
            """
        );
        foreach (CourseExample example in CourseExample.All)
            File.WriteAllText(PathOf(example.File), example.Text);
        string[][] runs =
        [
            ["01-mnist", Folder],
            ["02-tcn-music", PathOf("songs.mat"), "1"],
            ["03-lru-filter", "5", "100"],
            ["04-text", PathOf("book.txt"), "5"],
            ["05-pytorch", "write", PathOf("model.safetensors")],
            ["06-own-layer"],
            ["07-foreign-stream"],
            ["08-own-graph"],
            ["09-profile", PathOf("trace.json"), "cpu"],
            ["12-gate", PathOf("baseline.txt"), "--update"],
        ];
        Assert.That(runs.Select(run => run[0]), Is.EqualTo(CourseExample.All.Select(e => e.Name)));
        foreach (string[] run in runs)
        {
            CourseExample example = CourseExample.Of(run[0]);
            (int code, string output) = Run("dotnet", ["run", example.File, .. run[1..]]);
            bool needsGpu = run[0][..2] is "07" or "08" && TestGpu.Real is null;
            Assert.That(code, Is.EqualTo(needsGpu ? 1 : 0), output);
            if (needsGpu)
                Assert.That(output, Does.Contain("This example needs a GPU: "));
            else if (run[0][..2] != "12")
                Assert.That(
                    CourseExample.Shape(
                        output
                            .TrimEnd('\n')
                            .Replace(
                                Folder + Path.DirectorySeparatorChar,
                                "",
                                StringComparison.Ordinal
                            )
                            .Split('\n')
                    ),
                    Is.EqualTo(CourseExample.Shape(example.Output.Skip(1)))
                );
        }
        (int passed, _) = Run("dotnet", ["run", "12-gate.cs", PathOf("baseline.txt")]);
        Assert.That(passed, Is.Zero, "nothing has changed");
    }

    [Test]
    public void PyTorch_reads_our_weights_and_we_read_its()
    {
        string[] lines = CourseExample.Of("05-pytorch").Text.Split('\n');
        int begin = Array.FindIndex(
            lines,
            line => line.StartsWith("// model.py", StringComparison.Ordinal)
        );
        Assert.That(begin, Is.Positive);
        File.WriteAllLines(
            PathOf("model.py"),
            lines[(begin + 1)..]
                .TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal))
                .Select(line => line.Length > 3 ? line[3..] : "")
        );
        (int torch, _) = Python("-c", "import torch");
        if (torch != 0)
            Assert.Ignore("there is no Python with PyTorch");
        (int package, _) = Python("-c", "import safetensors.torch");
        // Its format is simple enough to do without it.
        if (package != 0)
        {
            Directory.CreateDirectory(PathOf("safetensors"));
            File.WriteAllText(PathOf("safetensors/__init__.py"), "");
            File.WriteAllText(PathOf("safetensors/torch.py"), StandIn);
        }
        string path = PathOf("model.safetensors");
        CourseExample example = CourseExample.Of("05-pytorch");
        (_, string ours, _) = example.Run("write", path);
        Assert.That(
            Python("model.py", "read", path),
            Is.EqualTo((0, ours)).Using<(int, string)>(Alike)
        );
        (int code, string theirs) = Python("model.py", "write", path);
        Assert.That(code, Is.Zero, theirs);
        (code, string read, string error) = example.Run("read", path);
        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That((0, read), Is.EqualTo((0, theirs)).Using<(int, string)>(Alike));
        Assert.That(read, Is.Not.EqualTo(ours), "they are other weights");

        // A last digit may be rounded otherwise.
        static bool Alike((int Code, string Text) a, (int Code, string Text) b)
        {
            double[] left = [.. CourseExample.Numbers([a.Text.TrimEnd()])];
            double[] right = [.. CourseExample.Numbers([b.Text.TrimEnd()])];
            return a.Code == b.Code
                && left.Length == 3
                && left.Length == right.Length
                && left.Zip(right, (x, y) => Math.Abs(x - y))
                    .All(difference => difference <= 1.5e-5);
        }
    }

    private const string StandIn = """
        import json, math, struct, torch

        def load_file(path):
            data = open(path, "rb").read()
            begin = 8 + struct.unpack("<Q", data[:8])[0]
            tensors = {}
            for name, entry in json.loads(data[8:begin]).items():
                if name != "__metadata__":
                    first, last = entry["data_offsets"]
                    values = struct.unpack("<%df" % ((last - first) // 4), data[begin + first:begin + last])
                    tensors[name] = torch.tensor(values).reshape(entry["shape"])
            return tensors

        def save_file(tensors, path):
            entries, data = {}, b""
            for name, tensor in tensors.items():
                values = tensor.flatten().tolist()
                packed = struct.pack("<%df" % len(values), *values)
                entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(packed)]}
                data += packed
            header = json.dumps(entries).encode()
            open(path, "wb").write(struct.pack("<Q", len(header)) + header + data)
        """;

    private (int ExitCode, string Output) Python(params string[] arguments)
    {
        // The system's own first, for which the packages of the system are.
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        try
        {
            return Run(python, arguments);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (127, "there is no Python");
        }
    }

    private string Place(string word)
    {
        if (!word.Contains('.', StringComparison.Ordinal) && word != "mnist")
            return word;
        // What an example writes itself.
        if (word is "model.safetensors" or "trace.json" or "baseline.txt")
        {
            if (word == "baseline.txt")
                CourseExample.Of("12-gate").Run(PathOf(word), "--update");
            return PathOf(word);
        }
        string? data = Environment.GetEnvironmentVariable(DataVariable);
        string? place = data is null
            ? null
            : Directory
                .EnumerateFileSystemEntries(data, word, SearchOption.AllDirectories)
                .FirstOrDefault();
        if (place is null)
            Assert.Ignore(
                $"the example's data, {word}, are not in the folder that {DataVariable} names"
            );
        return place!;
    }

    private string Feed()
    {
        if (Environment.GetEnvironmentVariable(FeedVariable) is { Length: > 0 } given)
            return Path.GetFullPath(given);
        string root = Repository.Root();
        if (
            !File.ReadAllText(Path.Combine(root, "build.sh"))
                .Contains("\n    pack)", StringComparison.Ordinal)
        )
            Assert.Ignore(
                $"build.sh packs nothing, and {FeedVariable} names no folder of packages"
            );
        (int code, string output) = Run(Path.Combine(root, "build.sh"), ["pack"]);
        Assert.That(code, Is.Zero, output);
        return Path.Combine(root, "artifacts", "package");
    }

    private (int ExitCode, string Output) Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        // Else a package of the same version that was packed before would be taken.
        start.Environment["NUGET_PACKAGES"] = PathOf("packages");
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        using Process process = Process.Start(start)!;
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail(
                $"{program} {string.Join(' ', arguments)} did not end in {Patience}:\n{output}"
            );
        }
        process.WaitForExit();
        return (process.ExitCode, output.ToString());

        void Add(string? line)
        {
            lock (output)
            {
                if (line is not null)
                    output.Append(line).Append('\n');
            }
        }
    }
}
