using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// The backward pass of a recurrent network: the walk back over the steps of a slice, and the sums of its weights' gradients.
internal sealed unsafe partial class CpuRecurrent
{
    // Copies the caller's dy of the last steps to packed rows, with zeros for the steps before.
    private void PackGradient(int dySteps)
    {
        int width = _d.OutputSize;
        float* to = _call.Workspace + _flow[_d.Layers % 2];
        float* row = to;
        for (int t = 0; t < _grid.Steps; t++)
        {
            int from = t - (_grid.Steps - dySteps);
            for (int i = 0; i < _grid.Running(t); i++, row += width)
            {
                if (from < 0)
                    new Span<float>(row, width).Clear();
                else
                    Copy(
                        _call.UserDy + ((long)from * _grid.Batch + _grid.Ordered(i)) * width,
                        row,
                        width
                    );
            }
        }
        _call.UserDy = to;
        _call.DySteps = _grid.Steps;
    }

    private float* InputGradientOf(int layer)
    {
        if (layer > 0)
            return _call.Workspace + _flow[layer % 2];
        if (_call.UserDx == null)
            return null;
        return _grid.Copies ? _call.Workspace + _packedInputGradient : _call.UserDx;
    }

    // The gradient of a direction's output, of its last steps.
    private float* OutputGradientOf(int layer, int direction, out int steps)
    {
        bool top = layer == _d.Layers - 1;
        steps = top ? _call.DySteps : _grid.Steps;
        float* dy = top ? _call.UserDy : _call.Workspace + _flow[(layer + 1) % 2];
        return dy + direction * _state;
    }

    // Gate gradients of a step, in the chunk, times the recurrent weights.
    private Tile CarryTile =>
        new()
        {
            RowStride = _chunkStride,
            DepthStride = 1,
            Depth = _gateColumns,
            Taps = 1,
            InitStride = _state,
            OutputStride = _state,
        };

    // What comes from behind the last step: the final states' gradient, or nothing.
    private void GatherCarry(
        float* gradient,
        int layer,
        int direction,
        int slice,
        int width,
        float* carry
    )
    {
        if (GatherStates(gradient, layer, direction, slice, width, carry) == null)
            new Span<float>(carry, _grid.Sequences(slice) * width).Clear();
    }

    private void BackwardSlice(int layer, int direction, int slice)
    {
        var walk = new Walk(this, layer, direction, slice);
        ref readonly Place p = ref PlaceOf(layer, direction);
        float* memory = Slice(slice);
        float* carry = memory + _sliceCarry;
        float* cellCarry = memory + _sliceCellCarry;
        float* initial = BegunStates(
            _call.InitialHidden,
            layer,
            direction,
            slice,
            _state,
            memory + _sliceInitial
        );
        float* initialCell = BegunStates(
            _call.InitialCell,
            layer,
            direction,
            slice,
            _hidden,
            memory + _sliceInitialCell
        );
        new Span<float>(Partials(slice, layer, direction), (int)PartialCount(p.Inputs)).Clear();
        GatherCarry(_call.FinalHiddenGradient, layer, direction, slice, _state, carry);
        GatherCarry(_call.FinalCellGradient, layer, direction, slice, _hidden, cellCarry);
        float* dy = OutputGradientOf(layer, direction, out int dySteps);
        Tile carryTile = CarryTile;
        // For a GRU the carry holds the part of the gradient that bypasses the gates.
        float* carryInit = _d.Kind == RecurrentKind.Gru ? carry : null;
        Packed hiddenWeights = HiddenWeightsBack(p);
        int filled = 0;
        int first = walk.Steps - 1;
        for (int n = walk.Steps - 1; n >= 0; n--)
        {
            int t = walk.Step(n);
            int rows = walk.Running(t);
            int continuing = walk.Continuing(t);
            if (filled + rows > _chunkRows)
            {
                Flush(walk, layer, direction, slice, first, n + 1, filled);
                (filled, first) = (0, n);
            }
            float* dg = memory + _sliceChunk + (nint)filled * _chunkStride;
            bool hasDy = t >= _grid.Steps - dySteps;
            float* dyRows =
                dy + (walk.Row(t) - (long)(_grid.Steps - dySteps) * _grid.Batch) * _d.OutputSize;
            if (Projects)
                Unproject(walk, p, rows, hasDy ? dyRows : null, carry, filled, slice);
            for (int part = 0; part < 2; part++)
            {
                int from = part == 0 ? 0 : continuing;
                CellRows cell = Cell(
                    walk,
                    t,
                    from,
                    part == 0 ? continuing : rows,
                    initial,
                    initialCell
                );
                if (Projects)
                {
                    cell.Carry = memory + _sliceUnprojectedGradient + (nint)from * _hidden;
                    cell.Output = walk.Unprojected + (nint)(filled + from) * _hidden;
                    cell.WritesOutput = true;
                }
                else
                {
                    cell.Carry = carry + (nint)from * _hidden;
                    cell.OutputGradient = hasDy ? dyRows + (nint)from * walk.OutputStride : null;
                }
                cell.CellCarry = cellCarry + (nint)from * _hidden;
                cell.GateGradients = dg + (nint)from * _chunkStride;
                cell.GateGradientStride = _chunkStride;
                Backward(cell);
            }
            float* x = memory + _sliceInputs + (nint)filled * p.Inputs;
            CopyRows(walk.Input(t), walk.InputStride, x, rows, p.Inputs);
            CopyPreviousOutputs(
                walk,
                t,
                rows,
                initial,
                memory + _sliceOutputs + (nint)filled * _state
            );
            // Rows that begin at this step need no carry, unless the gradient of the initial state is asked for.
            int carried = _call.InitialHiddenGradient == null ? continuing : rows;
            Ahead ahead = FetchedBackward(walk, n - 1, carryTile, carried);
            carryTile.Ahead = &ahead;
            CarryBack(carryTile, hiddenWeights, carried, dg + HiddenColumn, carryInit, carry);
            filled += rows;
        }
        Flush(walk, layer, direction, slice, first, 0, filled);
        ScatterStates(carry, layer, direction, slice, _state, _call.InitialHiddenGradient);
        ScatterStates(cellCarry, layer, direction, slice, _hidden, _call.InitialCellGradient);
    }

