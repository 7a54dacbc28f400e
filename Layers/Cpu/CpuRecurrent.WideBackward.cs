using System.Numerics;

namespace Sequor.Layers.Cpu;

// The backward pass of layers whose units are shared between threads.
internal sealed unsafe partial class CpuRecurrent
{
    private void BackwardWide(int layer)
    {
        float* memory = Slice(0);
        for (int direction = 0; direction < _d.Directions; direction++)
        {
            var states = new StepStates(
                GatherHidden(layer, direction),
                GatherCell(layer, direction)
            );
            GatherCarry(
                _call.FinalHiddenGradient,
                layer,
                direction,
                0,
                _state,
                memory + _sliceCarry
            );
            GatherCarry(
                _call.FinalCellGradient,
                layer,
                direction,
                0,
                _hidden,
                memory + _sliceCellCarry
            );
            _wideJob.Backward(layer, direction, states);
            ScatterStates(
                memory + _sliceCarry,
                layer,
                direction,
                0,
                _state,
                _call.InitialHiddenGradient
            );
            ScatterStates(
                memory + _sliceCellCarry,
                layer,
                direction,
                0,
                _hidden,
                _call.InitialCellGradient
            );
        }
    }

    private void BackwardUnits(int layer, int direction, int part, StepStates initial)
    {
        var walk = new Walk(this, layer, direction, 0);
        ref readonly Place p = ref PlaceOf(layer, direction);
        (int from, int to) = Columns(_hidden, part);
        float* memory = Slice(0);
        float* carry = memory + _sliceCarry;
        Packed weights = HiddenWeightsBack(p);
        weights.Fill(_call.Parameters + p.WeightHh, _state, 1, 0, _gateColumns, from, to);
        float* dy = OutputGradientOf(layer, direction, out int dySteps);
        Tile tile = CarryTile;
        // For a GRU the carry holds the part of the gradient that bypasses the gates.
        float* carryInit = _d.Kind == RecurrentKind.Gru ? carry : null;
        var chunk = new WideChunk(walk, layer, direction, part);
        PackInputsBack(chunk, p);
        int filled = 0;
        int first = walk.Steps - 1;
        for (int n = walk.Steps - 1; n >= 0; n--)
        {
            int t = walk.Step(n);
            int rows = walk.Running(t);
            int continuing = walk.Continuing(t);
            if (filled + rows > _chunkRows)
            {
                Sum(chunk, first, n + 1, filled);
                // Nobody writes into a chunk that another one still reads.
                _barrier.Wait();
                (filled, first) = (0, n);
            }
            float* dg = memory + _sliceChunk + (nint)filled * _chunkStride;
            bool hasDy = t >= _grid.Steps - dySteps;
            float* dyRows =
                dy + (walk.Row(t) - (long)(_grid.Steps - dySteps) * _grid.Batch) * _d.OutputSize;
            for (int half = 0; half < 2; half++)
            {
                int row = half == 0 ? 0 : continuing;
                CellRows cell = Cell(
                    walk,
                    t,
                    row,
                    half == 0 ? continuing : rows,
                    initial.Hidden,
                    initial.Cell
                );
                (cell.From, cell.To) = (from, to);
                cell.Carry = carry + (nint)row * _hidden;
                cell.OutputGradient = hasDy ? dyRows + (nint)row * walk.OutputStride : null;
                cell.CellCarry = memory + _sliceCellCarry + (nint)row * _hidden;
                cell.GateGradients = dg + (nint)row * _chunkStride;
                cell.GateGradientStride = _chunkStride;
                Backward(cell);
            }
            if (part == 0)
            {
                CopyRows(
                    walk.Input(t),
                    walk.InputStride,
                    memory + _sliceInputs + (nint)filled * p.Inputs,
                    rows,
                    p.Inputs
                );
            }
            if (part == _barrier.Parts - 1)
            {
                CopyPreviousOutputs(
                    walk,
                    t,
                    rows,
                    initial.Hidden,
                    memory + _sliceOutputs + (nint)filled * _state
                );
            }
            _barrier.Wait();
            // Rows that begin at this step need no carry, unless the gradient of the initial state is asked for.
            int carried = _call.InitialHiddenGradient == null ? continuing : rows;
            weights.Multiply(tile, carried, dg + HiddenColumn, carryInit, carry, from, to);
            filled += rows;
        }
        Sum(chunk, first, 0, filled);
    }

