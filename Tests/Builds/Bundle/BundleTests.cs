using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;

namespace Sequor.Tests.Bundle;

/// <summary>The archive for machines without an SDK: made, unpacked elsewhere, and run in an empty environment.</summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
public sealed class BundleTests : FolderTest
{
    private const long MostBytes = 50L << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    [Test]
    public void A_bundle_runs_elsewhere_with_an_empty_environment()
    {
        string? native = PublishedProgram.Find(out string? reason);
        string[] programs = native is null ? [] : [native];
        Finished made = Run(
            Environment.GetEnvironmentVariable("PATH"),
            Script(),
            [DotnetFolder, BinFolder, Configuration, PathOf("output"), .. programs]
        );
        TestContext.Out.WriteLine(
            native is null ? $"without machine code: {reason}" : made.Output.TrimEnd()
        );
        Assert.That(made.ExitCode, Is.Zero, made.Error);
        string archive = made.Output.TrimEnd('\n').Split('\n')[^1].Split(' ')[^1];
        Assert.That(Path.GetFileName(archive), Does.Contain("bundle"));
        Assert.That(new FileInfo(archive).Length, Is.LessThanOrEqualTo(MostBytes));
        Assert.That(
            Directory.GetFileSystemEntries(PathOf("output")),
            Is.EqualTo(new[] { archive }),
            "nothing is left beside it"
        );

        // The blank shows where the script does not quote a path.
        string place = PathOf("another place");
        Directory.CreateDirectory(place);
        string? path = Environment.GetEnvironmentVariable("PATH");
        Finished unpacked = Run(path, "tar", ["-xJf", archive, "-C", place]);
        Assert.That(unpacked.ExitCode, Is.Zero, unpacked.Error);
        string bundle = Directory.GetDirectories(place).Single();
        Assert.That(
            Directory
                .EnumerateFiles(bundle, "*", SearchOption.AllDirectories)
                .Where(f => f.EndsWith(".pdb") || f.EndsWith(".exe") || f.EndsWith(".dylib")),
            Is.Empty,
            "nothing for other systems"
        );

        // What writes it fails where a library is covered by nothing.
        Assert.That(
            File.ReadAllText(Path.Combine(bundle, "THIRD-PARTY-NOTICES.txt")),
            Does.Contain("\nBenchmarkDotNet ")
                .And.Contain("\nNUnit ")
                .And.Contain("\nuPlot\n")
                .And.Contain("\n.NET runtime\n")
        );

        string start = Path.Combine(bundle, "start.sh");
        Finished smoke = Run(null, start, ["smoke"]);
        Assert.That(smoke.ExitCode, Is.Zero, smoke.Output + smoke.Error);
        Assert.That(
            smoke.Output,
            Does.Match(@"(?m)^cuda +(not )?available: ")
                .And.Contain("One training step")
                .And.Contain("Test run summary: Passed!")
                .And.Match(@"(?m)^\| Step +\| lstm +\|")
                .And.EndWith("smoke: all went well\n")
        );

        // Each is the one that it is taken for: only the one of machine code says so of itself.
        string version = Run(null, start, ["--version"]).Output;
        Assert.That(version.EndsWith(" NativeAOT\n"), Is.EqualTo(native is not null), version);
        Finished doctor = Run(null, start, ["doctor"]);
        Assert.That((doctor.ExitCode, doctor.Error), Is.EqualTo((0, "")));
        Assert.That(doctor.Output, Does.Match("(?m)^runtime ").And.Not.Contain("NativeAOT"));
        if (native is not null)
            Assert.That(smoke.Output, Does.Match(@"(?m)^machine code  \S+ NativeAOT$"));

        // Where the bundle was made, the folder of the tests has another name; the recording is in it all the same.
        Finished replayed = Run(null, start, ["replay", "--virtual"]);
        Assert.That(replayed.ExitCode, Is.Zero, replayed.Output + replayed.Error);
        Assert.That(
            replayed.Output,
            Does.Match(@"(?m)^(\d+) of \1 kernels left what was recorded")
        );
        Assert.That(replayed.Error, Is.Empty, "it was not recorded anew");

        Finished dry = Run(
            null,
            start,
            ["first-contact", PathOf("dry"), "--virtual", "--only", "libraries,graphs"]
        );
        Assert.That(dry.ExitCode, Is.Zero, dry.Output + dry.Error);
        Assert.That(dry.Output, Does.Contain("2 held, 0 did not, 0 skipped"));

        // The virtual GPU is in the tests alone: without a real one there is nothing to measure.
        Finished measured = Run(null, start, ["measure", PathOf("results")]);
        bool real = TestGpu.Real is not null;
        Assert.That(measured.ExitCode, Is.EqualTo(real ? 0 : 1), measured.Error);
        Assert.That(File.Exists(Path.Combine(PathOf("results"), "doctor.json")));
        if (!real)
            Assert.That(
                measured.Error,
                Does.StartWith(
                    "measure: there is no GPU to measure on: sequor bench: device cuda:0 is"
                )
            );

        Finished wrong = Run(null, start, ["benhc"]);
        Assert.That((wrong.ExitCode, wrong.Output), Is.EqualTo((2, "")));
        Assert.That(wrong.Error, Does.Contain("did you mean 'bench'"));
        Finished none = Run(null, start, ["test", "--filter", "Name=NoSuchTest"]);
        Assert.That(none.ExitCode, Is.Not.Zero, "no test ran");
    }

    private static string Script()
    {
        const string script = "Benchmarks/Bundle/bundle.sh";
        return Path.Combine(
            Repository.Root(
                script,
                "bundles are made in the repository, and this test program runs outside it"
            ),
            script
        );
    }

    /// <summary>The installation whose runtime this process has, as in dotnet/shared/NAME/VERSION.</summary>
    private static string DotnetFolder =>
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    // artifacts/bin/Sequor.Tests/release
    private static string Configuration => new DirectoryInfo(Trimmed).Name;

    private static string BinFolder => new DirectoryInfo(Trimmed).Parent!.Parent!.FullName;

    private static string Trimmed => Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

    /// <summary>Runs a program in a folder that has nothing of its own, with PATH or an empty environment.</summary>
    private Finished Run(string? path, string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        start.Environment.Clear();
        if (path is not null)
            start.Environment["PATH"] = path;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} did not end in time");
        }
        return new Finished(process.ExitCode, output.Result, error.Result);
    }

    private sealed record Finished(int ExitCode, string Output, string Error);
}
