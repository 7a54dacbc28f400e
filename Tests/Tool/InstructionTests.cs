using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Tests.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>
/// Processors that have less than this one, made of it by the runtime's own switches: with each of them the fused
/// multiply-add is gone, and vectors have 128 bits.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class InstructionTests : FolderTest
{
    private static readonly TestCaseData[] Machines =
    [
        new("EnableAVX2", "AVX, no FMA"),
        new("EnableAVX", "SSE4.2, no FMA"),
        new("EnableSSE42", "SSE2, no FMA"),
    ];

    // What a loss may differ by from that of other instructions, of its size: sums round otherwise. It is 2e-7 here.
    private const double Tolerance = 1e-5;

    [SetUp]
    public void Need_a_processor_with_more() =>
        Assume.That(
            Fma.IsSupported,
            "Arm has no switch for it, and what is off cannot be switched off"
        );

    [TestCaseSource(nameof(Machines))]
    public void Bench_tells_the_instructions(string off, string instructions)
    {
        string json = PathOf("bench.json");
        ProgramResult result = Program.RunWithout(
            off,
            [
                .. "bench --length 10 --batch 1 --hidden 8 --threads 1 --steps 2 --warmup 1".Split(
                    ' '
                ),
                "--json",
                json,
            ]
        );
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain($"\ndevice cpu: CPU, 1 thread, 128-bit vectors, {instructions} (")
        );
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        RequireMachine(document.RootElement, instructions);
        JsonElement[] results = [.. document.RootElement.GetProperty("results").EnumerateArray()];
        Assert.That(results, Has.Length.EqualTo(5));
        foreach (JsonElement r in results)
            Assert.That(r.GetProperty("allocations_per_step").GetDouble(), Is.Zero);
    }

    [Test]
    public void Doctor_tells_the_instructions()
    {
        string json = PathOf("doctor.json");
        ProgramResult result = Program.RunWithout("EnableAVX", "doctor", "--json", json);
        result.RequireSuccess();
        Assert.That(result.Output, Does.Match(@"(?m)^vectors +128 bits, SSE4\.2, no FMA$"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        RequireMachine(document.RootElement, "SSE4.2, no FMA");
    }

    private static void RequireMachine(JsonElement report, string instructions)
    {
        JsonElement machine = report.GetProperty("machine");
        Assert.That(machine.GetProperty("vector_bits").GetInt32(), Is.EqualTo(128));
        Assert.That(machine.GetProperty("instructions").GetString(), Is.EqualTo(instructions));
    }

    // Each takes two programs; between them the two have all kinds of kernels.
    private static IEnumerable<TestCaseData> Architectures =>
        Listed.Architectures.Select(arch =>
            arch is "tcn" or "lstm"
                ? new TestCaseData(arch)
                : new TestCaseData(arch).SetCategory("Long")
        );

    [TestCaseSource(nameof(Architectures))]
    public void Training_learns_the_same_without_a_fused_multiply_add(string arch)
    {
        string[] train =
        [
            .. "train --length 14 --batch 3 --hidden 7 --layers 2 --threads 1 --steps 6".Split(' '),
            .. "--optimizer sgd --lr 0.05 --arch".Split(' '),
            arch,
            "--json",
        ];
        ProgramResult fused = Program.Run([.. train, PathOf("fused")]);
        fused.RequireSuccess();
        ProgramResult apart = Program.RunWithout("EnableAVX", [.. train, PathOf("apart")]);
        apart.RequireSuccess();

        Assert.That(fused.Output, Does.Not.Contain("no FMA"));
        Assert.That(apart.Output, Does.Contain("128-bit vectors, SSE4.2, no FMA"));
        double[] expected = Losses(PathOf("fused"));
        double[] actual = Losses(PathOf("apart"));
        // Six steps and what is held out.
        Assert.That(expected, Has.Length.EqualTo(7));
        Assert.That(actual, Has.Length.EqualTo(7));
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs(actual[i] - expected[i]);
            if (!(difference <= Tolerance * expected[i]))
                Assert.Fail($"loss {i + 1}: {actual[i]:g9} without FMA, {expected[i]:g9} with it");
        }
    }

    private static double[] Losses(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
        JsonElement report = document.RootElement;
        return
        [
            .. report
                .GetProperty("train_loss")
                .EnumerateArray()
                .Select(pair => pair[1].GetDouble()),
            report.GetProperty("final").GetDouble(),
        ];
    }

    /// <summary>The fixtures that compare with the references, in a process of their own.</summary>
    [TestCaseSource(nameof(Machines))]
    [Category("Long")]
    public void Gradients_and_vector_functions_are_those_of_the_references(
        string off,
        string instructions
    )
    {
        string[] fixtures =
        [
            "VectorMathTests\\(128\\)",
            "GradientTests\\(128,1\\)",
            "LstmOptionTests\\(128,1\\)",
            "Losses.LossTests\\(128,1\\)",
            "OptimizerTests\\(128,1\\)",
            "StreamingTests\\(128,1\\)",
        ];
        var start = new ProcessStartInfo(
            Path.Combine(
                AppContext.BaseDirectory,
                OperatingSystem.IsWindows() ? "Sequor.Tests.exe" : "Sequor.Tests"
            ),
            ["--filter", string.Join('|', fixtures.Select(f => "FullyQualifiedName~" + f))]
        )
        {
            RedirectStandardOutput = true,
            WorkingDirectory = PathOf(""),
        };
        start.Environment["DOTNET_" + off] = "0";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.Zero, $"{instructions}: {output}");
        Assert.That(output, Does.Match(@"(?m)^ *failed: 0$").And.Match(@"(?m)^ *skipped: 0$"));
        string count = output.Split("succeeded: ")[1].Split('\n')[0];
        Assert.That(int.Parse(count, CultureInfo.InvariantCulture), Is.GreaterThan(500));
    }
}