    private void CarryBack(
        in Tile tile,
        in Packed weights,
        int rows,
        float* gates,
        float* init,
        float* carry
    )
    {
        int panels = _state - _backDots;
        weights.Multiply(tile, rows, gates, init, carry, 0, panels);
        if (_backDots == 0)
            return;
        ColumnDots.Multiply(
            _backend.Lanes,
            tile,
            rows,
            gates,
            weights.Panel(panels),
            _backDots,
            init == null ? null : init + panels,
            carry + panels
        );
    }

    // What the step number n reads: gates, the cells before it, outputs of it and before it.
    private Ahead FetchedBackward(in Walk walk, int n, in Tile tile, int rows)
    {
        var ahead = new Ahead();
        if (n < 0)
            return ahead;
        int t = walk.Step(n);
        if (!InPlace)
            ahead.Add(walk.Gates(t), (long)walk.Running(t) * _gateWidth);
        if (n > 0)
        {
            t = walk.Step(n - 1);
            if (_d.Kind == RecurrentKind.Lstm)
                ahead.Add(walk.Cells(t), (long)walk.Running(t) * _hidden);
            if (walk.OutputStride == _d.OutputSize)
                ahead.Add(walk.Output(t), (long)walk.Running(t) * _d.OutputSize);
        }
        ahead.Spread(tile.FetchingSteps(_backend.Lanes, rows, _state));
        return ahead;
    }

    private void Backward(in CellRows cell)
    {
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
    }

    private static void CopyRows(float* from, nint stride, float* to, int rows, int width)
    {
        if (stride == width)
        {
            Copy(from, to, (long)rows * width);
            return;
        }
        for (int r = 0; r < rows; r++, from += stride, to += width)
            Copy(from, to, width);
    }

    // Copies the states that a step's rows started from to the chunk, beside its gate gradients.
    private void CopyPreviousOutputs(in Walk walk, int t, int rows, float* initial, float* to)
    {
        int continuing = walk.Continuing(t);
        float* before = continuing > 0 ? walk.Output(walk.Before(t)) : null;
        for (int r = 0; r < rows; r++, to += _state)
        {
            if (r < continuing)
                Copy(before + (nint)r * walk.OutputStride, to, _state);
            else if (initial != null)
                Copy(initial + (nint)r * _state, to, _state);
            else
                new Span<float>(to, _state).Clear();
        }
    }

