using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Sequor.Workloads;

/// <summary>Writes reports as JSON on one line.</summary>
public static class ReportWriter
{
    /// <summary>A time in reports: UTC, to the second, as in 2026-11-21T18:04:05Z.</summary>
    public static string Date(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    // What a report always has is no null, whoever wrote it.
    private static readonly JsonSerializerOptions Reading = new(ReadReportJson.Default.Options)
    {
        RespectNullableAnnotations = true,
        TypeInfoResolver = ReadReportJson.Default,
    };

    private static T? Read<T>(string json) =>
        JsonSerializer.Deserialize(json, (JsonTypeInfo<T>)Reading.GetTypeInfo(typeof(T)));

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(BenchReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report that <see cref="ToUtf8(BenchReport)"/> wrote, of this version; null for the word null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static BenchReport? ReadBench(string json) => Read<BenchReport>(json);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ProfileReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(TrainReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(DoctorReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(CatalogReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ReproductionReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report that <see cref="ToUtf8(SuitesReport)"/> wrote, of this version; null for the word null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static SuitesReport? ReadSuites(string json) => Read<SuitesReport>(json);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(SuitesReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ComparisonReport report) => ReportJson.ToUtf8(report);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(TrendReport report) => ReportJson.ToUtf8(report);
}

// Those that are read, and written with some of their keys alone.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(SuitesReport))]
internal sealed partial class ReadReportJson : JsonSerializerContext;
