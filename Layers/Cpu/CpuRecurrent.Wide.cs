using System.Numerics;

namespace Sequor.Layers.Cpu;

// Layers whose weights are larger than a core's cache. Here threads share the units instead of the batch, so that each reads its part of the
// weights once for all rows of a step, and they meet after every step. Whatever has no recurrence is computed for many steps at a time, and
// the gradients of the weights are summed where they belong: no thread has sums of its own, and the bits do not depend on how many there are.
internal sealed unsafe partial class CpuRecurrent
{
    // Steps whose inputs are multiplied at a time have about as many rows.
    private const int BlockRows = 256;

    private readonly bool _wide;
    private readonly StepBarrier _barrier;
    private readonly WideJob _wideJob;

    // A projection is between a step's units and the next one's, so threads would have to meet twice; its weights are smaller.
    private static bool IsWide(in RecurrentDescriptor d, long largest) =>
        d.ProjectionSize == 0
        && (long)d.Gates * d.HiddenSize * d.HiddenSize * sizeof(float) > largest;

    // Threads that wait for each other at every step need a core each.
    private int UnitParts(CpuBackend backend) =>
        Math.Min(
            backend.Concurrency,
            (_hidden + Tile.MaxWidth(backend.Lanes) - 1) / Tile.MaxWidth(backend.Lanes)
        );

    private void ForwardWide(int layer, bool pack)
    {
        for (int direction = 0; direction < _d.Directions; direction++)
        {
            if (pack)
                PackBias(PlaceOf(layer, direction));
            var states = new StepStates(
                GatherHidden(layer, direction),
                GatherCell(layer, direction)
            );
            _wideJob.Forward(layer, direction, pack, states);
        }
    }

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

    private float* GatherHidden(int layer, int direction) =>
        GatherStates(_call.InitialHidden, layer, direction, 0, _state, Slice(0) + _sliceInitial);

    private float* GatherCell(int layer, int direction) =>
        GatherStates(_call.InitialCell, layer, direction, 0, _hidden, Slice(0) + _sliceInitialCell);

    // The weights of a gate, [depth, H], packed.
    private Packed GateWeights(long offset, int depth, int gate) =>
        new(
            _call.Workspace + offset + gate * Packed.Elements(depth, _hidden, _backend.Lanes),
            depth,
            _hidden,
            _backend.Lanes
        );

    // Which gate of weight_ih is at a place in a row of gates, which for a GRU is new, reset, update.
    private int InputGate(int place) => _d.Kind == RecurrentKind.Gru ? (place + 2) % 3 : place;

    private (int From, int To) Columns(int count, int part)
    {
        int width = Tile.MaxWidth(_backend.Lanes);
        (long from, long to) = CpuBackend.Share((count + width - 1) / width, part, _barrier.Parts);
        return ((int)from * width, (int)Math.Min(to * width, count));
    }

    private void ForwardUnits(int layer, int direction, int part, bool pack, StepStates initial)
    {
        var walk = new Walk(this, layer, direction, 0);
        ref readonly Place p = ref PlaceOf(layer, direction);
        (int from, int to) = Columns(_hidden, part);
        if (pack)
            PackUnits(p, from, to);
        float* bias = _call.Workspace + p.Bias;
        Tile tile = HiddenTile(walk);
        Tile beginning = tile;
        beginning.RowStride = _state;
        for (int n = 0, known = 0; n < walk.Steps; n++)
        {
            if (n == known)
                known = MultiplyInputs(walk, p, n, from, to);
            int t = walk.Step(n);
            int rows = walk.Running(t);
            int continuing = walk.Continuing(t);
            float* gates = walk.Gates(t);
            if (_d.Kind == RecurrentKind.Gru)
            {
                for (int r = 0; r < rows; r++)
                    Copy(
                        bias + 3 * _hidden + from,
                        gates + (nint)r * _gateWidth + 3 * _hidden + from,
                        to - from
                    );
            }
            for (int gate = 0; gate < _d.Gates; gate++)
            {
                Packed weights = GateWeights(p.HiddenWeights, _state, gate);
                float* seen = gates + HiddenColumn + (nint)gate * _hidden;
                if (continuing > 0)
                    weights.Multiply(
                        tile,
                        continuing,
                        walk.Output(walk.Before(t)),
                        seen,
                        seen,
                        from,
                        to
                    );
                if (initial.Hidden == null || continuing == rows)
                    continue;
                float* begun = seen + (nint)continuing * walk.GateStride;
                weights.Multiply(
                    beginning,
                    rows - continuing,
                    initial.Hidden + (nint)continuing * _state,
                    begun,
                    begun,
                    from,
                    to
                );
            }
            for (int half = 0; half < 2; half++)
            {
                CellRows cell = Cell(
                    walk,
                    t,
                    half == 0 ? 0 : continuing,
                    half == 0 ? continuing : rows,
                    initial.Hidden,
                    initial.Cell
                );
                (cell.From, cell.To) = (from, to);
                Forward(cell);
            }
            _barrier.Wait();
        }
    }

