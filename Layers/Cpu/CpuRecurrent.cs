namespace Sequor.Layers.Cpu;

/// <summary>
/// Recurrent layers, the batch split into slices: a thread takes a slice through all of time and all layers, so threads
/// never meet inside a sequence. A step is one product of the slice's rows with the packed recurrent weights, then the
/// cell's elementwise part while the rows are in the first-level cache. Backward works in chunks of time, so that the
/// gate gradients of a chunk are still in the second-level cache when the weights' gradients are summed from them.
/// </summary>
/// <remarks>
/// Rows of gates: tanh and relu [H], in y itself; LSTM [i | f | g | o]; GRU [n | r | z | W_hn h + b_hn]: there the parts
/// that see x are the first 3H, those that see h the last 3H.
/// </remarks>
internal sealed unsafe partial class CpuRecurrent : RecurrentOperation
{
    // Gate gradients of a chunk: half of a common second-level cache.
    private const int ChunkBytes = 384 << 10;

    private readonly CpuBackend _backend;
    private readonly RecurrentDescriptor _d;
    private readonly Job _job;
    private readonly int _gateWidth;
    private readonly int _gateColumns;
    private readonly int _slices;
    private readonly int _chunkStride;
    private readonly int _chunkSteps;

    public CpuRecurrent(CpuBackend backend, in RecurrentDescriptor descriptor)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
        int h = _d.HiddenSize;
        _gateColumns = _d.Gates * h;
        _gateWidth = _d.Kind == RecurrentKind.Gru ? 4 * h : _gateColumns;
        _slices = Math.Min(backend.Threads, _d.MaxBatch);
        // Room to read past the end, and no two rows a multiple of 4 KiB apart.
        _chunkStride = _gateWidth + Tile.MaxWidth(backend.Lanes);
        if (_chunkStride % 256 < 16)
            _chunkStride += 32;
        long stepBytes = (long)SliceRows(_d.MaxBatch) * _chunkStride * sizeof(float);
        _chunkSteps = (int)Math.Clamp(ChunkBytes / stepBytes, 1, _d.MaxLength);
        Lay();
    }

    public static ParameterLayout Layout(in RecurrentDescriptor d)
    {
        var offsets = new Dictionary<string, long>();
        long offset = 0;
        for (int layer = 0; layer < d.Layers; layer++)
        {
            long rows = (long)d.Gates * d.HiddenSize;
            Add($"weight_ih_l{layer}", rows * d.LayerInput(layer));
            Add($"weight_hh_l{layer}", rows * d.HiddenSize);
            Add($"bias_ih_l{layer}", rows);
            Add($"bias_hh_l{layer}", rows);
        }
        return new ParameterLayout(offset, offsets);

        void Add(string name, long count)
        {
            offsets[name] = offset;
            offset += count;
        }
    }

    public override long WorkspaceCount => _workspaceCount;

    public override long ReserveCount => _reserveCount;

    public override void Forward(
        Tensor x,
        Tensor parameters,
        Tensor y,
        Tensor reserve,
        Tensor workspace
    )
    {
        _job.Begin(x, parameters, y, reserve, workspace);
        for (int layer = 0; layer < _d.Layers; layer++)
            PackForward(layer);
        _job.Start(Phase.Forward);
    }

    public override void Backward(
        Tensor x,
        Tensor parameters,
        Tensor y,
        Tensor dy,
        Tensor dx,
        Tensor dparameters,
        Tensor reserve,
        Tensor workspace
    )
    {
        _job.Begin(x, parameters, y, reserve, workspace);
        _job.BeginBackward(dy, dx, dparameters);
        for (int layer = 0; layer < _d.Layers; layer++)
            PackBackward(layer);
        _job.Start(Phase.Backward);
        _job.Start(Phase.Reduce);
    }

    private enum Phase
    {
        Forward,
        Backward,
        Reduce,
    }

    // Rows of the largest slice; slices are of whole fours where there are enough rows.
    private int SliceRows(int batch)
    {
        int unit = SliceUnit(batch);
        int units = (batch + unit - 1) / unit;
        return Math.Min(batch, (units + _slices - 1) / _slices * unit);
    }

    private int SliceUnit(int batch) =>
        batch >= 16 * _slices ? 8
        : batch >= 4 * _slices ? 4
        : 1;

    private (int From, int To) Slice(int batch, int part)
    {
        int unit = SliceUnit(batch);
        (long from, long to) = CpuBackend.Share((batch + unit - 1) / unit, part, _slices);
        return ((int)from * unit, (int)Math.Min(to * unit, batch));
    }

    private sealed class Job(CpuRecurrent owner) : ParallelJob
    {
        public Call Call;
        private Phase _phase;

        public void Begin(
            Tensor x,
            Tensor parameters,
            Tensor y,
            Tensor reserve,
            Tensor workspace
        ) =>
            Call = new Call
            {
                Steps = x.Shape.First,
                Batch = x.Shape[1],
                X = CpuBackend.Pointer(x),
                Y = CpuBackend.Pointer(y),
                Parameters = CpuBackend.Pointer(parameters),
                Reserve = CpuBackend.Pointer(reserve),
                Workspace = CpuBackend.Pointer(workspace),
            };

        public void BeginBackward(Tensor dy, Tensor dx, Tensor dparameters)
        {
            Call.DySteps = dy.Shape.First;
            Call.Dy = CpuBackend.Pointer(dy);
            Call.Dx = CpuBackend.Pointer(dx);
            Call.DParameters = CpuBackend.Pointer(dparameters);
        }

        public void Start(Phase phase)
        {
            _phase = phase;
            owner._backend.Run(this, owner._slices);
        }

        public override void Execute(int part)
        {
            if (_phase == Phase.Reduce)
            {
                owner.Reduce(Call, part);
                return;
            }
            (int from, int to) = owner.Slice(Call.Batch, part);
            if (_phase == Phase.Forward)
            {
                for (int layer = 0; layer < owner._d.Layers && from < to; layer++)
                    owner.ForwardSlice(Call, layer, from, to - from);
            }
            else
            {
                for (int layer = owner._d.Layers - 1; layer >= 0; layer--)
                    owner.BackwardSlice(Call, layer, part, from, to - from);
            }
        }
    }

    /// <summary>The operands of one call.</summary>
    private struct Call
    {
        public int Steps;
        public int Batch;
        public int DySteps;
        public float* X;
        public float* Y;
        public float* Dy;
        public float* Dx;
        public float* Parameters;
        public float* DParameters;
        public float* Reserve;
        public float* Workspace;
    }
}
