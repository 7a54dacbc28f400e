namespace Sequor.Layers.Cpu;

// Where everything lies: the workspace holds packed weights and each slice's own memory, the reserve holds gates, cells and the outputs of
// lower layers.
internal sealed unsafe partial class CpuRecurrent
{
    // Those of a line of the cache. Blocks of memory begin with one.
    private const int LineFloats = 16;

    private readonly long[] _flow = new long[2];
    private Call _call;
    private LayerPlace[] _layers = [];
    private Place[] _places = [];
    private long _workspaceCount;
    private long _reserveCount;
    private long _packedInput;
    private long _packedInputGradient;
    private long _permuted;
    private long _slice;
    private long _sliceCount;
    private long _sliceChunk;
    private long _sliceInputs;
    private long _sliceOutputs;
    private long _sliceCarry;
    private long _sliceCellCarry;
    private long _sliceInitial;
    private long _sliceInitialCell;
    private long _slicePartials;
    private int _chunkStride;
    private int _chunkRows;
    private int _sliceRows;

    /// <summary>The addresses of one call's operands.</summary>
    private struct Call
    {
        public float* UserX;
        public float* UserY;
        public float* UserDy;
        public float* UserDx;
        public int DySteps;
        public float* Parameters;
        public float* DParameters;
        public float* Reserve;
        public float* Workspace;
        public float* InitialHidden;
        public float* InitialCell;
        public float* FinalHiddenGradient;
        public float* FinalCellGradient;
        public float* InitialHiddenGradient;
        public float* InitialCellGradient;
    }

    /// <summary>Offsets in the reserve of what both directions of a layer share.</summary>
    private struct LayerPlace
    {
        // The output [rows, directions * H]. The top layer has none here if its rows lie as the caller's do.
        public long Output;

        // The output after dropout, which is the next layer's input.
        public long Dropped;
    }

    /// <summary>The offsets of one direction of a layer.</summary>
    private struct Place
    {
        public int Inputs;
        public long WeightIh;
        public long WeightHh;
        public long BiasIh;
        public long BiasHh;
        public long WeightHr;

        // Forward, in the workspace: Wx [I, gates] and Wh [P, gates], which follow each other, or lie together as [I + P, gates]; Wr [H, P],
        // and the bias of a row of gates.
        public long InputWeights;
        public long HiddenWeights;
        public long ProjectionWeights;
        public long Bias;

        // Backward, in the workspace: the same weights transposed.
        public long InputWeightsBack;
        public long HiddenWeightsBack;
        public long ProjectionWeightsBack;

        // Offsets in the reserve.
        public long Gates;
        public long Cells;
    }

    private bool _packedRows;

    private bool IsPacked => _d.DataLayout == RecurrentDataLayout.SeqMajorPacked;

    // Unpacked rows of sequences that differ in length are copied to packed ones.
    private bool Copies => _d.VariableLengths && !IsPacked;

    private ref readonly Place PlaceOf(int layer, int direction) =>
        ref _places[layer * _d.Directions + direction];

