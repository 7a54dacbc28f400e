using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Tool;

/// <summary>What commands say of a GPU that fails its self-check.</summary>
[TestFixture]
[VirtualGpuOnly]
internal sealed class SelfCheckOptionTests : CudaCommandFixture
{
    private const string Bench =
        "bench --arch lstm --length 4 --batch 2 --hidden 3 --steps 1 --warmup 0";

    private string? _before;

    private string Json => PathOf("bench.json");

    [SetUp]
    public void BeginAnew()
    {
        _before = Environment.GetEnvironmentVariable(CacheFolder.Variable);
        Environment.SetEnvironmentVariable(CacheFolder.Variable, PathOf("cache"));
        Virtual!.Distorted = new Distortion("lru_prepare", OnlyReplayed: false);
    }

    [TearDown]
    public void Restore() => Environment.SetEnvironmentVariable(CacheFolder.Variable, _before);

    [Test]
    public void A_gpu_that_is_named_is_used_with_a_warning_that_the_report_has_too()
    {
        ProgramResult result = Run(Bench + " --device cuda", "--json", Json);

        const string Failed = "the GPU Sequor virtual GPU failed its self-check: lru, as it is: ";
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Does.StartWith("sequor: warning: " + Failed));
        Assert.That(result.Error.Split("warning"), Has.Length.EqualTo(2), "It is told once.");
        using var json = JsonDocument.Parse(File.ReadAllBytes(Json));
        Assert.That(
            json.RootElement.GetProperty("gpu").GetProperty("warning").GetString(),
            Does.StartWith(Failed)
        );
    }

    [Test]
    public void Without_a_device_the_cpu_is_taken_and_its_reason_is_the_failure()
    {
        ProgramResult result = Run(
            "train --arch rnn --length 4 --batch 2 --hidden 3 --steps 1 --self-check always"
        );

        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Is.Empty);
        Assert.That(
            result.Output,
            Does.Contain("device cpu: ").And.Contain("failed its self-check: lru, as it is: ")
        );
    }

    [Test]
    public void A_gpu_is_trusted_where_the_check_is_off()
    {
        ProgramResult result = Run(Bench + " --self-check off", "--json", Json);

        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(
            result.Output,
            Does.Contain("(the GPU Sequor virtual GPU is trusted: no self-check was asked for)")
        );
        Assert.That(result.Error, Does.Not.Contain("warning"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(Json));
        Assert.That(json.RootElement.GetProperty("gpu").TryGetProperty("warning", out _), Is.False);
    }
}
