using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

internal sealed unsafe partial class CpuRecurrent
{
    private bool InPlace => _d.Kind is RecurrentKind.Tanh or RecurrentKind.Relu;

    // Where the columns of a row of gates that see h begin.
    private int HiddenColumn => _d.Kind == RecurrentKind.Gru ? _d.HiddenSize : 0;

    private void ForwardSlice(in Call call, int layer, int first, int rows)
    {
        ref readonly Place p = ref _places[layer];
        int h = _d.HiddenSize;
        nint batch = call.Batch;
        float* x = InputOf(call, layer) + (nint)first * p.Inputs;
        float* y = OutputOf(call, layer) + (nint)first * h;
        Packed inputWeights = InputWeights(call, p);
        Packed hiddenWeights = HiddenWeights(call, p);
        float* bias = call.Workspace + p.Bias;
        // In evaluation one step's gates and cells are overwritten by the next one's.
        nint gateStep =
            InPlace ? batch * h
            : _d.Training ? batch * _gateWidth
            : 0;
        nint cellStep = _d.Training ? batch * h : 0;
        float* gates = InPlace ? y : call.Reserve + p.Gates + (nint)first * _gateWidth;
        float* cells = call.Reserve + p.Cells + (nint)first * h;
        var inputTile = new Tile
        {
            RowStride = p.Inputs,
            DepthStride = 1,
            Depth = p.Inputs,
            Taps = 1,
            InitStride = 0,
            OutputStride = _gateWidth,
        };
        var hiddenTile = new Tile
        {
            RowStride = h,
            DepthStride = 1,
            Depth = h,
            Taps = 1,
            InitStride = _gateWidth,
            OutputStride = _gateWidth,
        };
        for (int t = 0; t < call.Steps; t++)
        {
            float* g = gates + t * gateStep;
            float* yt = y + t * batch * h;
            inputWeights.Multiply(inputTile, rows, x + t * batch * p.Inputs, bias, g);
            if (_d.Kind == RecurrentKind.Gru)
            {
                for (int r = 0; r < rows; r++)
                    Copy(bias + 3 * h, g + (nint)r * _gateWidth + 3 * h, h);
            }
            if (t > 0)
            {
                float* seen = g + HiddenColumn;
                hiddenWeights.Multiply(hiddenTile, rows, yt - batch * h, seen, seen);
            }
            var cell = new CellRows
            {
                Kind = _d.Kind,
                Hidden = h,
                Rows = rows,
                GateWidth = _gateWidth,
                Gates = g,
                Cell = cells + t * cellStep,
                PreviousCell = t == 0 ? null : cells + (t - 1) * cellStep,
                Output = yt,
                PreviousOutput = t == 0 ? null : yt - batch * h,
            };
            switch (_backend.Lanes)
            {
                case 16:
                    RecurrentCells<Vector512<float>, Lanes512>.Forward(cell);
                    break;
                case 8:
                    RecurrentCells<Vector256<float>, Lanes256>.Forward(cell);
                    break;
                default:
                    RecurrentCells<Vector128<float>, Lanes128>.Forward(cell);
                    break;
            }
        }
    }

    private void BackwardSlice(in Call call, int layer, int part, int first, int rows)
    {
        ref readonly Place p = ref _places[layer];
        int h = _d.HiddenSize;
        nint batch = call.Batch;
        float* slice = call.Workspace + _slice + part * _sliceCount;
        float* carry = slice + _sliceCarry;
        float* cellCarry = slice + _sliceCellCarry;
        float* partials = slice + _slicePartials + p.Partials;
        new Span<float>(carry, rows * h).Clear();
        new Span<float>(cellCarry, rows * h).Clear();
        new Span<float>(partials, _gateColumns * (p.Inputs + h) + _gateWidth).Clear();
        if (rows == 0)
            return;

        bool top = layer == _d.Layers - 1;
        float* lower = call.Workspace + _lowerGradient;
        int dySteps = top ? call.DySteps : call.Steps;
        float* dy = (top ? call.Dy : lower) + (nint)first * h;
        float* dx = layer == 0 ? call.Dx : lower;
        float* x = InputOf(call, layer) + (nint)first * p.Inputs;
        float* y = OutputOf(call, layer) + (nint)first * h;
        float* gates = InPlace ? y : call.Reserve + p.Gates + (nint)first * _gateWidth;
        float* cells = call.Reserve + p.Cells + (nint)first * h;
        Packed hiddenWeights = HiddenWeightsBack(call, p);
        var carryTile = new Tile
        {
            RowStride = _chunkStride,
            DepthStride = 1,
            Depth = _gateColumns,
            Taps = 1,
            InitStride = h,
            OutputStride = h,
        };
        for (int end = call.Steps; end > 0; end -= _chunkSteps)
        {
            int start = Math.Max(0, end - _chunkSteps);
            for (int t = end - 1; t >= start; t--)
            {
                float* dg = slice + (nint)(t - start) * rows * _chunkStride;
                int dyStep = t - (call.Steps - dySteps);
                var cell = new CellRows
                {
                    Kind = _d.Kind,
                    Hidden = h,
                    Rows = rows,
                    GateWidth = _gateWidth,
                    Gates = gates + t * batch * _gateWidth,
                    Cell = cells + t * batch * h,
                    PreviousCell = t == 0 ? null : cells + (t - 1) * batch * h,
                    PreviousOutput = t == 0 ? null : y + (t - 1) * batch * h,
                    OutputGradient = dyStep < 0 ? null : dy + dyStep * batch * h,
                    Carry = carry,
                    CellCarry = cellCarry,
                    GateGradients = dg,
                    GateGradientStride = _chunkStride,
                };
                switch (_backend.Lanes)
                {
                    case 16:
                        RecurrentCells<Vector512<float>, Lanes512>.Backward(cell);
                        break;
                    case 8:
                        RecurrentCells<Vector256<float>, Lanes256>.Backward(cell);
                        break;
                    default:
                        RecurrentCells<Vector128<float>, Lanes128>.Backward(cell);
                        break;
                }
                if (t > 0)
                {
                    // The GRU's carry holds what goes past the gates.
                    float* init = _d.Kind == RecurrentKind.Gru ? carry : null;
                    hiddenWeights.Multiply(carryTile, rows, dg + HiddenColumn, init, carry);
                }
            }
            SumWeights(call, p, slice, partials, x, y, start, end, rows);
            if (dx != null)
                InputGradient(call, p, slice, dx + (nint)first * p.Inputs, start, end, rows);
        }
    }

