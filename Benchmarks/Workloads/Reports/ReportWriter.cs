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
    public static byte[] ToUtf8(BenchReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.BenchReport);

    /// <summary>A report that <see cref="ToUtf8(BenchReport)"/> wrote, of this version; null for the word null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static BenchReport? ReadBench(string json) => Read<BenchReport>(json);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ProfileReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.ProfileReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(TrainReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.TrainReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(DoctorReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.DoctorReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(CatalogReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.CatalogReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ReproductionReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.ReproductionReport);

    /// <summary>A report that <see cref="ToUtf8(SuitesReport)"/> wrote, of this version; null for the word null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static SuitesReport? ReadSuites(string json) => Read<SuitesReport>(json);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(SuitesReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.SuitesReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(ComparisonReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.ComparisonReport);

    /// <summary>A report as UTF-8.</summary>
    public static byte[] ToUtf8(TrendReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(report, ReportJson.Default.TrendReport);
}

// Most reports are only written, and what it takes to read them is a large part of the published program.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    GenerationMode = JsonSourceGenerationMode.Serialization
)]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(ProfileReport))]
[JsonSerializable(typeof(TrainReport))]
[JsonSerializable(typeof(DoctorReport))]
[JsonSerializable(typeof(CatalogReport))]
[JsonSerializable(typeof(ReproductionReport))]
[JsonSerializable(typeof(ComparisonReport))]
[JsonSerializable(typeof(TrendReport))]
[JsonSerializable(typeof(SuitesReport))]
internal sealed partial class ReportJson : JsonSerializerContext;

// Those that are read, and written with some of their keys alone.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(SuitesReport))]
internal sealed partial class ReadReportJson : JsonSerializerContext;
