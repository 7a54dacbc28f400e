namespace Sequor.Layers;

// Which masks the values of a range of steps meet.
public sealed partial class LruBlock
{
    private sealed partial class BlockPlan
    {
        // A mask's place in its stream is the place of its rows in the sequence.
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

        // The mask is that of the first step, and begins anew with each. Packed sequences, longest first, get fewer from step to
        // step: steps that have as many go together.
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

        // Behind the gelu, and its gradient.
        private void DropHidden(Tensor hidden, ScanRange range)
        {
            if (_random is not null)
                Drop(hidden, hidden, 0, range);
        }
    }
}
