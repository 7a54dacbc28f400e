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
