namespace Sequor.Layers;

// Checks which sizes and lengths a batch may have, and keeps the lengths that an input was loaded with.
public sealed partial class Plan
{
    // The lengths that the input was loaded with, and the input's shape then. Null if the plan was made without variable lengths.
    private readonly int[]? _loadedLengths;
    private Shape _loadedShape;

    /// <summary>
    /// The steps of each sequence of the input that the plan was last asked for, if it was loaded with lengths; empty where all sequences
    /// have its number of steps. Forward on that input uses them.
    /// </summary>
    internal ReadOnlySpan<int> LoadedLengths =>
        HasLoadedLengths && CurrentInput == _loadedShape ? Loaded : default;

    /// <summary>
    /// The steps of each sequence of the last Forward's input, in the caller's order. Its output [T, B, C] is padding after them. Empty
    /// where all sequences have the input's number of steps, or the caller packed its rows.
    /// </summary>
    internal ReadOnlySpan<int> ForwardLengths =>
        _layout is { IsPacked: true } && !_packedByCaller ? _layout.CallerLengths : default;

    private ReadOnlySpan<int> Loaded => _loadedLengths.AsSpan(0, _loadedShape[1]);

    // Loaded lengths hold until something is written over the loaded input.
    private bool HasLoadedLengths => _loadedShape.Rank != 0 && _input.All.Storage.LoadedCount != 0;

    // Keeps the lengths of a loaded input where they differ from its number of steps.
    private void KeepLengths(ReadOnlySpan<int> lengths, Tensor input)
    {
        ForgetLengths();
        if (lengths.IndexOfAnyExcept(input.Shape.First) < 0)
            return;
        lengths.CopyTo(_loadedLengths);
        _loadedShape = input.Shape;
        input.Storage.LoadedCount = input.Count;
    }

    private void ForgetLengths() => _loadedShape = default;

    // The lengths of an input that comes without any.
    private ReadOnlySpan<int> LengthsOf(Tensor x)
    {
        if (!HasLoadedLengths)
            return default;
        Tensor loaded = _input.All.View(_loadedShape);
        if (!x.Overlaps(loaded))
            return default;
        if (x.Address == loaded.Address && x.Shape == _loadedShape)
            return Loaded;
        // The place has been handed out for another input since.
        if (x.Address == loaded.Address && x.Shape == CurrentInput)
            return default;
        throw new ArgumentException(
            $"The input {x.Shape} is a part of one that was loaded as {_loadedShape} with lengths; give lengths for it, {x.Shape.First} for all where none is shorter.",
            nameof(x)
        );
    }

    /// <summary>Whether the output can have padding, that is, rows after the ends of sequences.</summary>
    internal bool MayPad => _unpackedOutput is not null;

    /// <summary>Whether the last output's rows are packed, so that a row's index tells neither step nor sequence.</summary>
    internal bool HasPackedRows => MayPad && _packedByCaller;

    private void SetLengths(ReadOnlySpan<int> lengths, int steps, int batch)
    {
        RequireLengths(lengths, steps, batch);
        _layout?.SetWhole();
        if (lengths.IndexOfAnyExcept(steps) < 0)
            return;
        Backend.Tracer?.Stop(SequenceLayout.NotRecordable);
        _layout!.Set(lengths);
    }

    private void RequireLengths(ReadOnlySpan<int> lengths, int steps, int batch)
    {
        if (lengths.IsEmpty)
            return;
        RequireLayout();
        if (lengths.Length != batch)
        {
            throw new ArgumentException(
                $"A batch of {batch} needs {Amount.Of(batch, "length")}, not {lengths.Length}.",
                nameof(lengths)
            );
        }
        for (int b = 0; b < batch; b++)
        {
            if (lengths[b] < 1 || lengths[b] > steps)
            {
                throw new ArgumentException(
                    $"The length of sequence {b} must be 1 to {steps}, the input's steps, not {lengths[b]}.",
                    nameof(lengths)
                );
            }
        }
    }

    private void RequireLayout()
    {
        if (_layout is null)
            throw new ArgumentException(
                "Lengths need a plan made with PlanOptions.VariableLengths."
            );
    }

    // The lengths have passed RequirePackedLengths, so their sum does not overflow.
    private static int RowsOf(ReadOnlySpan<int> lengths)
    {
        int count = 0;
        foreach (int length in lengths)
            count += length;
        return count;
    }

    private void RequireStreamOf(int batch)
    {
        if (_streamBatch != 0 && _streamBatch != batch)
        {
            throw new ArgumentException(
                $"The stream has {Amount.Of(_streamBatch, "sequence")}, not {batch}; Reset begins another one.",
                nameof(batch)
            );
        }
    }

    private void RequirePackedLengths(ReadOnlySpan<int> lengths)
    {
        RequireLayout();
        if (lengths.Length < 1 || lengths.Length > MaxBatch)
        {
            throw new ArgumentException(
                $"There must be 1 to {MaxBatch} lengths, the plan's limit, not {lengths.Length}.",
                nameof(lengths)
            );
        }
        for (int b = 0; b < lengths.Length; b++)
        {
            int most = b == 0 ? MaxLength : lengths[b - 1];
            if (lengths[b] >= 1 && lengths[b] <= most)
                continue;
            throw new ArgumentException(
                b > 0 && lengths[b] > most
                    ? $"Packed sequences are in the order of their lengths, longest first: sequence {b} has {lengths[b]}, the one before it {most}."
                    : $"The length of sequence {b} must be 1 to {most}, not {lengths[b]}.",
                nameof(lengths)
            );
        }
    }

    private void RequireSizes(int length, int batch)
    {
        if (length < 1 || length > MaxLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length),
                length,
                $"The length must be 1 to {MaxLength}, the plan's limit."
            );
        }
        if (batch < 1 || batch > MaxBatch)
        {
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                batch,
                $"The batch must be 1 to {MaxBatch}, the plan's limit."
            );
        }
    }
}
