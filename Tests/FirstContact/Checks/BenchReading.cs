using System.Text.Json;

namespace Sequor.FirstContact;

/// <summary>What a report of `bench` says of each architecture.</summary>
internal sealed record BenchReading(
    string Arch,
    int Hidden,
    int Layers,
    int Length,
    int Batch,
    double Milliseconds
)
{
    /// <summary>Reads a report.</summary>
    public static BenchReading[] Read(string path)
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(path));
        return
        [
            .. report
                .RootElement.GetProperty("results")
                .EnumerateArray()
                .Select(r => new BenchReading(
                    r.GetProperty("arch").GetString()!,
                    r.GetProperty("hidden").GetInt32(),
                    r.GetProperty("layers").GetInt32(),
                    r.GetProperty("length").GetInt32(),
                    r.GetProperty("batch").GetInt32(),
                    r.GetProperty("step_ms").GetProperty("median").GetDouble()
                )),
        ];
    }
}
