namespace Sequor.Layers.Cpu;

// The LSTM's projection: h = W_hr (o tanh c), with P channels instead of H. Its input is not kept; the backward pass computes it again from
// gates and cells, which it reads anyway.
internal sealed unsafe partial class CpuRecurrent
{
    private long _sliceUnprojected;
    private long _sliceUnprojectedGradient;
    private long _sliceOutputGradients;

    private bool Projects => _d.ProjectionSize > 0;

    private long ProjectionElements(int depth, int columns) =>
        Projects ? Packed.Elements(depth, columns, _backend.Lanes) : 0;

    private void LayProjection(ref long slice)
    {
        if (!Projects)
            return;
        // The rows of a step forward, or of a chunk backward, where they are read past the end.
        long rows = _d.Training ? _chunkRows : _sliceRows;
        _sliceUnprojected = Take(
            ref slice,
            checked(rows * _hidden + Tile.MaxWidth(_backend.Lanes))
        );
        if (!_d.Training)
            return;
        _sliceUnprojectedGradient = Take(ref slice, _sliceRows, _hidden);
        _sliceOutputGradients = Take(ref slice, rows, _state);
    }

    private Packed ProjectionWeights(in Place p) =>
        new(_call.Workspace + p.ProjectionWeights, _hidden, _state, _backend.Lanes);

    private Packed ProjectionWeightsBack(in Place p) =>
        new(_call.Workspace + p.ProjectionWeightsBack, _state, _hidden, _backend.Lanes);

    // Writes a step's output: the projection of its unprojected rows.
    private void Project(in Walk walk, in Place p, int t, int rows)
    {
        var tile = new Tile
        {
            RowStride = _hidden,
            DepthStride = 1,
            Depth = _hidden,
            Taps = 1,
            InitStride = 0,
            OutputStride = walk.OutputStride,
        };
        ProjectionWeights(p).Multiply(tile, rows, walk.Unprojected, null, walk.Output(t));
    }

    // Computes the gradient of a step's output, which the chunk keeps, and from it the gradient of the projection's input.
    private void Unproject(
        in Walk walk,
        in Place p,
        int rows,
        float* dy,
        float* carry,
        int filled,
        int slice
    )
    {
        float* memory = Slice(slice);
        float* dh = memory + _sliceOutputGradients + (nint)filled * _state;
        Copy(carry, dh, (long)rows * _state);
        for (int r = 0; dy != null && r < rows; r++)
        {
            for (int i = 0; i < _state; i++)
                dh[(nint)r * _state + i] += dy[(nint)r * walk.OutputStride + i];
        }
        var tile = new Tile
        {
            RowStride = _state,
            DepthStride = 1,
            Depth = _state,
            Taps = 1,
            InitStride = 0,
            OutputStride = _hidden,
        };
        ProjectionWeightsBack(p).Multiply(tile, rows, dh, null, memory + _sliceUnprojectedGradient);
    }

    // Adds dWr += dh' m over a chunk, m being the projection's input.
    private void SumProjection(int slice, int rows, float* sums)
    {
        float* memory = Slice(slice);
        var tile = new Tile
        {
            RowStride = 1,
            DepthStride = _state,
            Depth = rows,
            Taps = 1,
            InitStride = _hidden,
            OutputStride = _hidden,
        };
        Packed
            .RowMajor(memory + _sliceUnprojected, _hidden, rows, _hidden, _backend.Lanes)
            .Multiply(tile, _state, memory + _sliceOutputGradients, sums, sums);
    }

    private void ReduceProjection(in Place p, int part, float* sums)
    {
        float* gradient = _call.DParameters + p.WeightHr;
        (long from, long to) = CpuBackend.Share((long)_state * _hidden, part, _slices);
        for (long i = from; i < to; i++)
            gradient[i] += sums[i];
    }
}