    // The share of some steps' gates that is of their inputs, panel by panel, so that a panel stays in the cache for all of them. Returns the
    // number of the first step that was not computed. Evaluation keeps the gates of one step only.
    private int MultiplyInputs(in Walk walk, in Place p, int first, int from, int to)
    {
        int last = first + 1;
        for (
            int rows = walk.Running(walk.Step(first));
            _d.Training && last < walk.Steps && rows < BlockRows;
            last++
        )
            rows += walk.Running(walk.Step(last));
        Tile tile = InputTile(walk);
        float* bias = _call.Workspace + p.Bias;
        int width = Tile.MaxWidth(_backend.Lanes);
        for (int gate = 0; gate < _d.Gates; gate++)
        {
            Packed weights = GateWeights(p.InputWeights, p.Inputs, gate);
            nint at = (nint)gate * _hidden;
            for (int panel = from; panel < to; panel += width)
            {
                for (int n = first; n < last; n++)
                {
                    int t = walk.Step(n);
                    weights.Multiply(
                        tile,
                        walk.Running(t),
                        walk.Input(t),
                        bias + at,
                        walk.Gates(t) + at,
                        panel,
                        Math.Min(panel + width, to)
                    );
                }
            }
        }
        return last;
    }

    private void PackUnits(in Place p, int from, int to)
    {
        for (int gate = 0; gate < _d.Gates; gate++)
        {
            GateWeights(p.InputWeights, p.Inputs, gate)
                .Fill(
                    _call.Parameters + p.WeightIh + (nint)InputGate(gate) * _hidden * p.Inputs,
                    1,
                    p.Inputs,
                    0,
                    p.Inputs,
                    from,
                    to
                );
            GateWeights(p.HiddenWeights, _state, gate)
                .Fill(
                    _call.Parameters + p.WeightHh + (nint)gate * _hidden * _state,
                    1,
                    _state,
                    0,
                    _state,
                    from,
                    to
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

    /// <summary>The states of a direction before its first step, in the order of its rows; null for zeros.</summary>
    private readonly struct StepStates(float* hidden, float* cell)
    {
        public readonly float* Hidden = hidden;
        public readonly float* Cell = cell;
    }

    private sealed class WideJob(CpuRecurrent owner) : ParallelJob
    {
        private bool _forward;
        private bool _pack;
        private int _layer;
        private int _direction;
        private StepStates _initial;

        public void Forward(int layer, int direction, bool pack, StepStates initial)
        {
            (_forward, _pack) = (true, pack);
            Start(layer, direction, initial);
        }

        public void Backward(int layer, int direction, StepStates initial)
        {
            _forward = false;
            Start(layer, direction, initial);
        }

        private void Start(int layer, int direction, StepStates initial)
        {
            (_layer, _direction, _initial) = (layer, direction, initial);
            owner._barrier.Reset();
            owner._backend.Run(this, owner._barrier.Parts);
        }

        public override void Execute(int part)
        {
            try
            {
                if (_forward)
                    owner.ForwardUnits(_layer, _direction, part, _pack, _initial);
                else
                    owner.BackwardUnits(_layer, _direction, part, _initial);
            }
            catch (StepBarrier.BrokenException)
            {
                // What is told is what the other part failed of.
            }
            catch
            {
                owner._barrier.Break();
                throw;
            }
        }
    }
}
