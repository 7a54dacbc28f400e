namespace Sequor.Layers.Cpu;

/// <summary>
/// Computes the same sums over packed rows, where the distance between two steps changes with the number of sequences. For a few rows at a
/// time, the rows that their taps read are gathered, and one product runs over all taps.
/// </summary>
internal sealed unsafe partial class CpuConvolution
{
    // With the widest layers that papers use, this many gathered rows fit in the second-level cache.
    private const int GatheredRows = 32;

    private sealed class PackedJob(CpuConvolution owner) : ParallelJob
    {
        public Packed Packed;
        public float* From;
        public float* To;
        public float* Bias;
        public float* Workspace;
        public bool Accumulate;
        private SequenceLayout _layout = null!;
        private Pass _pass;
        private int _parts;

        public void Begin(Pass pass, SequenceLayout layout)
        {
            _pass = pass;
            _layout = layout;
            Bias = null;
            Accumulate = false;
        }

        public int Start()
        {
            ConvolutionDescriptor d = owner._d;
            long work = (long)_layout.Rows * d.Kernel * d.InputSize * d.OutputSize;
            _parts = owner._backend.Parts(work, 1 << 18);
            owner._backend.Run(this, _parts);
            return _parts;
        }

        public override void Execute(int part)
        {
            if (_pass == Pass.Filter)
            {
                (long from, long to) = CpuBackend.Share(_layout.Rows, part, _parts);
                Filter(part, (int)from, (int)to);
                return;
            }
            // Rows near one end have fewer taps, so parts take blocks of rows in turn to share the work evenly.
            float* gathered = Workspace + part * owner._gatheredCount;
            for (long row = (long)part * GatheredRows; row < _layout.Rows; )
            {
                int count = (int)Math.Min(GatheredRows, _layout.Rows - row);
                Product((int)row, count, gathered);
                row += (long)_parts * GatheredRows;
            }
        }

        private void Product(int row, int count, float* gathered)
        {
            ConvolutionDescriptor d = owner._d;
            bool forward = _pass == Pass.Forward;
            int read = forward ? d.InputSize : d.OutputSize;
            int written = forward ? d.OutputSize : d.InputSize;
            int first = _layout.StepOf(row);
            int last = _layout.StepOf(row + count - 1);
            // How many steps the taps can reach: back from the last of these steps, or ahead from the first.
            int reach = forward ? last : _layout.Steps - 1 - first;
            int taps = Math.Min(d.Kernel, reach / d.Dilation + 1);
            // The gathered rows lie tap after tap. The sequences of a step lie in the same order at every step, so they are copied
            // together.
            nint block = (nint)count * read;
            for (int step = first; step <= last; step++)
            {
                int from = Math.Max(row, _layout.Row(step));
                int rows = Math.Min(row + count, _layout.Row(step + 1)) - from;
                float* to = gathered + (nint)(from - row) * read;
                for (int tap = 0; tap < taps; tap++, to += block)
                {
                    int seen = forward ? step - tap * d.Dilation : step + tap * d.Dilation;
                    CopyRows(seen, from - _layout.Row(step), rows, read, to);
                }
            }
            var tile = new Tile
            {
                RowStride = read,
                DepthStride = 1,
                TapStride = block,
                Depth = read,
                Taps = taps,
                InitStride = forward ? 0 : written,
                OutputStride = written,
                Relu = forward && d.Relu,
            };
            float* result = To + (nint)row * written;
            float* start =
                forward ? Bias
                : Accumulate ? result
                : null;
            Packed.Multiply(tile, count, gathered, start, result);
        }

        // Copies the rows of sequences first .. first + rows - 1 at a step, with zeros for those that do not reach it.
        private void CopyRows(int step, int first, int rows, int columns, float* to)
        {
            int there = Math.Clamp(_layout.Active(step) - first, 0, rows);
            if (there > 0)
            {
                float* from = From + ((nint)_layout.Row(step) + first) * columns;
                new ReadOnlySpan<float>(from, there * columns).CopyTo(
                    new Span<float>(to, there * columns)
                );
            }
            new Span<float>(to + (nint)there * columns, (rows - there) * columns).Clear();
        }

        private void Filter(int part, int from, int to)
        {
            ConvolutionDescriptor d = owner._d;
            var sums = new FilterSums(owner, Workspace, part);
            float* gathered = sums.Rows;
            for (int row = from; row < to; row += FilterRows)
            {
                int count = Math.Min(FilterRows, to - row);
                float* dy = To + (nint)row * d.OutputSize;
                Packed all = sums.Begin(dy, count);
                for (int tap = 0; tap < d.Kernel && tap * d.Dilation < _layout.Steps; tap++)
                {
                    int skipped = Math.Clamp(_layout.Row(tap * d.Dilation) - row, 0, count);
                    if (skipped == count)
                        break;
                    float* x = Seen(row + skipped, count - skipped, tap * d.Dilation, gathered);
                    sums.Add(all, tap, x, skipped, count);
                }
                sums.AddBias(dy, count);
            }
        }

        // The rows that lie a number of steps before the given ones: in place where they follow each other, else gathered.
        private float* Seen(int row, int count, int before, float* gathered)
        {
            int columns = owner._d.InputSize;
            int step = _layout.StepOf(row);
            int end = row + count - 1;
            int last = _layout.StepOf(end);
            int start = Shifted(row, step);
            if (Shifted(end, last) - start == count - 1)
                return From + (nint)start * columns;
            for (; step <= last; step++)
            {
                int from = Math.Max(row, _layout.Row(step));
                int rows = Math.Min(row + count, _layout.Row(step + 1)) - from;
                float* to = gathered + (nint)(from - row) * columns;
                CopyRows(step - before, from - _layout.Row(step), rows, columns, to);
            }
            return gathered;

            int Shifted(int at, int of) => at - _layout.Row(of) + _layout.Row(of - before);
        }
    }
}
