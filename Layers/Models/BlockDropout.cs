namespace Sequor.Layers;

/// <summary>
/// The dropout of a residual block, at two places, by ranges of steps: each value by itself, or one mask of the channels of each sequence,
/// which all its steps share. It only acts in training.
/// </summary>
internal sealed class BlockDropout
{
    private readonly RandomStream? _random;
    private readonly StepRanges _ranges;
    private readonly float _probability;
    private readonly bool _shared;
    private readonly int _stream;

    public BlockDropout(float probability, bool shared, PlanBuilder builder, StepRanges ranges)
    {
        _ranges = ranges;
        if (!builder.Training || probability == 0)
            return;
        _random = builder.Random;
        _probability = probability;
        _shared = shared;
        _stream = builder.NextStream();
        builder.NextStream();
    }

    /// <summary>Whether anything is dropped.</summary>
    public bool Drops => _random is not null;

    /// <summary>Multiplies the rows of a range by their mask; the result may be the input. Also computes the gradient.</summary>
    /// <param name="input">The rows of the range.</param>
    /// <param name="result">As many rows.</param>
    /// <param name="which">The place: 0 or 1.</param>
    /// <param name="range">The steps.</param>
    public void Apply(Tensor input, Tensor result, int which, ScanRange range)
    {
        if (_random is null)
            return;
        if (_shared)
            ApplyShared(_random, input, result, which, range);
        else
            // A value's place in the mask's stream is its place in the whole sequence, so that ranges do not change the mask.
            _random.Dropout(
                input,
                result,
                _probability,
                _stream + which,
                _ranges.Row(range.First) * result.Shape.Columns
            );
    }

    // The mask of the first step is repeated at each step. Packed batches have fewer sequences from step to step, longest first, so
    // consecutive steps with as many sequences are done together.
    private void ApplyShared(
        RandomStream random,
        Tensor input,
        Tensor result,
        int which,
        ScanRange range
    )
    {
        for (int first = range.First; first < range.End; )
        {
            int end = _ranges.EndOfSame(first, range.End);
            long at = _ranges.Row(first) - _ranges.Row(range.First);
            long rows = _ranges.Row(end) - _ranges.Row(first);
            random.Dropout(
                input.RowRange(at, rows),
                result.RowRange(at, rows),
                _probability,
                _stream + which,
                period: (_ranges.Row(first + 1) - _ranges.Row(first)) * result.Shape.Columns
            );
            first = end;
        }
    }
}
