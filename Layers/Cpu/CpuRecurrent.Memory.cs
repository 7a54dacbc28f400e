namespace Sequor.Layers.Cpu;

// Where everything lies: packed weights and each slice's own memory in the workspace, gates, cells and the outputs of
// lower layers in the reserve.
internal sealed unsafe partial class CpuRecurrent
{
    private Place[] _places = [];
    private long _workspaceCount;
    private long _reserveCount;
    private long _permuted;
    private long _lowerGradient;
    private long _sliceCount;
    private long _slice;
    private long _sliceCarry;
    private long _sliceCellCarry;
    private long _slicePartials;

    /// <summary>Offsets of one layer.</summary>
    private struct Place
    {
        public int Inputs;
        public long Parameters;

        // Forward: Wx [I, 3H or 4H or H], Wh [H, ...], bias of a row of gates.
        public long InputWeights;
        public long HiddenWeights;
        public long Bias;

        // Backward: the same weights with the gates as depth.
        public long InputWeightsBack;
        public long HiddenWeightsBack;

        // In a slice's memory, from its partials on: dWx [I, gates], dWh [H, gates], row sums.
        public long Partials;

        // In the reserve.
        public long Gates;
        public long Cells;
        public long Output;
    }

    private void Lay()
    {
        int h = _d.HiddenSize;
        int lanes = _backend.Lanes;
        long rows = (long)_d.MaxLength * _d.MaxBatch;
        long kept = _d.Training ? rows : _d.MaxBatch;
        int sliceRows = SliceRows(_d.MaxBatch);
        bool simple = _d.Kind is RecurrentKind.Tanh or RecurrentKind.Relu;
        _places = new Place[_d.Layers];
        long workspace = 0;
        long reserve = 0;
        long parameters = 0;
        long partials = 0;
        for (int layer = 0; layer < _d.Layers; layer++)
        {
            ref Place p = ref _places[layer];
            p.Inputs = _d.LayerInput(layer);
            p.Parameters = parameters;
            parameters += (long)_gateColumns * (p.Inputs + h + 2);
            p.Bias = Take(ref workspace, _gateWidth);
            p.InputWeights = Take(ref workspace, Packed.Elements(p.Inputs, _gateColumns, lanes));
            p.HiddenWeights = Take(ref workspace, Packed.Elements(h, _gateColumns, lanes));
            if (_d.Training)
            {
                // Forward is done with its weights by then.
                long after = p.InputWeights;
                p.HiddenWeightsBack = Take(ref after, Packed.Elements(_gateColumns, h, lanes));
                p.InputWeightsBack = Take(
                    ref after,
                    Packed.Elements(_gateColumns, p.Inputs, lanes)
                );
                workspace = Math.Max(workspace, after);
                p.Partials = partials;
                partials += (long)_gateColumns * (p.Inputs + h) + _gateWidth;
            }
            p.Gates = simple ? 0 : Take(ref reserve, kept * _gateWidth);
            p.Cells = _d.Kind == RecurrentKind.Lstm ? Take(ref reserve, kept * h) : 0;
            p.Output = layer < _d.Layers - 1 ? Take(ref reserve, rows * h) : 0;
        }
        _permuted = Take(ref workspace, (long)_gateColumns * Math.Max(_d.InputSize, h));
        _lowerGradient = Take(ref workspace, _d.Training && _d.Layers > 1 ? rows * h : 0);
        if (_d.Training)
        {
            _slice = workspace;
            long slice = 0;
            Take(ref slice, (long)_chunkSteps * sliceRows * _chunkStride + Tile.MaxWidth(lanes));
            _sliceCarry = Take(ref slice, (long)sliceRows * h);
            _sliceCellCarry = Take(ref slice, (long)sliceRows * h);
            _slicePartials = Take(ref slice, partials);
            _sliceCount = slice;
            workspace += slice * _slices;
        }
        _workspaceCount = workspace;
        _reserveCount = reserve;
    }

    private static long Take(ref long end, long count)
    {
        long start = end;
        end += (count + 15) / 16 * 16;
        return start;
    }

    private long WeightHh(in Place p) => p.Parameters + (long)_gateColumns * p.Inputs;

    private long BiasIh(in Place p) => WeightHh(p) + (long)_gateColumns * _d.HiddenSize;

    private float* InputOf(in Call call, int layer) =>
        layer == 0 ? call.X : call.Reserve + _places[layer - 1].Output;

    private float* OutputOf(in Call call, int layer) =>
        layer == _d.Layers - 1 ? call.Y : call.Reserve + _places[layer].Output;

    private void PackForward(int layer)
    {
        ref readonly Call call = ref _job.Call;
        ref readonly Place p = ref _places[layer];
        int h = _d.HiddenSize;
        float* wih = InputRows(call, p);
        InputWeights(call, p).Fill(wih, 1, p.Inputs, 0, p.Inputs);
        HiddenWeights(call, p).Fill(call.Parameters + WeightHh(p), 1, h, 0, h);
        float* bias = call.Workspace + p.Bias;
        float* bih = call.Parameters + BiasIh(p);
        float* bhh = bih + _gateColumns;
        if (_d.Kind == RecurrentKind.Gru)
        {
            for (int i = 0; i < h; i++)
            {
                bias[i] = bih[2 * h + i];
                bias[h + i] = bih[i] + bhh[i];
                bias[2 * h + i] = bih[h + i] + bhh[h + i];
                bias[3 * h + i] = bhh[2 * h + i];
            }
        }
        else
        {
            for (int i = 0; i < _gateColumns; i++)
                bias[i] = bih[i] + bhh[i];
        }
    }

    private void PackBackward(int layer)
    {
        ref readonly Call call = ref _job.Call;
        ref readonly Place p = ref _places[layer];
        int h = _d.HiddenSize;
        HiddenWeightsBack(call, p).Fill(call.Parameters + WeightHh(p), h, 1, 0, _gateColumns);
        if (layer > 0 || call.Dx != null)
            InputWeightsBack(call, p).Fill(InputRows(call, p), p.Inputs, 1, 0, _gateColumns);
    }

    // weight_ih with its rows in the order of a row of gates: for the GRU new, reset, update.
    private float* InputRows(in Call call, in Place p)
    {
        float* weights = call.Parameters + p.Parameters;
        if (_d.Kind != RecurrentKind.Gru)
            return weights;
        long block = (long)_d.HiddenSize * p.Inputs;
        float* permuted = call.Workspace + _permuted;
        Copy(weights + 2 * block, permuted, block);
        Copy(weights, permuted + block, 2 * block);
        return permuted;
    }

    private static void Copy(float* from, float* to, long count) =>
        new ReadOnlySpan<float>(from, checked((int)count)).CopyTo(new Span<float>(to, (int)count));

    private Packed InputWeights(in Call call, in Place p) =>
        new(call.Workspace + p.InputWeights, p.Inputs, _gateColumns, _backend.Lanes);

    private Packed HiddenWeights(in Call call, in Place p) =>
        new(call.Workspace + p.HiddenWeights, _d.HiddenSize, _gateColumns, _backend.Lanes);

    private Packed InputWeightsBack(in Call call, in Place p) =>
        new(call.Workspace + p.InputWeightsBack, _gateColumns, p.Inputs, _backend.Lanes);

    private Packed HiddenWeightsBack(in Call call, in Place p) =>
        new(call.Workspace + p.HiddenWeightsBack, _gateColumns, _d.HiddenSize, _backend.Lanes);
}
