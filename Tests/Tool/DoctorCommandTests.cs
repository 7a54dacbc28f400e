using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>The command itself, on whatever machine this is; DiagnosisTests has the machines.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class DoctorCommandTests : FolderTest
{
    [Test]
    public void Doctor_tells_what_there_is()
    {
        string json = PathOf("doctor.json");
        ProgramResult result = Program.Run("doctor", "--json", json);
        result.RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        RequireSane(report);
        Assert.That(
            result.Output,
            Does.Match(@"(?m)^cores +\d+$").And.Match(@"(?m)^uses +(cpu|cuda:\d+): ")
        );
        // What the file has, people are told as well.
        JsonElement cuda = report.GetProperty("cuda");
        Assert.That(
            result.Output,
            Does.Match(@"(?m)^cuda +(not )?available: ")
                .And.Contain(cuda.GetProperty("reason").GetString())
        );
        foreach (JsonElement library in report.GetProperty("libraries").EnumerateArray())
        {
            Assert.That(
                result.Output,
                Does.Contain("\n" + library.GetProperty("name").GetString() + " ")
            );
            foreach (JsonElement tried in library.GetProperty("tried").EnumerateArray())
                Assert.That(
                    result.Output,
                    Does.Contain($"\n  tried {tried.GetProperty("path").GetString()} (")
                );
        }
    }

    [Test]
    public void The_file_can_be_standard_output()
    {
        ProgramResult result = Program.Run("doctor", "--json", "-");
        result.RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(result.Output);
        RequireSane(document.RootElement);
        Assert.That(File.Exists(Path.Combine(Path.GetTempPath(), "-")), Is.False);
    }

    private static void RequireSane(JsonElement report)
    {
        Assert.That(report.GetProperty("schema").GetString(), Is.EqualTo("sequor.doctor/1"));
        JsonElement machine = report.GetProperty("machine");
        Assert.That(machine.GetProperty("memory_bytes").GetInt64(), Is.Positive);
        int bits = machine.GetProperty("vector_bits").GetInt32();
        Assert.That(bits, Is.AnyOf(128, 256, 512));
        Assert.That(
            machine.GetProperty("instructions").GetString(),
            Is.EqualTo(CpuInstructions.Describe(bits))
        );
        Assert.That(
            report.GetProperty("use").GetProperty("device").GetString(),
            Does.Match(@"^(cpu|cuda:\d+)$")
        );
        JsonElement cuda = report.GetProperty("cuda");
        bool available = cuda.GetProperty("available").GetBoolean();
        Assert.That(cuda.GetProperty("reason").GetString(), Is.Not.Empty);
        int devices = cuda.GetProperty("devices").GetArrayLength();
        Assert.That(devices, available ? Is.Positive : Is.Not.Negative);
        JsonElement[] libraries = [.. report.GetProperty("libraries").EnumerateArray()];
        Assert.That(
            libraries.Select(l => l.GetProperty("name").GetString()),
            Is.EqualTo(new[] { "CUDA driver", "cuDNN", "cuBLAS", "cuBLASLt", "NVRTC", "NVML" })
        );
        foreach (JsonElement library in libraries)
        {
            bool found = library.GetProperty("found").GetBoolean();
            Assert.That(
                found,
                Is.False.Or.EqualTo(library.GetProperty("path").GetString() is { Length: > 0 })
            );
            Assert.That(found || library.GetProperty("reason").GetString() is { Length: > 0 });
        }
    }
}