    private void Lay()
    {
        int lanes = _backend.Lanes;
        long rows = (long)_d.MaxLength * _d.MaxBatch;
        // Dropout sees all rows as one matrix, whose row count must fit 32 bits.
        if (_d.DropsOut)
            _ = checked((int)rows);
        long kept = _d.Training ? rows : _d.MaxBatch;
        ParameterLayout parameters = _d.PlainLayout();
        _places = new Place[_d.Layers * _d.Directions];
        _layers = new LayerPlace[_d.Layers];
        long workspace = 0;
        long reserve = 0;
        int widest = 0;
        for (int layer = 0; layer < _d.Layers; layer++)
        {
            bool top = layer == _d.Layers - 1;
            int inputs = _d.LayerInput(layer);
            widest = Math.Max(widest, inputs);
            _layers[layer].Output = Take(ref reserve, top && !Copies ? 0 : rows, _d.OutputSize);
            _layers[layer].Dropped = Take(
                ref reserve,
                _d.DropsOut && !top ? rows : 0,
                _d.OutputSize
            );
            for (int direction = 0; direction < _d.Directions; direction++)
            {
                ref Place p = ref _places[layer * _d.Directions + direction];
                string name = RecurrentDescriptor.PlaceName(layer, direction);
                p.Inputs = inputs;
                p.WeightIh = parameters.Offsets[$"weight_ih_{name}"];
                p.WeightHh = parameters.Offsets[$"weight_hh_{name}"];
                p.BiasIh = parameters.Offsets.GetValueOrDefault($"bias_ih_{name}", -1);
                p.BiasHh = parameters.Offsets.GetValueOrDefault($"bias_hh_{name}", -1);
                p.WeightHr = parameters.Offsets.GetValueOrDefault($"weight_hr_{name}", -1);
                p.Bias = Take(ref workspace, _gateWidth);
                long end = workspace;
                p.InputWeights = Take(ref end, WeightElements(inputs));
                p.HiddenWeights = Take(ref end, WeightElements(_state));
                p.ProjectionWeights = Take(ref end, ProjectionElements(_hidden, _state));
                if (_d.Training)
                {
                    // The backward weights share the memory of the forward ones, which are no longer needed by then.
                    long back = workspace;
                    p.HiddenWeightsBack = Take(
                        ref back,
                        Packed.Elements(_gateColumns, _state, lanes)
                    );
                    p.InputWeightsBack = Take(
                        ref back,
                        Packed.Elements(_gateColumns, inputs, lanes)
                    );
                    p.ProjectionWeightsBack = Take(ref back, ProjectionElements(_state, _hidden));
                    end = Math.Max(end, back);
                }
                workspace = end;
                p.Gates = InPlace ? 0 : Take(ref reserve, kept, _gateWidth);
                p.Cells = _d.Kind == RecurrentKind.Lstm ? Take(ref reserve, kept, _hidden) : 0;
            }
        }
        _packedInput = Take(ref reserve, Copies ? rows : 0, _d.InputSize);
        _reserveCount = reserve;
        _permuted = Take(ref workspace, _wide ? 0 : _gateColumns, widest);
        if (_d.Training)
            LayGradients(ref workspace, rows);
        LaySlices(ref workspace, widest);
        _workspaceCount = workspace;
    }

    // Gradients between layers: layer l reads place (l + 1) % 2 and writes place l % 2. One place is enough where a layer may overwrite
    // what it has read; with two directions it is read twice.
    private void LayGradients(ref long workspace, long rows)
    {
        bool between = _d.Layers > 1;
        _flow[0] = Take(ref workspace, between || Copies ? rows : 0, _d.OutputSize);
        _flow[1] =
            between && _d.Bidirectional ? Take(ref workspace, rows, _d.OutputSize) : _flow[0];
        _packedInputGradient = Take(ref workspace, Copies ? rows : 0, _d.InputSize);
    }

    private void LaySlices(ref long workspace, int widest)
    {
        _sliceRows = Grid.LargestSlice(_d.MaxBatch, _slices);
        // A row can be read past its end. It takes whole lines of the cache, an odd number of them, so that rows that follow each other
        // lie in different places of it.
        _chunkStride = checked(_gateWidth + Tile.MaxWidth(_backend.Lanes) + LineFloats - 1);
        _chunkStride = _chunkStride / LineFloats * LineFloats;
        if (_chunkStride / LineFloats % 2 == 0)
            _chunkStride += LineFloats;
        long most = (long)_sliceRows * _d.MaxLength;
        long fitting = ChunkBytes / ((long)_chunkStride * sizeof(float));
        _chunkRows = (int)Math.Clamp(Math.Max(fitting, LeastChunkRows), _sliceRows, most);
        _slice = workspace;
        long slice = 0;
        _sliceInitial = Take(ref slice, _sliceRows, _state);
        _sliceInitialCell = Take(ref slice, _sliceRows, _hidden);
        _sliceJoined = Take(ref slice, JoinedElements(_sliceRows, widest));
        if (_d.Training)
        {
            _sliceChunk = Take(
                ref slice,
                checked(
                    (long)_chunkRows * _chunkStride + Tile.MaxWidth(_backend.Lanes) + LineFloats
                )
            );
            // What depends on h is read most often: it begins with a line.
            _sliceChunk += (LineFloats - HiddenColumn % LineFloats) % LineFloats;
            _sliceInputs = Take(ref slice, _chunkRows, widest);
            _sliceOutputs = Take(ref slice, _chunkRows, _state);
            _sliceCarry = Take(ref slice, _sliceRows, _state);
            _sliceCellCarry = Take(ref slice, _sliceRows, _hidden);
            _slicePartials = Take(ref slice, _wide ? 0 : _d.Directions, PartialCount(widest));
        }
        LayProjection(ref slice);
        _sliceCount = slice;
        workspace = checked(workspace + slice * _slices);
        LayGroups(ref workspace, widest);
    }

