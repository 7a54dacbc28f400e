namespace Sequor.Layers.Cpu;

internal sealed unsafe partial class CpuRecurrent
{
    private readonly Grid _grid;

    /// <summary>
    /// Which rows run at which step, for each slice. Where all sequences have T steps, slices are runs of the batch and rows
    /// lie as in [T, B]. Else sequences are dealt to slices in the order of falling length, and a slice's rows lie packed:
    /// step after step, without the sequences that have ended.
    /// </summary>
    private sealed class Grid
    {
        private readonly int _slices;
        private readonly int _maxLength;
        private readonly int[] _order;
        private readonly int[] _sorted;
        private readonly int[] _first;
        private readonly int[] _running;
        private readonly long[] _offset;
        private readonly int[] _steps;
        private readonly Comparison<int> _byLength;
        private int[] _lengths = [];

        public Grid(in RecurrentDescriptor d, int slices)
        {
            _slices = slices;
            _maxLength = d.MaxLength;
            _order = new int[d.MaxBatch];
            _sorted = new int[d.MaxBatch];
            _first = new int[slices + 1];
            _steps = new int[slices];
            _running = new int[slices * _maxLength];
            _offset = new long[slices * _maxLength];
            // Equal lengths keep their order, so that the result is the same each time.
            _byLength = (a, b) =>
                _lengths[a] != _lengths[b] ? _lengths[b].CompareTo(_lengths[a]) : a.CompareTo(b);
        }

        public bool Packed { get; private set; }

        public int Steps { get; private set; }

        public int Batch { get; private set; }

        /// <summary>Rows in all: T * B, or the sum of lengths.</summary>
        public long Rows { get; private set; }

        /// <summary>Steps that a slice runs: its longest sequence.</summary>
        public int StepsOf(int slice) => _steps[slice];

        /// <summary>Sequences that run at a step: a slice's first ones.</summary>
        public int Running(int slice, int t) =>
            t < 0 || t >= _steps[slice] ? 0 : _running[slice * _maxLength + t];

        /// <summary>The row where a slice's step begins.</summary>
        public long Offset(int slice, int t) => _offset[slice * _maxLength + t];

        /// <summary>The place of a slice's first sequence in the order.</summary>
        public int First(int slice) => _first[slice];

        public int Sequences(int slice) => _first[slice + 1] - _first[slice];

        /// <summary>The sequence at a place of the order: its number in the batch.</summary>
        public int Sequence(int place) => Packed ? _order[place] : place;

        public int Length(int sequence) => Packed ? _lengths[sequence] : Steps;

        /// <summary>Rows of the largest slice.</summary>
        public static int LargestSlice(int batch, int slices)
        {
            int unit = Unit(batch, slices);
            int units = (batch + unit - 1) / unit;
            return Math.Min(batch, (units + slices - 1) / slices * unit);
        }

        // Whole eights or fours where there are enough rows: the kernels like them.
        private static int Unit(int batch, int slices) =>
            batch >= 16 * slices ? 8
            : batch >= 4 * slices ? 4
            : 1;

        public void Set(int steps, int batch, int[]? lengths)
        {
            (Steps, Batch) = (steps, batch);
            Packed = lengths is not null;
            if (lengths is null)
                SetFull();
            else
                SetPacked(lengths);
        }

        private void SetFull()
        {
            Rows = (long)Steps * Batch;
            int unit = Unit(Batch, _slices);
            for (int slice = 0; slice <= _slices; slice++)
            {
                (long from, _) = CpuBackend.Share((Batch + unit - 1) / unit, slice, _slices);
                _first[slice] = (int)Math.Min(from * unit, Batch);
            }
            for (int slice = 0; slice < _slices; slice++)
            {
                int count = Sequences(slice);
                _steps[slice] = count == 0 ? 0 : Steps;
                for (int t = 0; t < _steps[slice]; t++)
                {
                    _running[slice * _maxLength + t] = count;
                    _offset[slice * _maxLength + t] = (long)t * Batch + _first[slice];
                }
            }
        }

        private void SetPacked(int[] lengths)
        {
            _lengths = lengths;
            Span<int> order = _order.AsSpan(0, Batch);
            for (int i = 0; i < Batch; i++)
                order[i] = i;
            order.Sort(_byLength);
            Deal(order);
            long row = 0;
            for (int slice = 0; slice < _slices; slice++)
            {
                int running = Sequences(slice);
                _steps[slice] = running == 0 ? 0 : lengths[order[_first[slice]]];
                for (int t = 0; t < _steps[slice]; t++)
                {
                    while (lengths[order[_first[slice] + running - 1]] <= t)
                        running--;
                    _running[slice * _maxLength + t] = running;
                    _offset[slice * _maxLength + t] = row;
                    row += running;
                }
            }
            Rows = row;
        }

        // One sequence to each slice in turn; a slice's own stay in the order of falling length.
        private void Deal(Span<int> order)
        {
            Span<int> sorted = _sorted.AsSpan(0, Batch);
            order.CopyTo(sorted);
            int place = 0;
            for (int slice = 0; slice < _slices; slice++)
            {
                _first[slice] = place;
                for (int i = slice; i < Batch; i += _slices)
                    order[place++] = sorted[i];
            }
            _first[_slices] = place;
        }
    }

    /// <summary>Gathers [T, B, width] of the caller's into packed rows.</summary>
    private void PackRows(float* from, int width, float* to)
    {
        for (int slice = 0; slice < _slices; slice++)
        {
            for (int t = 0; t < _grid.StepsOf(slice); t++)
            {
                float* row = to + _grid.Offset(slice, t) * width;
                for (int r = 0; r < _grid.Running(slice, t); r++, row += width)
                {
                    int b = _grid.Sequence(_grid.First(slice) + r);
                    Copy(from + ((long)t * _grid.Batch + b) * width, row, width);
                }
            }
        }
    }

    /// <summary>Puts packed rows into [T, B, width] of the caller's, with zeros beyond each sequence's end.</summary>
    private void UnpackRows(float* from, int width, float* to)
    {
        for (int slice = 0; slice < _slices; slice++)
        {
            for (int r = 0; r < _grid.Sequences(slice); r++)
            {
                int b = _grid.Sequence(_grid.First(slice) + r);
                int length = _grid.Length(b);
                for (int t = 0; t < _grid.Steps; t++)
                {
                    float* place = to + ((long)t * _grid.Batch + b) * width;
                    if (t < length)
                        Copy(from + (_grid.Offset(slice, t) + r) * width, place, width);
                    else
                        new Span<float>(place, width).Clear();
                }
            }
        }
    }
}
