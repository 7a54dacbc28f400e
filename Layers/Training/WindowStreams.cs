namespace Sequor.Layers;

/// <summary>
/// Cuts the windows of a continuous set into streams of equally many, which are taken side by side, window after window. What is left over
/// follows one by one as a stream of its own.
/// </summary>
internal sealed class WindowStreams
{
    private readonly int[] _windows;

    /// <param name="data">A finite set that is continuous.</param>
    /// <param name="most">The largest number of streams, at least 1.</param>
    public WindowStreams(Dataset data, int most)
    {
        int count = data.Count!.Value;
        // The last window may be shorter than those beside it would be, and is then never among them.
        int whole = count > 1 && data.LengthOf(count - 1) < data.Longest ? count - 1 : count;
        Streams = Math.Min(most, whole);
        Steps = whole / Streams;
        Batches = Steps + count - (Steps * Streams);
        _windows = new int[Streams];
    }

    /// <summary>The number of streams, at least 1.</summary>
    public int Streams { get; }

    /// <summary>The number of windows of each stream, at least 1.</summary>
    public int Steps { get; }

    /// <summary>The number of batches that have all windows: those of the streams, then each window that is left.</summary>
    public int Batches { get; }

    /// <summary>Whether a batch begins from states of zero.</summary>
    public bool IsFirst(int batch) => batch == 0 || batch == Steps;

    /// <summary>The windows of a batch, one a stream; valid until the next call.</summary>
    public ReadOnlySpan<int> Of(int batch)
    {
        if (batch >= Steps)
        {
            _windows[0] = (Steps * Streams) + batch - Steps;
            return _windows.AsSpan(0, 1);
        }
        for (int b = 0; b < Streams; b++)
            _windows[b] = (b * Steps) + batch;
        return _windows;
    }

    /// <summary>Whether a set can be taken so.</summary>
    /// <exception cref="ArgumentException">
    /// It is endless, its sequences do not continue each other, or one before the last is shorter than others.
    /// </exception>
    public static void Require(Dataset data, string name)
    {
        if (data.Count is null || !data.IsContinuous)
            throw new ArgumentException(
                $"The dataset '{data.Name}' is {(data.Count is null ? "endless" : "no windows of one sequence")}: states are carried (TrainingOptions.Carry) through finite sets that are continuous (IsContinuous).",
                name
            );
        int whole = data.Longest;
        for (int i = 0; i < data.Count - 1; i++)
        {
            int steps = data.LengthOf(i);
            if (steps != whole)
                throw new ArgumentException(
                    $"The dataset '{data.Name}' is continuous, and its sequence {i} has {Amount.Of(steps, "step")} where the longest has {whole}: only the last may be shorter.",
                    name
                );
        }
    }
}