    // Adds a chunk to the sums of the weights' gradients, dWx += x' dg and dWh += h' dg, and writes the chunk's dx. The chunk holds the
    // steps that were computed as number last .. first in the forward pass, the last computed first.
    private void Flush(
        in Walk walk,
        int layer,
        int direction,
        int slice,
        int first,
        int last,
        int rows
    )
    {
        if (rows == 0)
            return;
        float* memory = Slice(slice);
        float* dg = memory + _sliceChunk;
        float* partials = Partials(slice, layer, direction);
        var tile = new Tile
        {
            RowStride = 1,
            DepthStride = walk.Inputs,
            Depth = rows,
            Taps = 1,
            InitStride = _gateColumns,
            OutputStride = _gateColumns,
        };
        Packed
            .RowMajor(dg, _chunkStride, rows, _gateColumns, _backend.Lanes)
            .Multiply(tile, walk.Inputs, memory + _sliceInputs, partials, partials);
        partials += (nint)_gateColumns * walk.Inputs;
        tile.DepthStride = _state;
        Packed
            .RowMajor(dg + HiddenColumn, _chunkStride, rows, _gateColumns, _backend.Lanes)
            .Multiply(tile, _state, memory + _sliceOutputs, partials, partials);
        partials += (nint)_gateColumns * _state;
        AddRows(dg, rows, partials, _gateWidth);
        if (Projects)
            SumProjection(slice, rows, partials + _gateWidth);
        float* dx = InputGradientOf(layer);
        if (dx == null)
            return;
        Packed weights = InputWeightsBack(PlaceOf(layer, direction));
        var inputTile = new Tile
        {
            RowStride = _chunkStride,
            DepthStride = 1,
            Depth = _gateColumns,
            Taps = 1,
            InitStride = walk.InputStride,
            OutputStride = walk.InputStride,
        };
        for (int n = first; n >= last; n--)
        {
            int t = walk.Step(n);
            float* to = dx + walk.Row(t) * walk.Inputs;
            // The second direction adds to what the first one wrote.
            weights.Multiply(inputTile, walk.Running(t), dg, direction == 0 ? null : to, to);
            dg += (nint)walk.Running(t) * _chunkStride;
        }
    }

    // Adds the slices' sums to the gradients. The sums are transposed: their columns are the gradients' rows, which are gates.
    private void Reduce(int layer, int direction, int part)
    {
        ref readonly Place p = ref PlaceOf(layer, direction);
        int h = _state;
        (long from, long to) = CpuBackend.Share(_gateColumns, part, _slices);
        for (int slice = 0; slice < _slices; slice++)
        {
            float* sums = Partials(slice, layer, direction);
            float* hidden = sums + (nint)_gateColumns * p.Inputs;
            float* rows = hidden + (nint)_gateColumns * h;
            for (long gate = from; gate < to; )
            {
                // Gates that follow each other in both orders, of one line of the cache.
                long inputColumn = InputColumn(gate);
                int count = (int)Math.Min(Math.Min(16, to - gate), _gateColumns - inputColumn);
                AddTransposed(
                    sums + inputColumn,
                    p.Inputs,
                    _call.DParameters + p.WeightIh + gate * p.Inputs,
                    count
                );
                AddTransposed(hidden + gate, h, _call.DParameters + p.WeightHh + gate * h, count);
                for (int i = 0; i < count; i++)
                {
                    if (p.BiasIh >= 0)
                        _call.DParameters[p.BiasIh + gate + i] += rows[inputColumn + i];
                    if (p.BiasHh >= 0)
                        _call.DParameters[p.BiasHh + gate + i] += rows[HiddenColumn + gate + i];
                }
                gate += count;
            }
            if (Projects)
                ReduceProjection(p, part, rows + _gateWidth);
        }
    }

    // Adds columns of sums, whose rows are a row of gates apart, to rows of a gradient. Rows so far apart collide in a cache, so what a
    // line holds is used at once.
    private void AddTransposed(float* sums, int rows, float* to, int columns)
    {
        for (int i = 0; i < rows; i++, sums += _gateColumns)
        {
            for (int column = 0; column < columns; column++)
                to[(nint)column * rows + i] += sums[column];
        }
    }

    // The column in a row of gates that belongs to a row of weight_ih.
    private long InputColumn(long gate) =>
        _d.Kind == RecurrentKind.Gru ? (gate + _hidden) % _gateColumns : gate;
}
