using System.Globalization;
using System.Text;

namespace Sequor.Layers;

/// <summary>What a backend's memory was taken for, and what more was wanted, when there was not enough.</summary>
public sealed class MemoryTable
{
    /// <summary>A table of now.</summary>
    /// <param name="taken">What the backend has taken.</param>
    /// <param name="wanted">Bytes that are wanted beside that; categories may be left out.</param>
    /// <param name="freeBytes">Bytes that the device has free; null where that is not known.</param>
    public MemoryTable(
        MemoryLedger taken,
        IReadOnlyDictionary<MemoryCategory, long> wanted,
        long? freeBytes
    )
    {
        ArgumentNullException.ThrowIfNull(taken);
        ArgumentNullException.ThrowIfNull(wanted);
        Rows =
        [
            .. Enum.GetValues<MemoryCategory>()
                .Select(c => new MemoryRow(c, taken.Current(c), wanted.GetValueOrDefault(c))),
        ];
        FreeBytes = freeBytes;
    }

    /// <summary>A row for each category.</summary>
    public IReadOnlyList<MemoryRow> Rows { get; }

    /// <summary>Bytes that the device had free; null where that is not known.</summary>
    public long? FreeBytes { get; }

    /// <summary>Bytes that the backend had taken.</summary>
    public long TakenBytes => Rows.Sum(r => r.TakenBytes);

    /// <summary>Bytes that were wanted beside them.</summary>
    public long WantedBytes => Rows.Sum(r => r.WantedBytes);

    /// <summary>The table as lines of text, with each category's share of what is taken and wanted together.</summary>
    public override string ToString()
    {
        double all = Math.Max(1.0, (double)TakenBytes + WantedBytes);
        var text = new StringBuilder();
        Line("bytes", "taken", "wanted", "share");
        foreach (MemoryRow row in Rows)
        {
            if (row.TakenBytes + row.WantedBytes > 0)
                Row(row.Category.ToString().ToLowerInvariant(), row.TakenBytes, row.WantedBytes);
        }
        Row("sum", TakenBytes, WantedBytes);
        Line("free", FreeBytes is { } free ? Number(free) : "not known", "", "");
        return text.ToString().TrimEnd();

        void Row(string name, long taken, long wanted) =>
            Line(
                name,
                Number(taken),
                Number(wanted),
                string.Create(CultureInfo.InvariantCulture, $"{(taken + wanted) / all:0.0%}")
            );

        void Line(string name, string taken, string wanted, string share) =>
            text.Append($"  {name, -12}{taken, 20}{wanted, 20}{share, 8}".TrimEnd()).Append('\n');
    }

    private static string Number(long bytes) => bytes.ToString("#,0", CultureInfo.InvariantCulture);
}

/// <summary>A category's memory.</summary>
/// <param name="Category">What it is for.</param>
/// <param name="TakenBytes">What the backend had taken for it.</param>
/// <param name="WantedBytes">What was wanted beside that.</param>
public sealed record MemoryRow(MemoryCategory Category, long TakenBytes, long WantedBytes);
