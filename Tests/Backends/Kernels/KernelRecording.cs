using NUnit.Framework;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Records what the tests of the kernels launch, where SEQUOR_RECORD_LAUNCHES names the file for it: `Sequor.Replay record` runs
/// the tests so.
/// </summary>
[SetUpFixture]
public sealed class KernelRecording
{
    /// <summary>The variable that names the file.</summary>
    public const string Variable = "SEQUOR_RECORD_LAUNCHES";

    private static readonly string? Path = Environment.GetEnvironmentVariable(Variable);

    /// <summary>What remembers launches; null where none are recorded.</summary>
    internal static LaunchRecorder? Recorder { get; } =
        string.IsNullOrEmpty(Path) ? null : new LaunchRecorder();

    /// <summary>Writes the recording when all tests are done.</summary>
    [OneTimeTearDown]
    public void Write()
    {
        if (Recorder is { } recorder)
            File.WriteAllBytes(Path!, RecordingFile.ToBytes(RecordingMaker.Make(recorder)));
    }
}
