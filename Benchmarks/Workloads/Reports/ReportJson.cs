using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Sequor.Workloads;

/// <summary>
/// Writes reports by the code that is generated for each of their types, which is called here without what else is generated: for each
/// type some thirty classes that would read it and tell its properties, a tenth of the published program. So nothing may use
/// ReportJson.Default; a test tells where something does.
/// </summary>
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
internal partial class ReportJson : JsonSerializerContext
{
    private static readonly ReportJson Writer = new ByHandlers();

    public static byte[] ToUtf8(BenchReport report) =>
        ToUtf8(report, Writer.BenchReportSerializeHandler);

    public static byte[] ToUtf8(ProfileReport report) =>
        ToUtf8(report, Writer.ProfileReportSerializeHandler);

    public static byte[] ToUtf8(TrainReport report) =>
        ToUtf8(report, Writer.TrainReportSerializeHandler);

    public static byte[] ToUtf8(DoctorReport report) =>
        ToUtf8(report, Writer.DoctorReportSerializeHandler);

    public static byte[] ToUtf8(CatalogReport report) =>
        ToUtf8(report, Writer.CatalogReportSerializeHandler);

    public static byte[] ToUtf8(ReproductionReport report) =>
        ToUtf8(report, Writer.ReproductionReportSerializeHandler);

    public static byte[] ToUtf8(ComparisonReport report) =>
        ToUtf8(report, Writer.ComparisonReportSerializeHandler);

    public static byte[] ToUtf8(TrendReport report) =>
        ToUtf8(report, Writer.TrendReportSerializeHandler);

    public static byte[] ToUtf8(SuitesReport report) =>
        ToUtf8(report, Writer.SuitesReportSerializeHandler);

    private static byte[] ToUtf8<T>(T report, Action<Utf8JsonWriter, T> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(bytes);
        write(json, report);
        json.Flush();
        return bytes.WrittenSpan.ToArray();
    }

    // Knows of the types what the generated code cannot write by itself.
    private sealed class ByHandlers : ReportJson, IJsonTypeInfoResolver
    {
        public override JsonTypeInfo? GetTypeInfo(Type type) => Options.GetTypeInfo(type);

        JsonTypeInfo? IJsonTypeInfoResolver.GetTypeInfo(Type type, JsonSerializerOptions options) =>
            ((IJsonTypeInfoResolver)ScalarJson.Default).GetTypeInfo(type, options);
    }
}

/// <summary>The types in reports that the generated code leaves to the serializer.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(bool?))]
[JsonSerializable(typeof(double?))]
[JsonSerializable(typeof(float?))]
[JsonSerializable(typeof(int?))]
[JsonSerializable(typeof(long?))]
[JsonSerializable(typeof(ReadOnlyMemory<byte>))]
internal sealed partial class ScalarJson : JsonSerializerContext;
