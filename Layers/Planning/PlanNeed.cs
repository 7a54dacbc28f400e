using System.Globalization;

namespace Sequor.Layers;

/// <summary>What a plan is going to allocate, known before it does.</summary>
internal sealed class PlanNeed(Backend backend, int maxLength, int maxBatch)
{
    private readonly Dictionary<MemoryCategory, long> _bytes = [];
    private MemoryTable? _table;

    /// <summary>Adds a block.</summary>
    /// <param name="count">Size in floats.</param>
    /// <param name="category">What it is for.</param>
    public void Add(long count, MemoryCategory category) =>
        _bytes[category] = checked(_bytes.GetValueOrDefault(category) + backend.BytesOf(count));

    /// <summary>To be called before anything of it is allocated.</summary>
    /// <exception cref="DeviceMemoryException">It is more than the device has free.</exception>
    public void Require()
    {
        _table = new MemoryTable(backend.Memory, _bytes, backend.FreeBytes);
        if (_table.WantedBytes > _table.FreeBytes)
            throw Error(null);
    }

    /// <summary>The error of a plan that there is no room for.</summary>
    public DeviceMemoryException Error(Exception? cause)
    {
        MemoryTable table = _table!;
        long rows = (long)maxLength * maxBatch;
        // Of what is wanted here, nearly all grows with the rows.
        string shrink =
            table.FreeBytes is { } free && free < table.WantedBytes
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $" About {(long)((double)free / table.WantedBytes * rows):N0} of its {Amount.Grouped(rows, "row")} (length x batch) would fit."
                )
                : "";
        return new DeviceMemoryException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"No memory on {backend.Info.Description} for a plan of {Amount.Grouped(maxLength, "step")} of {Amount.Grouped(maxBatch, "sequence")}: it wants {Amount.Grouped(table.WantedBytes, "byte")}.{shrink}"
            ),
            table,
            cause
        );
    }
}