    /// <summary>What a part adds of each chunk.</summary>
    private readonly struct WideChunk(Walk walk, int layer, int direction, int part)
    {
        public readonly Walk Walk = walk;
        public readonly int Layer = layer;
        public readonly int Direction = direction;
        public readonly int Part = part;
    }

    // Adds a chunk to the gradients of the part's units, dW_ih += dg' x and dW_hh += dg' h, and writes the part's columns of its dx. The
    // chunk holds the steps that were computed as number last .. first in the forward pass, the last computed first.
    private void Sum(in WideChunk chunk, int first, int last, int rows)
    {
        if (rows == 0)
            return;
        ref readonly Place p = ref PlaceOf(chunk.Layer, chunk.Direction);
        float* memory = Slice(0);
        float* dg = memory + _sliceChunk;
        (int from, int to) = Columns(_hidden, chunk.Part);
        for (int gate = 0; gate < _d.Gates; gate++)
        {
            long unit = (long)gate * _hidden + from;
            long inputUnit = (long)InputGate(gate) * _hidden + from;
            float* hidden = dg + HiddenColumn + unit;
            AddProducts(
                dg + unit,
                to - from,
                memory + _sliceInputs,
                p.Inputs,
                rows,
                p.WeightIh + inputUnit * p.Inputs
            );
            AddProducts(
                hidden,
                to - from,
                memory + _sliceOutputs,
                _state,
                rows,
                p.WeightHh + unit * _state
            );
            if (p.BiasIh >= 0)
                AddRows(dg + unit, rows, _call.DParameters + p.BiasIh + inputUnit, to - from);
            if (p.BiasHh >= 0)
                AddRows(hidden, rows, _call.DParameters + p.BiasHh + unit, to - from);
        }
        MultiplyInputsBack(chunk, first, last);
    }

    // Adds gates' x inputs to rows of a matrix's gradient.
    private void AddProducts(
        float* gates,
        int units,
        float* inputs,
        int width,
        int rows,
        long gradient
    )
    {
        var tile = new Tile
        {
            RowStride = 1,
            DepthStride = _chunkStride,
            Depth = rows,
            Taps = 1,
            InitStride = width,
            OutputStride = width,
        };
        float* to = _call.DParameters + gradient;
        Packed
            .RowMajor(inputs, width, rows, width, _backend.Lanes)
            .Multiply(tile, units, gates, to, to);
    }

    private void AddRows(float* gates, int rows, float* to, int units)
    {
        for (int r = 0; r < rows; r++, gates += _chunkStride)
        {
            int i = 0;
            for (; i <= units - Vector<float>.Count; i += Vector<float>.Count)
                (Vector.Load(to + i) + Vector.Load(gates + i)).Store(to + i);
            for (; i < units; i++)
                to[i] += gates[i];
        }
    }

    private void PackInputsBack(in WideChunk chunk, in Place p)
    {
        if (InputGradientOf(chunk.Layer) == null)
            return;
        (int from, int to) = Columns(p.Inputs, chunk.Part);
        for (int gate = 0; gate < _d.Gates; gate++)
        {
            InputWeightsBack(p)
                .Fill(
                    _call.Parameters + p.WeightIh + (nint)InputGate(gate) * _hidden * p.Inputs,
                    p.Inputs,
                    1,
                    gate * _hidden,
                    _hidden,
                    from,
                    to
                );
        }
    }

    private void MultiplyInputsBack(in WideChunk chunk, int first, int last)
    {
        float* dx = InputGradientOf(chunk.Layer);
        if (dx == null)
            return;
        Packed weights = InputWeightsBack(PlaceOf(chunk.Layer, chunk.Direction));
        Walk walk = chunk.Walk;
        var tile = new Tile
        {
            RowStride = _chunkStride,
            DepthStride = 1,
            Depth = _gateColumns,
            Taps = 1,
            InitStride = walk.InputStride,
            OutputStride = walk.InputStride,
        };
        (int from, int to) = Columns(walk.Inputs, chunk.Part);
        int width = Tile.MaxWidth(_backend.Lanes);
        for (int panel = from; panel < to; panel += width)
        {
            float* dg = Slice(0) + _sliceChunk;
            for (int n = first; n >= last; n--)
            {
                int t = walk.Step(n);
                float* rows = dx + walk.Row(t) * walk.Inputs;
                // The second direction adds to what the first one wrote.
                weights.Multiply(
                    tile,
                    walk.Running(t),
                    dg,
                    chunk.Direction == 0 ? null : rows,
                    rows,
                    panel,
                    Math.Min(panel + width, to)
                );
                dg += (nint)walk.Running(t) * _chunkStride;
            }
        }
    }
}
