using System.Diagnostics;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Replays;

/// <summary>The program that replays: on the virtual GPU, where all is equal, and where a kernel goes wrong.</summary>
[TestFixture]
public sealed class ReplayProgramTests : FolderTest
{
    private string _recording = "";

    [SetUp]
    public void Record()
    {
        _recording = PathOf("a recording");
        File.WriteAllBytes(_recording, RecordingFile.ToBytes(SmallRecording.Make()));
    }

    [Test]
    public void What_was_recorded_is_left_again()
    {
        ReplayOutcome outcome = Replay(0, "--json", PathOf("report"));
        Assert.That(outcome.Output, Does.Contain("2 of 2 kernels left what was recorded"));
        Assert.That(outcome.Output, Does.Match(@"(?m)^add +1 +20 +0 +equal$"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(PathOf("report")));
        Assert.That(json.RootElement.GetProperty("device").GetString(), Is.EqualTo("virtual GPU"));
        Assert.That(json.RootElement.GetProperty("kernels").GetArrayLength(), Is.EqualTo(2));
    }

    [TestCase("different", "different", "add +1 +20 +1 ")]
    [TestCase("stray", "different", "wrote where nothing was to be written")]
    [TestCase("lost", "failed", "on purpose|CUDA_ERROR")]
    [TestCase("crash", "failed", "the process ended with exit code 134", Category = "Long")]
    [TestCase("hang", "timed-out", "it did not end within 15 s", Category = "Long")]
    public void A_kernel_that_goes_wrong_is_named_and_the_others_still_run(
        string fault,
        string verdict,
        string said
    )
    {
        ReplayOutcome outcome = Replay(
            1,
            $"add={fault}",
            ["--limit", fault == "hang" ? "15" : "60", "--json", PathOf("report")]
        );
        Assert.That(outcome.Output, Does.Match($"(?m)^add {verdict}: ").And.Match(said));
        Assert.That(outcome.Output, Does.Match(@"(?m)^column_sum +1 .* equal$"));
        Assert.That(outcome.Output, Does.Contain("1 of 2 kernels left what was recorded"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(PathOf("report")));
        JsonElement add = json.RootElement.GetProperty("kernels")[0];
        Assert.That(add.GetProperty("verdict").GetString(), Is.EqualTo(verdict));
        Assert.That(add.GetProperty("reason").GetString(), Is.Not.Empty);
    }

    [Test]
    public void One_kernel_can_be_asked_for()
    {
        ReplayOutcome outcome = Replay(0, "--kernel", "column_sum");
        Assert.That(outcome.Output, Does.Contain("1 of 1 kernels").And.Not.Contain("\nadd"));
        outcome = Replay(2, "--kernel", "nothing");
        Assert.That(outcome.Error, Is.EqualTo("replay: the recording has no kernel nothing\n"));
    }

    [Test]
    public void What_cannot_be_read_is_told_in_a_line()
    {
        byte[] sound = File.ReadAllBytes(_recording);
        Refused(sound[..^100], "damaged or cut off");
        Refused([], "it is empty");
        byte[] version = [.. sound];
        version[8] = 2;
        Refused(version, "it is of version 2");
        Recording recording = SmallRecording.Make();
        Refused(
            RecordingFile.ToBytes(
                recording with
                {
                    Modules = new Dictionary<string, string> { ["pointwise"] = new('0', 64) },
                }
            ),
            "it was made of another pointwise.ptx (00000000; "
        );
        File.Delete(_recording);
        Assert.That(Replay(2).Error, Does.Contain("cannot be read"));
        Assert.That(Replay(2, "--jsn", "x").Error, Does.Contain("'--jsn' is no option"));
        Assert.That(Replay(2, "--limit", "soon").Error, Does.Contain("not 'soon'"));
        Assert.That(Replay(2, "--limit").Error, Does.Contain("--limit needs a value"));

        void Refused(byte[] bytes, string reason)
        {
            File.WriteAllBytes(_recording, bytes);
            ReplayOutcome outcome = Replay(2);
            Assert.That(outcome.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1));
            Assert.That(outcome.Error, Does.Contain(reason));
        }
    }

    [Test]
    public void Where_a_gpu_is_required_the_virtual_one_does_not_count()
    {
        if (TestGpu.Real is not null)
            Assert.Ignore("there is a GPU");
        ReplayOutcome outcome = ReplayProgramRun.Run(
            Folder,
            [_recording],
            ("SEQUOR_REQUIRE_GPU", "1")
        );
        Assert.That(outcome.ExitCode, Is.EqualTo(1));
        Assert.That(outcome.Output, Does.Contain("there is no GPU to replay on"));
    }

    private ReplayOutcome Replay(int code, params string[] options) => Replay(code, null, options);

    private ReplayOutcome Replay(int code, string? fault, string[] options)
    {
        ReplayOutcome outcome = ReplayProgramRun.Run(
            Folder,
            [_recording, "--virtual", .. options],
            ("SEQUOR_VIRTUAL_FAULT", fault)
        );
        Assert.That(outcome.ExitCode, Is.EqualTo(code), outcome.Output + outcome.Error);
        return outcome;
    }
}

/// <summary>Runs the program as it was built.</summary>
internal static class ReplayProgramRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static ReplayOutcome Run(
        string folder,
        string[] arguments,
        params (string Name, string? Value)[] variables
    )
    {
        // artifacts/bin/Sequor.Tests/release/ and artifacts/bin/Sequor.Replay/release/
        var tests = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/', '\\'));
        string program = Path.Combine(
            tests.Parent!.Parent!.FullName,
            "Sequor.Replay",
            tests.Name,
            OperatingSystem.IsWindows() ? "Sequor.Replay.exe" : "Sequor.Replay"
        );
        Assert.That(program, Does.Exist, "the program must be built before its tests");
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach ((string name, string? value) in variables)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("the program did not end in time");
        }
        return new(process.ExitCode, output.Result, error.Result);
    }
}

/// <summary>How a run ended.</summary>
internal sealed record ReplayOutcome(int ExitCode, string Output, string Error);
