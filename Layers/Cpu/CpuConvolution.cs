namespace Sequor.Layers.Cpu;

/// <summary>
/// A causal convolution as a sum of k products on shifted rows. With time-major activations, tap j of output row r reads row r - j d B, so
/// one kernel runs over all taps and keeps its sums in registers. Rows are cut where the number of taps inside the sequence changes:
/// nothing is padded, and no tap before time 0 (or, backwards, after the end) is computed.
/// </summary>
internal sealed unsafe partial class CpuConvolution : ConvolutionOperation
{
    // The rows summed at a time for the filter's gradient; with 24 channels they fill the first-level cache.
    private const int FilterRows = 256;

    // A part of a filter's gradient has sums of its own, which are cleared and added up: as much work as of so many rows.
    private const int LeastRowsOfSums = 64;

    private readonly CpuBackend _backend;
    private readonly ConvolutionDescriptor _d;
    private readonly Job _job;
    private readonly PackedJob? _packedJob;
    private readonly FilterJob _filterJob;
    private readonly long _packedCount;
    private readonly long _partialCount;
    private readonly long _panelCount;
    private readonly long _gatheredCount;
    private readonly long _seenCount;

    public CpuConvolution(CpuBackend backend, in ConvolutionDescriptor descriptor)
        : base(backend, descriptor)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
        int lanes = backend.Lanes;
        bool packs = Packed.PaddedColumns(_d.OutputSize, lanes) != _d.OutputSize;
        long widest = Math.Max(_d.InputSize, _d.OutputSize);
        checked
        {
            _packedCount = backend.Align(
                Math.Max(
                    Packed.Elements(_d.Kernel * _d.InputSize, _d.OutputSize, lanes),
                    Packed.Elements(_d.Kernel * _d.OutputSize, _d.InputSize, lanes)
                )
            );
            _partialCount = backend.Align((_d.Kernel * (long)_d.InputSize + 1) * _d.OutputSize);
            _panelCount = packs
                ? backend.Align(Packed.Elements(FilterRows, _d.OutputSize, lanes))
                : 0;
            _gatheredCount = _d.VariableLengths
                ? backend.Align((long)GatheredRows * _d.Kernel * widest)
                : 0;
            _seenCount = _d.VariableLengths ? backend.Align((long)FilterRows * _d.InputSize) : 0;
            WorkspaceCount = Math.Max(
                _packedCount + _gatheredCount * backend.Threads,
                FilterStride * backend.Threads
            );
        }
        _filterJob = new FilterJob(this);
        _packedJob = _d.VariableLengths ? new PackedJob(this) : null;
        // The workspace also holds the dropout mask, once the products are done.
        WorkspaceCount = Math.Max(WorkspaceCount, (long)_d.MaxBatch * _d.OutputSize);
    }

    public override long WorkspaceCount { get; }

    /// <summary>How the sums of a filter's gradient are shared: by rows, or of few rows by taps, which then all sum into the same place.</summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="kernel">Taps.</param>
    /// <param name="parts">As many parts as the work is worth, 1 at least.</param>
    /// <returns>Parts that there is a share for, at most so many.</returns>
    internal static (int Parts, bool ByTaps) FilterShares(long rows, int kernel, int parts)
    {
        int byRows = (int)Math.Clamp(rows / LeastRowsOfSums, 1, parts);
        // What the busiest part has of all taps is what the others wait for.
        int most = (kernel + parts - 1) / parts;
        return (long)byRows * most < kernel ? (Math.Min(parts, kernel), true) : (byRows, false);
    }

    // The floats of a part: its sums, the rows of dy where they must be packed, and those of x where they do not follow each other.
    private long FilterStride => _partialCount + _panelCount + _seenCount;

    protected override void ForwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    )
    {
        Packed packed = ForwardWeights(workspace);
        PackForward(w, packed);
        if (layout is { IsPacked: true })
        {
            PackedJob job = _packedJob!;
            job.Begin(Pass.Forward, layout);
            job.Packed = packed;
            job.From = CpuBackend.Pointer(x);
            job.To = CpuBackend.Pointer(output.Y);
            job.Bias = CpuBackend.Pointer(output.Bias);
            job.Workspace = CpuBackend.Pointer(workspace) + _packedCount;
            job.Start();
        }
        else
        {
            _job.Begin(Pass.Forward, x);
            _job.Packed = packed;
            _job.From = CpuBackend.Pointer(x);
            _job.To = CpuBackend.Pointer(output.Y);
            _job.Bias = CpuBackend.Pointer(output.Bias);
            _job.Start((long)_d.Kernel * _d.InputSize * _d.OutputSize);
        }
        DropChannels(output, layout, workspace);
        AddSkip(output);
    }

    // The depth of the product runs over the taps, from the current step's back in time, and over the inputs of each.
    private Packed ForwardWeights(Tensor workspace) =>
        new(CpuBackend.Pointer(workspace), _d.Kernel * _d.InputSize, _d.OutputSize, _backend.Lanes);

    private void PackForward(Tensor w, Packed packed)
    {
        _backend.Preparations++;
        _filterJob.PackForward(CpuBackend.Pointer(w), packed);
    }

    protected override void StreamCore(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    )
    {
        Packed packed = ForwardWeights(workspace);
        if (!sameWeights)
            PackForward(w, packed);
        int batch = x.Shape[1];
        nint step = (nint)batch * _d.InputSize;
        float* ring = CpuBackend.Pointer(history);
        float* bias = CpuBackend.Pointer(output.Bias);
        int now = (int)(position % _d.History);
        for (int s = 0; s < x.Shape.First; s++)
        {
            float* input = CpuBackend.Pointer(x) + s * step;
            new ReadOnlySpan<float>(input, (int)step).CopyTo(
                new Span<float>(ring + now * step, (int)step)
            );
            float* to = CpuBackend.Pointer(output.Y) + (nint)s * batch * _d.OutputSize;
            int taps = _d.Kernel;
            if (position + s < _d.History - 1)
                taps = (int)((position + s) / _d.Dilation) + 1;
            if (batch == 1)
                StreamTaps(packed, 0, taps, taps, ring + now * step, step, 1, ring, bias, to);
            else
                StreamBatch(packed, now, taps, step, batch, ring, bias, to);
            now = now + 1 == _d.History ? 0 : now + 1;
        }
        AddSkip(output);
    }

    // Taps go back in time, and where the ring begins they go on at its end, with the sum of those before it.
    private void StreamBatch(
        in Packed packed,
        int now,
        int taps,
        nint step,
        int batch,
        float* ring,
        float* bias,
        float* to
    )
    {
        int before = Math.Min(taps, now / _d.Dilation + 1);
        StreamTaps(packed, 0, before, taps, ring + now * step, step, batch, null, bias, to);
        if (before == taps)
            return;
        nint place = now + _d.History - (nint)before * _d.Dilation;
        StreamTaps(packed, before, taps, taps, ring + place * step, step, batch, null, to, to);
    }

    // Adds the taps first to end - 1 of one step, the first of which reads the given rows. One row alone goes around the ring by itself.
    private void StreamTaps(
        in Packed packed,
        int first,
        int end,
        int taps,
        float* rows,
        nint step,
        int batch,
        float* ring,
        float* start,
        float* to
    )
    {
        var tile = new Tile
        {
            RowStride = _d.InputSize,
            DepthStride = 1,
            TapStride = -_d.Dilation * step,
            Depth = _d.InputSize,
            Taps = end - first,
            Ring = ring,
            RingSize = _d.History * step,
            InitStride = first == 0 ? 0 : _d.OutputSize,
            OutputStride = _d.OutputSize,
            Relu = _d.Relu && end == taps,
        };
        packed.From(first * _d.InputSize).Multiply(tile, batch, rows, start, to);
    }

    protected override void BackwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    )
    {
        BackwardOutput(output, gradients);
        Tensor dy = gradients.Products;
        BackwardFilter(x, dy, layout, gradients.Weight, gradients.Bias, workspace);
        if (!gradients.X.IsEmpty)
            BackwardData(dy, layout, w, gradients.X, gradients.Accumulate, workspace);
    }

    private void BackwardData(
        Tensor dy,
        SequenceLayout? layout,
        Tensor w,
        Tensor dx,
        bool accumulate,
        Tensor workspace
    )
    {
        var packed = new Packed(
            CpuBackend.Pointer(workspace),
            _d.Kernel * _d.OutputSize,
            _d.InputSize,
            _backend.Lanes
        );
        _filterJob.PackBackward(CpuBackend.Pointer(w), packed);
        if (layout is { IsPacked: true })
        {
            PackedJob job = _packedJob!;
            job.Begin(Pass.Data, layout);
            job.Packed = packed;
            job.From = CpuBackend.Pointer(dy);
            job.To = CpuBackend.Pointer(dx);
            job.Accumulate = accumulate;
            job.Workspace = CpuBackend.Pointer(workspace) + _packedCount;
            job.Start();
            return;
        }
        _job.Begin(Pass.Data, dx);
        _job.Packed = packed;
        _job.From = CpuBackend.Pointer(dy);
        _job.To = CpuBackend.Pointer(dx);
        _job.Accumulate = accumulate;
        _job.Start((long)_d.Kernel * _d.InputSize * _d.OutputSize);
    }

    private void BackwardFilter(
        Tensor x,
        Tensor dy,
        SequenceLayout? layout,
        Tensor dw,
        Tensor db,
        Tensor workspace
    )
    {
        int parts;
        if (layout is { IsPacked: true })
        {
            PackedJob job = _packedJob!;
            job.Begin(Pass.Filter, layout);
            job.From = CpuBackend.Pointer(x);
            job.To = CpuBackend.Pointer(dy);
            job.Workspace = CpuBackend.Pointer(workspace);
            parts = job.Start();
        }
        else
        {
            _job.Begin(Pass.Filter, x);
            _job.From = CpuBackend.Pointer(x);
            _job.To = CpuBackend.Pointer(dy);
            _job.Workspace = CpuBackend.Pointer(workspace);
            parts = _job.StartFilter();
        }
        _filterJob.Gather(
            CpuBackend.Pointer(workspace),
            parts,
            CpuBackend.Pointer(dw),
            CpuBackend.Pointer(db)
        );
    }

    private enum Pass
    {
        Forward,
        Data,
        Filter,
    }

    private sealed class Job(CpuConvolution owner) : ParallelJob
    {
        public Packed Packed;
        public float* From;
        public float* To;
        public float* Bias;
        public float* Workspace;
        public bool Accumulate;
        private Pass _pass;
        private long _rows;
        private long _shift;
        private int _parts;
        private bool _byTaps;

        public void Begin(Pass pass, Tensor input)
        {
            _pass = pass;
            _rows = input.Shape.Rows;
            _shift = (long)owner._d.Dilation * input.Shape[1];
            Bias = null;
            Accumulate = false;
        }

        // Rows near one end have fewer taps; eight parts for each thread even that out.
        public void Start(long multiplications)
        {
            int parts = owner._backend.Parts(_rows * multiplications, 1 << 18);
            _parts = parts == 1 ? 1 : parts * 8;
            owner._backend.Run(this, _parts);
        }

        public int StartFilter()
        {
            long work = _rows * owner._d.Kernel * owner._d.InputSize * owner._d.OutputSize;
            (_parts, _byTaps) = FilterShares(
                _rows,
                owner._d.Kernel,
                owner._backend.Parts(work, 1 << 18)
            );
            owner._backend.Run(this, _parts);
            return _byTaps ? 1 : _parts;
        }

        public override void Execute(int part)
        {
            if (_pass == Pass.Filter && _byTaps)
            {
                (long tap, long end) = CpuBackend.Share(owner._d.Kernel, part, _parts);
                Filter(new FilterSums(owner, Workspace, 0, part, (int)tap, (int)end), 0, _rows);
                return;
            }
            (long from, long to) = CpuBackend.Share((_rows + 7) / 8, part, _parts);
            from *= 8;
            to = Math.Min(to * 8, _rows);
            switch (_pass)
            {
                case Pass.Forward:
                    Forward(from, to);
                    break;
                case Pass.Data:
                    Data(from, to);
                    break;
                default:
                    Filter(new FilterSums(owner, Workspace, part), from, to);
                    break;
            }
        }

        private void Forward(long from, long to)
        {
            ConvolutionDescriptor d = owner._d;
            var tile = new Tile
            {
                RowStride = d.InputSize,
                DepthStride = 1,
                TapStride = (nint)(-_shift * d.InputSize),
                Depth = d.InputSize,
                InitStride = 0,
                OutputStride = d.OutputSize,
                Relu = d.Relu,
            };
            while (from < to)
            {
                tile.Taps = (int)Math.Min(d.Kernel, from / _shift + 1);
                long end = tile.Taps == d.Kernel ? to : Math.Min(to, tile.Taps * _shift);
                Packed.Multiply(
                    tile,
                    (int)(end - from),
                    From + from * d.InputSize,
                    Bias,
                    To + from * d.OutputSize
                );
                from = end;
            }
        }

        private void Data(long from, long to)
        {
            ConvolutionDescriptor d = owner._d;
            var tile = new Tile
            {
                RowStride = d.OutputSize,
                DepthStride = 1,
                TapStride = (nint)(_shift * d.OutputSize),
                Depth = d.OutputSize,
                InitStride = d.InputSize,
                OutputStride = d.InputSize,
            };
            while (from < to)
            {
                tile.Taps = (int)Math.Min(d.Kernel, (_rows - 1 - from) / _shift + 1);
                long end = Math.Min(to, _rows - (tile.Taps - 1) * _shift);
                float* dx = To + from * d.InputSize;
                Packed.Multiply(
                    tile,
                    (int)(end - from),
                    From + from * d.OutputSize,
                    Accumulate ? dx : null,
                    dx
                );
                from = end;
            }
        }

        private void Filter(in FilterSums sums, long from, long to)
        {
            ConvolutionDescriptor d = owner._d;
            for (long row = from; row < to; row += FilterRows)
            {
                int count = (int)Math.Min(FilterRows, to - row);
                float* dy = To + row * d.OutputSize;
                Packed all = sums.Begin(dy, count);
                for (int tap = sums.FirstTap; tap < sums.EndTap; tap++)
                {
                    int skipped = (int)Math.Clamp(tap * _shift - row, 0, count);
                    if (skipped == count)
                        break;
                    float* x = From + (row + skipped - tap * _shift) * d.InputSize;
                    sums.Add(all, tap, x, skipped, count);
                }
                sums.AddBias(dy, count);
            }
        }
    }

    /// <summary>One part's share of the filter's gradient, [k I + 1, O], with its scratch memory.</summary>
    private readonly struct FilterSums
    {
        private readonly CpuConvolution _owner;
        private readonly float* _sums;
        private readonly float* _memory;

        public readonly int FirstTap;
        public readonly int EndTap;

        /// <summary>Sums of a part's own, of all taps.</summary>
        public FilterSums(CpuConvolution owner, float* workspace, int part)
            : this(owner, workspace, part, part, 0, owner._d.Kernel) { }

        /// <summary>Some taps of the sums at a place, and the bias with the first of them; the part's memory is its own.</summary>
        public FilterSums(
            CpuConvolution owner,
            float* workspace,
            int place,
            int part,
            int firstTap,
            int endTap
        )
        {
            _owner = owner;
            _sums = workspace + place * owner.FilterStride;
            _memory = workspace + part * owner.FilterStride + owner._partialCount;
            FirstTap = firstTap;
            EndTap = endTap;
            int tap = owner._d.InputSize * owner._d.OutputSize;
            new Span<float>(_sums + (nint)firstTap * tap, (endTap - firstTap) * tap).Clear();
            if (firstTap == 0)
                new Span<float>(_sums + (nint)owner._d.Kernel * tap, owner._d.OutputSize).Clear();
        }

        /// <summary>Memory for rows of x that must be gathered.</summary>
        public float* Rows => _memory + _owner._panelCount;

        /// <summary>Prepares the next rows of dy as the right-hand side of products.</summary>
        public Packed Begin(float* dy, int count)
        {
            int outputs = _owner._d.OutputSize;
            int lanes = _owner._backend.Lanes;
            if (_owner._panelCount == 0)
                return Packed.RowMajor(dy, outputs, count, outputs, lanes);
            var all = new Packed(_memory, count, outputs, lanes);
            all.Fill(dy, outputs, 1, 0, count);
            return all;
        }

        /// <summary>
        /// Adds a tap's product with the rows of x, the first of which belongs to the first row of dy that is not skipped.
        /// </summary>
        public void Add(in Packed dy, int tap, float* x, int skipped, int count)
        {
            ConvolutionDescriptor d = _owner._d;
            var tile = new Tile
            {
                RowStride = 1,
                DepthStride = d.InputSize,
                Depth = count - skipped,
                Taps = 1,
                InitStride = d.OutputSize,
                OutputStride = d.OutputSize,
            };
            float* c = _sums + (long)tap * d.InputSize * d.OutputSize;
            dy.From(skipped).Multiply(tile, d.InputSize, x, c, c);
        }

        public void AddBias(float* dy, int count)
        {
            if (FirstTap > 0)
                return;
            int outputs = _owner._d.OutputSize;
            float* bias = _sums + (long)_owner._d.Kernel * _owner._d.InputSize * outputs;
            for (int r = 0; r < count; r++)
            {
                for (int o = 0; o < outputs; o++)
                    bias[o] += dy[(long)r * outputs + o];
            }
        }
    }
}
