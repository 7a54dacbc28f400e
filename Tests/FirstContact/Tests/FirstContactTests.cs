using System.Diagnostics;
using System.Text.Json;
using NUnit.Framework;
using Sequor.FirstContact;
using Sequor.Tests.Support;

namespace Sequor.Tests.FirstContacts;

/// <summary>First contact, on the virtual GPU: as it should be, and each check made to fail.</summary>
[TestFixture]
public sealed class FirstContactTests : FolderTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(12);

    private string Results => PathOf("the results");

    [Test]
    [Category("Long")]
    public void A_dry_run_holds()
    {
        (int code, string output, string error) = Run();
        Assert.That(code, Is.Zero, output + error);
        Assert.That(
            Directory.GetFiles(Results).Select(Path.GetFileName),
            Is.EquivalentTo(
                new[] { "page.txt", "first-contact.json", "log.txt", "replay.json", "bench.json" }
            )
        );
        Assert.That(File.ReadAllText(Path.Combine(Results, "page.txt")), Is.EqualTo(output));
        Assert.That(output, Does.StartWith("First contact: a dry run on the virtual GPU"));
        JsonElement report = Report();
        Assert.That(
            report.GetProperty("checks").EnumerateArray().Select(c => Text(c, "name")),
            Is.EqualTo(AllChecks.InOrder.Select(c => c.Name))
        );
        string[] skipped =
        [
            .. report
                .GetProperty("checks")
                .EnumerateArray()
                .Where(c => Text(c.GetProperty("outcome"), "verdict") != CheckOutcome.IsHeld)
                .Select(c => Text(c, "name")),
        ];
        Assert.That(skipped, Is.EqualTo(new[] { "peers", "sanitizer" }));
    }

    private const string Refuse = "SEQUOR_VIRTUAL_REFUSE";
    private const string Fault = "SEQUOR_VIRTUAL_FAULT";
    private const string Require = "SEQUOR_REQUIRE_GPU";

    [Category("Long")]
    [TestCase("libraries", Refuse, "cuInit=100", "failed", "")]
    [TestCase("backend", Refuse, "cuModuleLoadDataEx=218", "failed", "cold: exit code 1")]
    [TestCase("step-rnn", Fault, "optimizer_adam=wrong", "differed", "the loss of step")]
    [TestCase("step-lstm", Fault, "optimizer_adam=wrong", "differed", "the loss of step")]
    [TestCase("step-gru", Fault, "optimizer_adam=crash", "failed", "exit code 134")]
    [TestCase("step-tcn", Fault, "weight_norm=lost", "failed", "on purpose|CUDA_ERROR")]
    [TestCase("step-lru", Fault, "lru_prepare=wrong", "differed", "the loss of step")]
    [TestCase("ones", Refuse, "cublasSgemm=13", "failed", "cublasSgemm")]
    [TestCase(
        "kernels",
        Fault,
        "gelu_gradient=different",
        "differed",
        "gelu_gradient \\(different\\)"
    )]
    [TestCase("operations", Require, "1", "differed", "tests failed: ")]
    [TestCase("recurrent", Require, "1", "differed", "tests failed: ")]
    [TestCase("graphs", Require, "1", "differed", "tests failed: ")]
    [TestCase("dropout", Require, "1", "differed", "tests failed: ")]
    [TestCase("bandwidth", Refuse, "cuMemcpyDtoDAsync=1", "failed", "cuMemcpyDtoDAsync")]
    [TestCase("matrix-rate", Refuse, "cublasSgemm=13", "failed", "cublasSgemm")]
    [TestCase("bench", Fault, "optimizer_adam=lost", "failed", "graph on: exit code 1")]
    [TestCase("repeat", Fault, "optimizer_adam=unsteady", "differed", "the loss of step")]
    public void A_check_can_fail(
        string check,
        string variable,
        string value,
        string verdict,
        string said
    )
    {
        if (variable == Require && TestGpu.Real is not null)
            Assert.Ignore("there is a GPU");
        (int code, string output, string error) = Run((variable, value), "--only", check);
        Assert.That(code, Is.EqualTo(1), output + error);
        JsonElement outcome = Report().GetProperty("checks")[0].GetProperty("outcome");
        Assert.That(Text(outcome, "verdict"), Is.EqualTo(verdict), output);
        Assert.That(Text(outcome, "reason"), Does.Match(said), output);
        Assert.That(output, Does.Match($"(?m)^{verdict} +[0-9.]+ s  {check} "));
    }

    [Test]
    [Category("Long")]
    public void A_check_that_takes_too_long_is_ended_and_the_next_one_runs()
    {
        (int code, string output, string error) = Run(
            (Fault, "optimizer_adam=hang"),
            "--only",
            "step-rnn,bandwidth",
            "--limit-factor",
            "0.5"
        );
        Assert.That(code, Is.EqualTo(1), output + error);
        Assert.That(output, Does.Match("(?m)^timed-out +[0-9.]+ s  step-rnn "));
        Assert.That(output, Does.Contain("it did not end within 20 s"));
        Assert.That(output, Does.Match("(?m)^held +[0-9.]+ s  bandwidth "));
        Assert.That(output, Does.Contain("1 held, 1 did not, 0 skipped"));
    }

    [Test]
    public void Without_a_gpu_that_is_required_all_is_told_and_nothing_is_tried()
    {
        if (TestGpu.Real is not null)
            Assert.Ignore("there is a GPU");
        (int code, string output, _) = Start([Results, "--only", "libraries,ones"], (Require, "1"));
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.StartWith("First contact with no GPU"));
        Assert.That(output, Does.Match("(?m)^failed .* libraries "));
        Assert.That(output, Does.Match("(?m)^skipped .* ones "));
        Assert.That(output, Does.Contain("there is no GPU to use: "));
    }

    [Test]
    public void What_is_wrong_is_told_in_a_line()
    {
        Wrong("needs the folder");
        Wrong("there is no check once; there are libraries, backend", Results, "--only", "once");
        Wrong("'--verbose' is no option", Results, "--verbose");
        Wrong("one folder too many", Results, "other");
        Wrong("not 'x'", Results, "--limit-factor", "x");
        string file = PathOf("file");
        File.WriteAllText(file, "");
        Wrong("cannot be written to", file);

        void Wrong(string said, params string[] arguments)
        {
            (int code, string output, string error) = Start(arguments, null);
            Assert.That((code, output), Is.EqualTo((2, "")));
            Assert.That(error, Does.StartWith("first-contact: ").And.Contain(said));
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        }
    }

    private JsonElement Report()
    {
        using JsonDocument json = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(Results, "first-contact.json"))
        );
        return json.RootElement.Clone();
    }

    private static string Text(JsonElement element, string key) =>
        element.GetProperty(key).GetString()!;

    private (int, string, string) Run(
        (string Name, string Value)? variable = null,
        params string[] arguments
    ) => Start([Results, "--virtual", .. arguments], variable);

    private (int Code, string Output, string Error) Start(
        string[] arguments,
        (string Name, string Value)? variable
    )
    {
        // artifacts/bin/Sequor.Tests/release/ and artifacts/bin/Sequor.FirstContact/release/
        var tests = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/', '\\'));
        string program = Path.Combine(
            tests.Parent!.Parent!.FullName,
            "Sequor.FirstContact",
            tests.Name,
            OperatingSystem.IsWindows() ? "Sequor.FirstContact.exe" : "Sequor.FirstContact"
        );
        Assert.That(program, Does.Exist, "the program must be built before its tests");
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        start.Environment.Remove(Require);
        if (variable is { } set)
            start.Environment[set.Name] = set.Value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("the program did not end in time");
        }
        return (process.ExitCode, output.Result, error.Result);
    }
}
