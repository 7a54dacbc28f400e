namespace Sequor.Layers;

// What sizes and lengths a batch may have.
public sealed partial class Plan
{
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
                $"A batch of {batch} needs {batch} lengths, not {lengths.Length}.",
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
            throw new ArgumentException("Lengths need a plan made with variableLengths: true.");
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
