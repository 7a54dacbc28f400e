namespace Sequor.Layers;

// Applies dropout to a range of steps.
public sealed partial class LruBlock
{
    private sealed partial class BlockPlan
    {
        // A value's place in the mask's stream is its place in the whole sequence, so that ranges do not change the mask.
        private void Drop(Tensor input, Tensor output, int which, ScanRange range)
        {
            if (_shared)
                DropShared(input, output, which, range);
            else
                _random!.Dropout(
                    input,
                    output,
                    _probability,
                    _stream + which,
                    Row(range.First) * output.Shape.Columns
                );
        }

        // The mask of the first step is repeated at each step. Packed batches have fewer sequences from step to step, longest first, so
        // consecutive steps with as many sequences are done together.
        private void DropShared(Tensor input, Tensor output, int which, ScanRange range)
        {
            for (int first = range.First; first < range.End; )
            {
                long sequences = Row(first + 1) - Row(first);
                int end = _layout is { IsPacked: true } ? first + 1 : range.End;
                while (end < range.End && Row(end + 1) - Row(end) == sequences)
                    end++;
                long at = Row(first) - Row(range.First);
                long rows = Row(end) - Row(first);
                _random!.Dropout(
                    input.RowRange(at, rows),
                    output.RowRange(at, rows),
                    _probability,
                    _stream + which,
                    period: sequences * output.Shape.Columns
                );
                first = end;
            }
        }

        // The dropout after the GELU, and its gradient.
        private void DropHidden(Tensor hidden, ScanRange range)
        {
            if (_random is not null)
                Drop(hidden, hidden, 0, range);
        }
    }
}
