namespace Sequor.Layers.Cpu;

/// <summary>
/// Recurrent layers, with the batch split into slices. A thread takes a slice through all of time, so threads never wait for each other
/// inside a sequence. A step is one product of the slice's rows with the packed recurrent weights, and then the cell's elementwise part
/// while the rows are in the first-level cache. The backward pass works in chunks of time, so that the gate gradients of a chunk are still
/// in the second-level cache when the weights' gradients are summed from them.
/// </summary>
/// <remarks>
/// A row of gates is: for tanh, relu and the linear recurrence [H], in the output itself; for an LSTM [i | f | g | o]; for a GRU [n | r | z
/// | W_hn h + b_hn], whose first 3H columns depend on x and whose last 3H depend on h. An LSTM may project its output: h = W_hr (o tanh c).
/// It may also clip its cell state: what is kept and returned is not clipped, but every use of it is.
/// <para>Sequences of different lengths are computed in the packed layout, sorted by falling length: the sequences that reach a step are
/// its first rows, and no work is done on padding. The slices take the sequences in turn, so a slice's rows are a fixed distance apart and
/// it has its share of every step. Unpacked data is packed first.</para>
/// </remarks>
internal sealed unsafe partial class CpuRecurrent : RecurrentOperation
{
    // The bytes of a chunk's gate gradients: less than half of a common second-level cache.
    private const int ChunkBytes = 384 << 10;

    // The rows of a chunk that wide gates have all the same. The sums of the weights' gradients, which no cache holds then, are read and
    // written once a chunk: with so many rows this takes less time than the products that are summed.
    private const int LeastChunkRows = 128;

    private readonly CpuBackend _backend;
    private readonly RecurrentDescriptor _d;
    private readonly Job _job;
    private readonly int _hidden;

    // The channels of h, which a projection makes fewer than those of c.
    private readonly int _state;
    private readonly int _gateWidth;
    private readonly int _gateColumns;
    private readonly int _slices;

    // The last channels of h whose gradient is computed by dot products.
    private readonly int _backDots;

    public CpuRecurrent(CpuBackend backend, in RecurrentDescriptor descriptor)
        : base(backend, descriptor)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
        _wideJob = new WideJob(this);
        _hidden = _d.HiddenSize;
        _state = _d.StateSize;
        _gateColumns = _d.Gates * _hidden;
        _gateWidth = _d.Kind == RecurrentKind.Gru ? 4 * _hidden : _gateColumns;
        _wide = IsWide(_d, backend.LargestSharedWeights);
        _backDots = _wide ? 0 : ColumnDots.Columns(_gateColumns, _state, backend.Lanes);
        _slices = _wide ? 1 : Math.Min(backend.Threads, _d.MaxBatch);
        _barrier = new StepBarrier(_wide ? UnitParts(backend) : 1);
        Lay();
        _grid = new Grid(backend, _d, _slices);
    }

    public override long WorkspaceCount => _workspaceCount;

    public override long ReserveCount => _reserveCount;

    protected override void ForwardCore(in RecurrentOperands operands)
    {
        Begin(operands);
        if (_grid.Copies)
            PackRows(_call.UserX, _d.InputSize, _call.Reserve + _packedInput);
        for (int layer = 0; layer < _d.Layers; layer++)
        {
            if (_wide)
            {
                ForwardWide(layer, !operands.SameWeights);
            }
            else
            {
                for (
                    int direction = 0;
                    direction < _d.Directions && !operands.SameWeights;
                    direction++
                )
                    PackForward(layer, direction);
                _job.Start(Phase.Forward, layer);
            }
            if (_d.DropsOut && layer < _d.Layers - 1)
            {
                operands.Random!.Dropout(
                    RowsOf(operands.Reserve, _layers[layer].Output),
                    RowsOf(operands.Reserve, _layers[layer].Dropped),
                    _d.Dropout,
                    _d.DropoutStream + layer
                );
            }
        }
        if (_grid.Copies)
            UnpackRows(OutputOf(_d.Layers - 1), _d.OutputSize, _call.UserY);
        FinalStates(operands);
    }

    protected override void BackwardCore(
        in RecurrentOperands operands,
        in RecurrentGradients gradients
    )
    {
        Begin(operands);
        BeginBackward(gradients);
        if (_grid.Copies)
            PackGradient(gradients.Y.Shape.First);
        for (int layer = _d.Layers - 1; layer >= 0; layer--)
        {
            if (_wide)
            {
                BackwardWide(layer);
            }
            else
            {
                for (int direction = 0; direction < _d.Directions; direction++)
                    PackBackward(layer, direction);
                _job.Start(Phase.Backward, layer);
                _job.Start(Phase.Reduce, layer);
            }
            if (_d.DropsOut && layer > 0)
            {
                Tensor dx = RowsOf(operands.Workspace, _flow[layer % 2]);
                operands.Random!.Dropout(dx, dx, _d.Dropout, _d.DropoutStream + layer - 1);
            }
        }
        if (_grid.Copies && _call.UserDx != null)
            UnpackRows(_call.Workspace + _packedInputGradient, _d.InputSize, _call.UserDx);
    }

    // The rows of a layer's output or of its gradient, as a tensor.
    private Tensor RowsOf(Tensor block, long offset) =>
        new(
            block.Storage,
            block.Offset + offset,
            new Shape(checked((int)_grid.Rows), _d.OutputSize)
        );

    private enum Phase
    {
        Forward,
        Backward,
        Reduce,
    }

    private sealed class Job(CpuRecurrent owner) : ParallelJob
    {
        private Phase _phase;
        private int _layer;
        private int _groups;

        public void Start(Phase phase, int layer)
        {
            _phase = phase;
            _layer = layer;
            _groups = phase == Phase.Reduce ? owner._slices : owner.Groups;
            owner._backend.Run(this, _groups);
        }

        public override void Execute(int part)
        {
            for (int direction = 0; direction < owner._d.Directions; direction++)
            {
                switch (_phase)
                {
                    case Phase.Forward when _groups < owner._slices:
                        owner.ForwardGroup(_layer, direction, part);
                        break;
                    case Phase.Backward when _groups < owner._slices:
                        owner.BackwardGroup(_layer, direction, part);
                        break;
                    case Phase.Reduce when owner._slices >= ManySlices && !owner.Projects:
                        owner.ReduceMany(_layer, direction, part);
                        break;
                    case Phase.Forward:
                        owner.ForwardSlice(_layer, direction, part);
                        break;
                    case Phase.Backward:
                        owner.BackwardSlice(_layer, direction, part);
                        break;
                    default:
                        owner.Reduce(_layer, direction, part);
                        break;
                }
            }
        }
    }
}
