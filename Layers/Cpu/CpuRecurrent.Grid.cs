namespace Sequor.Layers.Cpu;

// Where the rows of a batch lie, and which of them run at which step, with equal and with different lengths.
internal sealed unsafe partial class CpuRecurrent
{
    private readonly Grid _grid;

    /// <summary>
    /// Tells for each slice which rows run at which step. Where all sequences have T steps, rows lie as in [T, B] and slices are runs of
    /// the batch. Otherwise rows are packed, step after step without the sequences that have ended, longest first, and the sequences are
    /// dealt to the slices in turn.
    /// </summary>
    private sealed class Grid
    {
        private readonly RecurrentDataLayout _layout;
        private readonly int _slices;
        private readonly int _maxLength;
        private readonly int[] _order;
        private readonly int[] _first;
        private readonly int[] _steps;
        private readonly int[] _stepRunning;
        private readonly long[] _stepRow;
        private readonly int[] _running;
        private readonly long[] _kept;
        private readonly Comparison<int> _byLength;
        private int[] _lengths = [];
        private int[] _states = [];

        public Grid(CpuBackend backend, in RecurrentDescriptor d, int slices)
        {
            backend.RequireRoom(
                (sizeof(int) + sizeof(long)) * (slices + 1L) * d.MaxLength,
                MemoryCategory.Workspace
            );
            _layout = d.DataLayout;
            _slices = slices;
            _maxLength = d.MaxLength;
            _order = new int[d.MaxBatch];
            _first = new int[slices + 1];
            _steps = new int[slices];
            _stepRunning = new int[_maxLength];
            _stepRow = new long[_maxLength];
            int places = checked(slices * _maxLength);
            _running = new int[places];
            _kept = new long[places];
            // Sequences of equal length keep their order, so that the result is the same each time.
            _byLength = (a, b) =>
                _lengths[a] != _lengths[b] ? _lengths[b].CompareTo(_lengths[a]) : a.CompareTo(b);
        }

        /// <summary>Whether the sequences differ in length, and slices take them in turn.</summary>
        public bool IsDealt { get; private set; }

        /// <summary>Whether the caller's rows lie otherwise than the rows that are computed on.</summary>
        public bool Copies => IsDealt && _layout == RecurrentDataLayout.SeqMajorUnpacked;

        public int Steps { get; private set; }

        public int Batch { get; private set; }

        /// <summary>The number of rows: T * B, or the sum of the lengths.</summary>
        public long Rows { get; private set; }

        /// <summary>The distance between two rows of a slice within a step, in rows.</summary>
        public int RowStep => IsDealt ? _slices : 1;

        /// <summary>How many steps a slice runs: the length of its longest sequence.</summary>
        public int StepsOf(int slice) => _steps[slice];

        /// <summary>How many sequences run at a step.</summary>
        public int Running(int t) => _stepRunning[t];

        /// <summary>How many sequences of a slice run at a step; these are its first ones.</summary>
        public int Running(int slice, int t) =>
            t < 0 || t >= _steps[slice] ? 0 : _running[slice * _maxLength + t];

        /// <summary>The first row of a step.</summary>
        public long Row(int t) => _stepRow[t];

        /// <summary>The first row of a slice at a step.</summary>
        public long Row(int slice, int t) => _stepRow[t] + (IsDealt ? slice : _first[slice]);

        /// <summary>The same in what is kept for the backward pass, where the rows of a slice follow each other.</summary>
        public long Kept(int slice, int t) => _kept[slice * _maxLength + t];

        /// <summary>How many sequences the slices before this one have.</summary>
        public int First(int slice) => _first[slice];

        public int Sequences(int slice) => _first[slice + 1] - _first[slice];

        /// <summary>Where the state of a slice's sequence lies in the batch.</summary>
        public int Sequence(int slice, int r) =>
            IsDealt ? _states[slice + r * _slices] : _first[slice] + r;

        /// <summary>The sequence at an index of the order by falling length.</summary>
        public int Ordered(int place) => _order[place];

        public int Length(int slice, int r) =>
            IsDealt ? _lengths[_order[slice + r * _slices]] : Steps;

        /// <summary>The number of sequences of the largest slice.</summary>
        public static int LargestSlice(int batch, int slices)
        {
            int unit = Unit(batch, slices);
            long units = ((long)batch + unit - 1) / unit;
            return (int)Math.Min(batch, (units + slices - 1) / slices * unit);
        }

        // Slices have multiples of eight or four rows where there are enough, which suits the kernels.
        private static int Unit(int batch, int slices) =>
            batch >= 16 * slices ? 8
            : batch >= 4 * slices ? 4
            : 1;

