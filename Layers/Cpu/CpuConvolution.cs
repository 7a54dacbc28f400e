namespace Sequor.Layers.Cpu;

/// <summary>
/// Causal convolution as a sum of k products on shifted rows: with time-major activations, tap j of output row r reads
/// row r - j d B, so one kernel walks all taps with its sums in registers. Rows are cut where the number of taps inside
/// the sequence changes: nothing is padded, and no tap before time 0 (or after the end, backwards) is computed.
/// </summary>
internal sealed unsafe class CpuConvolution : ConvolutionOperation
{
    // Rows summed at a time for the filter's gradient: with 24 channels they fill the first-level cache.
    private const int FilterRows = 256;

    private readonly CpuBackend _backend;
    private readonly ConvolutionDescriptor _d;
    private readonly Job _job;
    private readonly long _packedCount;
    private readonly long _partialCount;
    private readonly long _panelCount;

    public CpuConvolution(CpuBackend backend, in ConvolutionDescriptor descriptor)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
        int lanes = backend.Lanes;
        _packedCount = Align(
            Math.Max(
                Packed.Elements(_d.Kernel * _d.InputSize, _d.OutputSize, lanes),
                Packed.Elements(_d.Kernel * _d.OutputSize, _d.InputSize, lanes)
            )
        );
        _partialCount = Align((long)(_d.Kernel * _d.InputSize + 1) * _d.OutputSize);
        bool packs = Packed.PaddedColumns(_d.OutputSize, lanes) != _d.OutputSize;
        _panelCount = packs ? Align(Packed.Elements(FilterRows, _d.OutputSize, lanes)) : 0;
        WorkspaceCount = Math.Max(_packedCount, (_partialCount + _panelCount) * backend.Threads);
    }

    public override long WorkspaceCount { get; }

    private static long Align(long count) => (count + 15) / 16 * 16;

    public override void Forward(Tensor x, Tensor w, Tensor b, Tensor y, Tensor workspace)
    {
        _job.Begin(Pass.Forward, x, y);
        _job.Packed = ForwardWeights(workspace);
        PackForward(w, _job.Packed);
        _job.From = CpuBackend.Pointer(x);
        _job.To = CpuBackend.Pointer(y);
        _job.Bias = CpuBackend.Pointer(b);
        _job.Start((long)_d.Kernel * _d.InputSize * _d.OutputSize);
    }

    // Depth is tap after tap, the current step's first.
    private Packed ForwardWeights(Tensor workspace) =>
        new(CpuBackend.Pointer(workspace), _d.Kernel * _d.InputSize, _d.OutputSize, _backend.Lanes);

    private void PackForward(Tensor w, Packed packed)
    {
        for (int tap = 0; tap < _d.Kernel; tap++)
        {
            packed.Fill(
                CpuBackend.Pointer(w) + _d.Kernel - 1 - tap,
                _d.Kernel,
                (nint)_d.InputSize * _d.Kernel,
                tap * _d.InputSize,
                _d.InputSize
            );
        }
    }

    public override void Stream(
        Tensor x,
        Tensor w,
        Tensor b,
        Tensor y,
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
        for (int s = 0; s < x.Shape.First; s++)
        {
            long t = position + s;
            float* now = CpuBackend.Pointer(x) + s * step;
            new ReadOnlySpan<float>(now, (int)step).CopyTo(
                new Span<float>(ring + (nint)(t % _d.History) * step, (int)step)
            );
            int taps = (int)Math.Min(_d.Kernel, t / _d.Dilation + 1);
            float* to = CpuBackend.Pointer(y) + (nint)s * batch * _d.OutputSize;
            for (int tap = 0; tap < taps; tap++)
            {
                // The sum so far is what the next tap begins with.
                var tile = new Tile
                {
                    RowStride = _d.InputSize,
                    DepthStride = 1,
                    Depth = _d.InputSize,
                    Taps = 1,
                    InitStride = tap == 0 ? 0 : _d.OutputSize,
                    OutputStride = _d.OutputSize,
                    Relu = _d.Relu && tap == taps - 1,
                };
                long seen = t - (long)tap * _d.Dilation;
                packed
                    .From(tap * _d.InputSize)
                    .Multiply(
                        tile,
                        batch,
                        ring + (nint)(seen % _d.History) * step,
                        tap == 0 ? CpuBackend.Pointer(b) : to,
                        to
                    );
            }
        }
    }

    public override void BackwardData(
        Tensor dy,
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
        for (int tap = 0; tap < _d.Kernel; tap++)
        {
            packed.Fill(
                CpuBackend.Pointer(w) + _d.Kernel - 1 - tap,
                (nint)_d.InputSize * _d.Kernel,
                _d.Kernel,
                tap * _d.OutputSize,
                _d.OutputSize
            );
        }
        _job.Begin(Pass.Data, dx, dy);
        _job.Packed = packed;
        _job.From = CpuBackend.Pointer(dy);
        _job.To = CpuBackend.Pointer(dx);
        _job.Accumulate = accumulate;
        _job.Start((long)_d.Kernel * _d.InputSize * _d.OutputSize);
    }

    public override void BackwardFilter(Tensor x, Tensor dy, Tensor dw, Tensor db, Tensor workspace)
    {
        _job.Begin(Pass.Filter, x, dy);
        _job.From = CpuBackend.Pointer(x);
        _job.To = CpuBackend.Pointer(dy);
        _job.Workspace = CpuBackend.Pointer(workspace);
        int parts = _job.StartFilter();
        Gather(
            CpuBackend.Pointer(workspace),
            parts,
            CpuBackend.Pointer(dw),
            CpuBackend.Pointer(db)
        );
    }

    // Joins the parts' sums [k I + 1, O] in their order, into [O, I, k] with the current step last, and the bias.
    private void Gather(float* sums, int parts, float* dw, float* db)
    {
        int rows = _d.Kernel * _d.InputSize;
        long stride = _partialCount + _panelCount;
        for (int part = 1; part < parts; part++)
        {
            float* other = sums + part * stride;
            for (long i = 0; i < (long)(rows + 1) * _d.OutputSize; i++)
                sums[i] += other[i];
        }
        for (int tap = 0; tap < _d.Kernel; tap++)
        {
            for (int i = 0; i < _d.InputSize; i++)
            {
                float* from = sums + ((long)tap * _d.InputSize + i) * _d.OutputSize;
                for (int o = 0; o < _d.OutputSize; o++)
                    dw[((long)o * _d.InputSize + i) * _d.Kernel + _d.Kernel - 1 - tap] = from[o];
            }
        }
        for (int o = 0; db != null && o < _d.OutputSize; o++)
            db[o] += sums[(long)rows * _d.OutputSize + o];
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

        public void Begin(Pass pass, Tensor input, Tensor output)
        {
            _pass = pass;
            _rows = input.Shape.Rows;
            _shift = (long)owner._d.Dilation * input.Shape[1];
            Bias = null;
            Accumulate = false;
        }

        // Rows near one end have fewer taps: several parts a thread even that out.
        public void Start(long multiplications)
        {
            int parts = owner._backend.Parts(_rows * multiplications, 1 << 18);
            _parts = parts == 1 ? 1 : parts * 8;
            owner._backend.Run(this, _parts);
        }

        public int StartFilter()
        {
            long work = _rows * owner._d.Kernel * owner._d.InputSize * owner._d.OutputSize;
            _parts = owner._backend.Parts(work, 1 << 18);
            owner._backend.Run(this, _parts);
            return _parts;
        }

        public override void Execute(int part)
        {
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
                    Filter(part, from, to);
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

        private void Filter(int part, long from, long to)
        {
            ConvolutionDescriptor d = owner._d;
            int lanes = owner._backend.Lanes;
            float* sums = Workspace + part * (owner._partialCount + owner._panelCount);
            float* panels = sums + owner._partialCount;
            float* bias = sums + (long)d.Kernel * d.InputSize * d.OutputSize;
            new Span<float>(sums, (int)owner._partialCount).Clear();
            var tile = new Tile
            {
                RowStride = 1,
                DepthStride = d.InputSize,
                Taps = 1,
                InitStride = d.OutputSize,
                OutputStride = d.OutputSize,
            };
            for (long row = from; row < to; row += FilterRows)
            {
                int count = (int)Math.Min(FilterRows, to - row);
                float* dy = To + row * d.OutputSize;
                Packed all = Packed.RowMajor(dy, d.OutputSize, count, d.OutputSize, lanes);
                if (owner._panelCount > 0)
                {
                    all = new Packed(panels, count, d.OutputSize, lanes);
                    all.Fill(dy, d.OutputSize, 1, 0, count);
                }
                for (int tap = 0; tap < d.Kernel; tap++)
                {
                    int skipped = (int)Math.Clamp(tap * _shift - row, 0, count);
                    if (skipped == count)
                        break;
                    tile.Depth = count - skipped;
                    float* c = sums + (long)tap * d.InputSize * d.OutputSize;
                    float* x = From + (row + skipped - tap * _shift) * d.InputSize;
                    all.From(skipped).Multiply(tile, d.InputSize, x, c, c);
                }
                for (int r = 0; r < count; r++)
                {
                    for (int o = 0; o < d.OutputSize; o++)
                        bias[o] += dy[(long)r * d.OutputSize + o];
                }
            }
        }
    }
}