    // Those of units that are split between threads are packed gate by gate.
    private long WeightElements(int depth) =>
        _wide
            ? _d.Gates * Packed.Elements(depth, _hidden, _backend.Lanes)
            : Packed.Elements(depth, _gateColumns, _backend.Lanes);

    // The sums of a slice: dWx [I, gates], dWh [P, gates], the sum of the rows of gates, and dWr [P, H].
    private long PartialCount(int inputs) =>
        _gateColumns * ((long)inputs + _state)
        + _gateWidth
        + (Projects ? _state * (long)_hidden : 0);

    private float* Partials(int slice, int layer, int direction) =>
        _call.Workspace
        + _slice
        + slice * _sliceCount
        + _slicePartials
        + direction * PartialCount(_d.LayerInput(layer));

    private static long Take(ref long end, long rows, long columns = 1)
    {
        long start = end;
        end = checked(end + (rows * columns + LineFloats - 1) / LineFloats * LineFloats);
        return start;
    }

    private void Begin(in RecurrentOperands o)
    {
        // A batch of equal lengths needs no packing, as its rows lie the same in both layouts.
        _packedRows = IsPacked && o.Lengths is not null;
        if (_packedRows)
            SetPacked(o);
        else
            _grid.Set(o.X.Shape.First, o.X.Shape[1], o.Lengths);
        _call = new Call
        {
            UserX = CpuBackend.Pointer(o.X),
            UserY = CpuBackend.Pointer(o.Y),
            Parameters = CpuBackend.Pointer(o.Parameters),
            Reserve = CpuBackend.Pointer(o.Reserve),
            Workspace = CpuBackend.Pointer(o.Workspace),
            InitialHidden = CpuBackend.Pointer(o.InitialHidden),
            InitialCell = CpuBackend.Pointer(o.InitialCell),
        };
    }

    private void BeginBackward(in RecurrentGradients g)
    {
        _call.DySteps = _packedRows ? _grid.Steps : g.Y.Shape.First;
        if (_packedRows)
        {
            RequireRows(g.Y, _grid.Rows, "the gradient of y");
            if (!g.X.IsEmpty)
                RequireRows(g.X, _grid.Rows, "the gradient of x");
        }
        _call.UserDy = CpuBackend.Pointer(g.Y);
        _call.UserDx = CpuBackend.Pointer(g.X);
        _call.DParameters = CpuBackend.Pointer(g.Parameters);
        _call.FinalHiddenGradient = CpuBackend.Pointer(g.FinalHidden);
        _call.FinalCellGradient = CpuBackend.Pointer(g.FinalCell);
        _call.InitialHiddenGradient = CpuBackend.Pointer(g.InitialHidden);
        _call.InitialCellGradient = CpuBackend.Pointer(g.InitialCell);
    }

    private float* InputOf(int layer)
    {
        if (layer == 0)
            return _grid.Copies ? _call.Reserve + _packedInput : _call.UserX;
        LayerPlace below = _layers[layer - 1];
        return _call.Reserve + (_d.DropsOut ? below.Dropped : below.Output);
    }

    private float* OutputOf(int layer) =>
        layer == _d.Layers - 1 && !_grid.Copies
            ? _call.UserY
            : _call.Reserve + _layers[layer].Output;

    private static void Copy(float* from, float* to, long count) =>
        new ReadOnlySpan<float>(from, checked((int)count)).CopyTo(new Span<float>(to, (int)count));
}
