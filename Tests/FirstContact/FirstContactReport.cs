using System.Text.Json;
using System.Text.Json.Serialization;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>The GPU that was tried.</summary>
/// <param name="Driver">Version of the display driver; null where it is not known.</param>
internal sealed record GpuSummary(
    string Name,
    string ComputeCapability,
    long MemoryBytes,
    string? Driver
);

/// <summary>A library as it was found.</summary>
internal sealed record LibrarySummary(string Name, string? Version, string? Path, string? Reason)
{
    public static LibrarySummary Of<T>(string name, LibraryResult<T> result)
        where T : FunctionTable =>
        new(
            name,
            result.Version.Length > 0 ? result.Version : null,
            result.Path.Length > 0 ? result.Path : null,
            result.Failure?.Reason
        );
}

/// <summary>A check and what came of it.</summary>
internal sealed record CheckResult(
    string Name,
    string Proves,
    CheckOutcome Outcome,
    double Seconds
);

/// <summary>All that was found out.</summary>
internal sealed record FirstContactReport
{
    public const string PageName = "page.txt";
    public const string JsonName = "first-contact.json";
    public const string LogName = "log.txt";
    public const string ReplayName = "replay.json";
    public const string BenchName = "bench.json";

    public string Schema { get; } = "sequor.first-contact/1";

    public required string Date { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>It ran on the virtual GPU.</summary>
    public required bool DryRun { get; init; }

    public required GpuSummary? Gpu { get; init; }

    public required LibrarySummary[] Libraries { get; init; }

    public required CheckResult[] Checks { get; init; }

    public required double Seconds { get; init; }

    public byte[] ToUtf8() =>
        JsonSerializer.SerializeToUtf8Bytes(this, FirstContactJson.Default.FirstContactReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FirstContactReport))]
[JsonSerializable(typeof(CheckOutcome))]
internal sealed partial class FirstContactJson : JsonSerializerContext;
