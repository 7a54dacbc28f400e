using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>The peaks of a machine in reports; see <see cref="MachinePeaks"/>.</summary>
/// <param name="CopyBytesPerS">Bytes read and written in a second by a copy.</param>
/// <param name="ProductFlopsPerS">Operations in a second of a square product.</param>
/// <param name="CopiedBytes">Bytes of each of the copy's two arrays.</param>
/// <param name="MatrixSize">Rows and columns of the product's matrices.</param>
public sealed record PeaksReport(
    double CopyBytesPerS,
    double ProductFlopsPerS,
    long CopiedBytes,
    int MatrixSize
)
{
    /// <summary>Operations in a second of multiplications with additions in registers; only on a CPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? MultiplyAddFlopsPerS { get; init; }

    /// <summary>What floors take for the most operations a second.</summary>
    [JsonIgnore]
    public double MostFlopsPerS => Math.Max(MultiplyAddFlopsPerS ?? 0, ProductFlopsPerS);

    /// <summary>The peaks in the form of a report; null for none.</summary>
    public static PeaksReport? Of(MachinePeaks? peaks) =>
        peaks is null
            ? null
            : new PeaksReport(
                Math.Round(peaks.BytesPerSecond),
                Math.Round(peaks.FlopsPerSecond),
                peaks.CopiedBytes,
                peaks.MatrixSize
            )
            {
                MultiplyAddFlopsPerS = peaks.MultiplyAddsPerSecond is { } most
                    ? Math.Round(most)
                    : null,
            };

    /// <summary>The medians of rounds that each measured them; null where none did.</summary>
    public static PeaksReport? Median(IEnumerable<PeaksReport?> rounds)
    {
        PeaksReport[] given = [.. rounds.OfType<PeaksReport>()];
        return given.Length == 0
            ? null
            : new PeaksReport(
                Math.Round(Statistics.Median(given.Select(p => p.CopyBytesPerS))),
                Math.Round(Statistics.Median(given.Select(p => p.ProductFlopsPerS))),
                given.Max(p => p.CopiedBytes),
                given.Max(p => p.MatrixSize)
            )
            {
                MultiplyAddFlopsPerS = given.All(p => p.MultiplyAddFlopsPerS is not null)
                    ? Math.Round(
                        Statistics.Median(given.Select(p => p.MultiplyAddFlopsPerS!.Value))
                    )
                    : null,
            };
    }
}
