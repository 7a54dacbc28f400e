using System.Globalization;
using System.Text;

namespace Sequor.Layers;

/// <summary>When memory was insufficient: what a backend's memory was used for, and what more was wanted.</summary>
public sealed class MemoryTable
{
    /// <summary>Makes a table of the current state.</summary>
    /// <param name="taken">What the backend has allocated.</param>
    /// <param name="wanted">The bytes that are wanted besides; categories may be left out.</param>
    /// <param name="freeBytes">The bytes that the device has free; null where that is not known.</param>
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

    /// <summary>The bytes that the device had free; null where that is not known.</summary>
    public long? FreeBytes { get; }

    /// <summary>The bytes that the backend had allocated.</summary>
    public long TakenBytes => Rows.Sum(r => r.TakenBytes);

    /// <summary>The bytes that were wanted besides.</summary>
    public long WantedBytes => Rows.Sum(r => r.WantedBytes);

    /// <summary>The table as lines of text, with each category's share of what is allocated and wanted together.</summary>
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

/// <summary>The memory of a category.</summary>
/// <param name="Category">What the memory is for.</param>
/// <param name="TakenBytes">The bytes that the backend had allocated for it.</param>
/// <param name="WantedBytes">The bytes that were wanted besides.</param>
public sealed record MemoryRow(MemoryCategory Category, long TakenBytes, long WantedBytes);