    // dWx += x' dg, dWh += h' dg over a chunk, where h is the output one step earlier; row sums for the biases.
    private void SumWeights(
        in Call call,
        in Place p,
        float* dg,
        float* partials,
        float* x,
        float* y,
        int start,
        int end,
        int rows
    )
    {
        int h = _d.HiddenSize;
        nint batch = call.Batch;
        int steps = end - start;
        var tile = new Tile
        {
            RowStride = 1,
            DepthStride = p.Inputs,
            TapStride = batch * p.Inputs,
            Depth = rows,
            Taps = steps,
            InitStride = _gateColumns,
            OutputStride = _gateColumns,
        };
        Packed
            .RowMajor(dg, _chunkStride, rows * steps, _gateColumns, _backend.Lanes)
            .Multiply(tile, p.Inputs, x + start * batch * p.Inputs, partials, partials);
        partials += (nint)_gateColumns * p.Inputs;

        // Step 0 has no output before it.
        int skipped = start == 0 ? 1 : 0;
        tile.DepthStride = h;
        tile.TapStride = batch * h;
        tile.Taps = steps - skipped;
        Packed
            .RowMajor(
                dg + (nint)skipped * rows * _chunkStride + HiddenColumn,
                _chunkStride,
                rows * tile.Taps,
                _gateColumns,
                _backend.Lanes
            )
            .Multiply(tile, h, y + (start + skipped - 1) * batch * h, partials, partials);
        partials += (nint)_gateColumns * h;

        for (int r = 0; r < rows * steps; r++)
        {
            float* row = dg + (nint)r * _chunkStride;
            for (int i = 0; i < _gateWidth; i++)
                partials[i] += row[i];
        }
    }

    private void InputGradient(
        in Call call,
        in Place p,
        float* dg,
        float* dx,
        int start,
        int end,
        int rows
    )
    {
        Packed weights = InputWeightsBack(call, p);
        var tile = new Tile
        {
            RowStride = _chunkStride,
            DepthStride = 1,
            Depth = _gateColumns,
            Taps = 1,
            OutputStride = p.Inputs,
        };
        for (int t = start; t < end; t++)
        {
            float* from = dg + (nint)(t - start) * rows * _chunkStride;
            weights.Multiply(tile, rows, from, null, dx + (nint)t * call.Batch * p.Inputs);
        }
    }

    // Adds the slices' sums to the gradients, whose rows are gates where the sums' columns are.
    private void Reduce(in Call call, int part)
    {
        int h = _d.HiddenSize;
        (long from, long to) = CpuBackend.Share(_gateColumns, part, _slices);
        for (int layer = 0; layer < _d.Layers; layer++)
        {
            ref readonly Place p = ref _places[layer];
            for (int slice = 0; slice < _slices; slice++)
            {
                float* sums =
                    call.Workspace + _slice + slice * _sliceCount + _slicePartials + p.Partials;
                float* hidden = sums + (nint)_gateColumns * p.Inputs;
                float* rows = hidden + (nint)_gateColumns * h;
                for (long gate = from; gate < to; gate++)
                {
                    long inputColumn = InputColumn(gate);
                    float* wih = call.DParameters + p.Parameters + gate * p.Inputs;
                    for (int i = 0; i < p.Inputs; i++)
                        wih[i] += sums[(long)i * _gateColumns + inputColumn];
                    float* whh = call.DParameters + WeightHh(p) + gate * h;
                    for (int i = 0; i < h; i++)
                        whh[i] += hidden[(long)i * _gateColumns + gate];
                    float* bih = call.DParameters + BiasIh(p);
                    bih[gate] += rows[inputColumn];
                    bih[_gateColumns + gate] += rows[HiddenColumn + gate];
                }
            }
        }
    }

    // The column of a row of gates that a row of weight_ih belongs to.
    private long InputColumn(long gate) =>
        _d.Kind == RecurrentKind.Gru ? (gate + _d.HiddenSize) % _gateColumns : gate;
}
