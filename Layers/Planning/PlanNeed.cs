using System.Globalization;

namespace Sequor.Layers;

/// <summary>Counts what a plan is going to allocate, and checks it against the free memory before anything is allocated.</summary>
internal sealed class PlanNeed(Backend backend, int maxLength, int maxBatch)
{
    private readonly Dictionary<MemoryCategory, long> _bytes = [];
    private MemoryTable? _table;

    /// <summary>Adds a block to be allocated.</summary>
    /// <param name="count">The size in floats.</param>
    /// <param name="category">What the block is for.</param>
    public void Add(long count, MemoryCategory category) =>
        _bytes[category] = checked(_bytes.GetValueOrDefault(category) + backend.BytesOf(count));

    /// <summary>Compares the sum with the free memory. Must be called before any of it is allocated.</summary>
    /// <exception cref="DeviceMemoryException">The device has less free memory than that.</exception>
    public void Require()
    {
        _table = new MemoryTable(backend.Memory, _bytes, backend.FreeBytes);
        if (_table.WantedBytes > _table.FreeBytes)
            throw Error(null);
    }

    /// <summary>The error for a plan that there is no memory for.</summary>
    public DeviceMemoryException Error(Exception? cause)
    {
        MemoryTable table = _table!;
        long rows = (long)maxLength * maxBatch;
        // Nearly all of the memory that is counted here grows with the rows, so the fraction that fits is taken of them.
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
