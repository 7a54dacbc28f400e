namespace Sequor.Layers;

/// <summary>
/// The ranges of steps in which a block runs through time, so that the values of a range stay in the cache from one operation to the next.
/// A step is never divided. Packed batches, whose steps have fewer and fewer sequences, get ranges of about as many rows.
/// </summary>
/// <param name="layout">How packed batches lie, or null where none come.</param>
/// <param name="rows">The most rows of a range, at least those of a step.</param>
internal sealed class StepRanges(SequenceLayout? layout, int rows)
{
    private int _batch;

    /// <summary>The most rows of a range.</summary>
    public int MostRows => rows;

    /// <summary>The steps of the batch.</summary>
    public int Steps { get; private set; }

    /// <summary>The sequences of the batch.</summary>
    public int Batch => _batch;

    private bool IsPacked => layout is { IsPacked: true };

    /// <summary>Begins a batch [T, B, C], or of packed rows [N, 1, C].</summary>
    public void Begin(Tensor x) =>
        (Steps, _batch) = IsPacked ? (layout!.Steps, layout.Batch) : (x.Shape.First, x.Shape[1]);

    /// <summary>The range that begins at a step.</summary>
    public ScanRange From(int first)
    {
        if (!IsPacked)
            return new ScanRange(
                first,
                first + 1 == Steps ? 1 : Math.Min(Steps - first, StepsOfRange)
            );
        int end = first + 1;
        while (end < Steps && Row(end + 1) - Row(first) <= rows)
            end++;
        return new ScanRange(first, end - first);
    }

    /// <summary>The range that ends before a step.</summary>
    public ScanRange Until(int end)
    {
        if (!IsPacked)
        {
            int count = Math.Min(end, StepsOfRange);
            return new ScanRange(end - count, count);
        }
        int first = end - 1;
        while (first > 0 && Row(end) - Row(first - 1) <= rows)
            first--;
        return new ScanRange(first, end - first);
    }

    // Where all sequences are equally long.
    private int StepsOfRange => (int)Math.Clamp(rows / _batch, 1, int.MaxValue);

    /// <summary>The first row of a step.</summary>
    public long Row(int step) => IsPacked ? layout!.Row(step) : (long)step * _batch;

    /// <summary>The end of the range that begins at a step, among those whose steps have the same sequences.</summary>
    public int EndOfSame(int first, int end)
    {
        if (!IsPacked)
            return end;
        long sequences = Row(first + 1) - Row(first);
        int next = first + 1;
        while (next < end && Row(next + 1) - Row(next) == sequences)
            next++;
        return next;
    }

    /// <summary>The rows of a range.</summary>
    public Tensor Of(Tensor all, ScanRange range) =>
        all.RowRange(Row(range.First), Row(range.End) - Row(range.First));

    /// <inheritdoc cref="Of(Tensor, ScanRange)"/>
    public Tensor Of(Slot all, ScanRange range) => Of(all.All, range);

    /// <summary>The part of scratch memory for as many rows as a range has.</summary>
    public Tensor Part(Slot scratch, ScanRange range) =>
        scratch.All.RowRange(0, Row(range.End) - Row(range.First));
}
