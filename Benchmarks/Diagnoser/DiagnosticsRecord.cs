using System.Text.Json;
using System.Text.Json.Serialization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.BenchmarkDotNet;

/// <summary>
/// What a benchmark's process tells of one operation. It crosses to BenchmarkDotNet's own process as JSON in a file, which
/// <see cref="Variable"/> names.
/// </summary>
internal sealed record DiagnosticsRecord
{
    /// <summary>The environment variable that names the file; where it is not set nobody asks.</summary>
    public const string Variable = "SEQUOR_DIAGNOSTICS";

    /// <summary>The device's name, cpu or cuda:N.</summary>
    public required string Device { get; init; }

    /// <summary>Host threads that computed.</summary>
    public required int Threads { get; init; }

    /// <summary>Width of the vectors in bits; 0 on a GPU.</summary>
    public required int VectorBits { get; init; }

    /// <summary>The GPU; null on a CPU.</summary>
    public GpuReport? Gpu { get; init; }

    /// <summary>Milliseconds between two marks in the device's queue, around the work of an operation.</summary>
    public required double DeviceMs { get; init; }

    /// <summary>The most memory by category.</summary>
    public required IReadOnlyDictionary<MemoryCategory, long> PeakBytes { get; init; }

    /// <summary>Bytes that an operation must move, of what tells them; null where nothing was counted.</summary>
    public double? BytesMoved { get; init; }

    /// <summary>Parts of it whose bytes are not known; null where nothing was counted.</summary>
    public int? BytesUnknown { get; init; }

    /// <summary>Operations with floats; null where nothing was counted.</summary>
    public double? Flops { get; init; }

    /// <summary>Launches of kernels and calls of libraries; null on a CPU, and where they are not known.</summary>
    public double? Launches { get; init; }

    /// <summary>The least milliseconds at the machine's peaks; null where it is not known.</summary>
    public double? FloorMs { get; init; }

    /// <summary>What the machine does at most; null where it was not measured.</summary>
    public PeaksReport? Peaks { get; init; }

    /// <summary>Writes the record to a file; what a benchmark reports last is what counts.</summary>
    public void WriteTo(string path) =>
        File.WriteAllBytes(
            path,
            JsonSerializer.SerializeToUtf8Bytes(this, DiagnosticsJson.Default.DiagnosticsRecord)
        );

    /// <summary>The record of a file; null where it is not there, as nothing was reported.</summary>
    /// <exception cref="InvalidDataException">It is no record.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static DiagnosticsRecord? Read(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize(
                    File.ReadAllBytes(path),
                    DiagnosticsJson.Default.DiagnosticsRecord
                ) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{path} holds no report of a benchmark: {e.Message}",
                e
            );
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(DiagnosticsRecord))]
internal sealed partial class DiagnosticsJson : JsonSerializerContext;