        public void Set(int steps, int batch, int[]? lengths, int[]? states = null)
        {
            bool same = !IsDealt && lengths is null && Steps == steps && Batch == batch;
            (Steps, Batch) = (steps, batch);
            _states = states ?? _order;
            IsDealt = lengths is not null;
            if (lengths is not null)
                SetLengths(lengths);
            else if (!same)
                SetFull();
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
            for (int t = 0; t < Steps; t++)
                (_stepRunning[t], _stepRow[t]) = (Batch, (long)t * Batch);
            for (int slice = 0; slice < _slices; slice++)
            {
                int count = Sequences(slice);
                _steps[slice] = count == 0 ? 0 : Steps;
                for (int t = 0; t < _steps[slice]; t++)
                {
                    _running[slice * _maxLength + t] = count;
                    _kept[slice * _maxLength + t] = (long)t * Batch + _first[slice];
                }
            }
        }

        private void SetLengths(int[] lengths)
        {
            _lengths = lengths;
            Span<int> order = _order.AsSpan(0, Batch);
            for (int i = 0; i < Batch; i++)
                order[i] = i;
            // Packed data is already in order.
            if (_layout == RecurrentDataLayout.SeqMajorUnpacked)
                order.Sort(_byLength);
            int running = Batch;
            Rows = 0;
            for (int t = 0; t < Steps; t++)
            {
                while (running > 0 && lengths[order[running - 1]] <= t)
                    running--;
                (_stepRunning[t], _stepRow[t]) = (running, Rows);
                Rows += running;
            }
            long kept = 0;
            for (int slice = 0; slice < _slices; slice++)
            {
                _first[slice + 1] = _first[slice] + Dealt(Batch, slice);
                _steps[slice] = slice < Batch ? lengths[order[slice]] : 0;
                for (int t = 0; t < _steps[slice]; t++)
                {
                    int rows = Dealt(_stepRunning[t], slice);
                    _running[slice * _maxLength + t] = rows;
                    _kept[slice * _maxLength + t] = kept;
                    kept += rows;
                }
            }
        }

        // How many of the sequences a slice gets.
        private int Dealt(int sequences, int slice) => (sequences - slice + _slices - 1) / _slices;
    }

    // Checks what a packed batch must be, since a wrong one would be read beyond its end.
    private void SetPacked(in RecurrentOperands o)
    {
        int[] lengths = o.Lengths!;
        int batch = o.PackedBatch == 0 ? lengths.Length : o.PackedBatch;
        if (batch < 1 || batch > Math.Min(lengths.Length, _d.MaxBatch))
        {
            throw new ArgumentException(
                $"A packed batch may have 1 to {Math.Min(lengths.Length, _d.MaxBatch)} sequences here, not {batch}.",
                nameof(o)
            );
        }
        long rows = 0;
        for (int b = 0; b < batch; b++)
        {
            if (lengths[b] < 1 || lengths[b] > _d.MaxLength)
            {
                throw new ArgumentException(
                    $"The length of packed sequence {b} must be 1 to {_d.MaxLength}, not {lengths[b]}.",
                    nameof(o)
                );
            }
            if (b > 0 && lengths[b] > lengths[b - 1])
            {
                throw new ArgumentException(
                    $"Packed sequences must be in the order of falling length: sequence {b - 1} has {Amount.Of(lengths[b - 1], "step")}, sequence {b} has {lengths[b]}.",
                    nameof(o)
                );
            }
            rows += lengths[b];
        }
        RequireRows(o.X, rows, "x");
        RequireRows(o.Y, rows, "y");
        RequireOrder(o.PackedOrder, batch);
        _grid.Set(lengths[0], batch, lengths, o.PackedOrder);
    }

    private static void RequireOrder(int[]? order, int batch)
    {
        for (int i = 0; order is not null && i < batch; i++)
        {
            if (i >= order.Length || order[i] < 0 || order[i] >= batch)
            {
                throw new ArgumentException(
                    $"The order must have {Amount.Of(batch, "place")}, each 0 to {batch - 1}; place {i} is {(i < order.Length ? order[i] : "missing")}.",
                    nameof(order)
                );
            }
        }
    }

    private static void RequireRows(Tensor packed, long rows, string name)
    {
        if (packed.Shape.First != rows || packed.Shape[1] != 1)
        {
            throw new ArgumentException(
                $"The lengths make {rows} packed rows: {name} must be [{rows}, 1, {packed.Shape.Columns}], not {packed.Shape}.",
                name
            );
        }
    }

    /// <summary>Copies the caller's [T, B, width] to packed rows.</summary>
    private void PackRows(float* from, int width, float* to)
    {
        for (int t = 0; t < _grid.Steps; t++)
        {
            for (int i = 0; i < _grid.Running(t); i++, to += width)
                Copy(from + ((long)t * _grid.Batch + _grid.Ordered(i)) * width, to, width);
        }
    }

    /// <summary>Copies packed rows to the caller's [T, B, width], with zeros after each sequence's end.</summary>
    private void UnpackRows(float* from, int width, float* to)
    {
        for (int t = 0; t < _grid.Steps; t++, to += (nint)_grid.Batch * width)
        {
            int running = _grid.Running(t);
            for (int i = 0; i < _grid.Batch; i++)
            {
                float* place = to + (nint)_grid.Ordered(i) * width;
                if (i < running)
                    Copy(from + (_grid.Row(t) + i) * width, place, width);
                else
                    new Span<float>(place, width).Clear();
            }
        }
    }
}
