using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sequor.Replay;

/// <summary>What came of a replay, as JSON has it.</summary>
internal sealed record ReplayReport
{
    public const string Finished = "finished";
    public const string Failed = "failed";

    public string Schema { get; } = "sequor.replay/1";

    public required string Status { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>When it began, UTC.</summary>
    public required string Date { get; init; }

    public required string Version { get; init; }

    /// <summary>The GPU's name; null where none was found.</summary>
    public required string? Device { get; init; }

    public required long RecordingBytes { get; init; }

    public required double Seconds { get; init; }

    public required KernelResult[] Kernels { get; init; }

    public byte[] ToUtf8() =>
        JsonSerializer.SerializeToUtf8Bytes(this, ReplayJson.Default.ReplayReport);

    /// <summary>Writes it to a file, or to standard output for a dash.</summary>
    public void Write(string path)
    {
        if (path == "-")
        {
            using Stream output = Console.OpenStandardOutput();
            output.Write([.. ToUtf8(), (byte)'\n']);
        }
        else
        {
            File.WriteAllBytes(path, [.. ToUtf8(), (byte)'\n']);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReplayReport))]
[JsonSerializable(typeof(KernelResult))]
internal sealed partial class ReplayJson : JsonSerializerContext;
