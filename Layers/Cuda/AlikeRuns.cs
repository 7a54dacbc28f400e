using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Runs of entries of a table that have the same value, each of which a launch can take: no longer than there are blocks along y.
/// Allocates nothing.
/// </summary>
/// <typeparam name="T">The entries.</typeparam>
/// <param name="entries">The entries, in the table's order.</param>
/// <param name="value">What a launch is told, so that its entries have to share it.</param>
/// <param name="most">The most entries of a launch, at least 1.</param>
internal ref struct AlikeRuns<T>(
    ReadOnlySpan<T> entries,
    Func<T, long> value,
    int most = KernelGrid.MostY
)
{
    private readonly ReadOnlySpan<T> _entries = entries;
    private readonly Func<T, long> _value = value;
    private readonly int _most = most;

    /// <summary>The run's first entry and how many it has.</summary>
    public (int From, int Count) Current { get; private set; }

    public readonly AlikeRuns<T> GetEnumerator() => this;

    public bool MoveNext()
    {
        int from = Current.From + Current.Count;
        if (from == _entries.Length)
            return false;
        int end = from + 1;
        while (
            end < _entries.Length
            && end - from < _most
            && _value(_entries[end]) == _value(_entries[from])
        )
            end++;
        Current = (from, end - from);
        return true;
    }
}
