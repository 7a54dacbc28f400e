using System.Numerics;

namespace Sequor.Layers.Cpu;

// Slices of few sequences, where there are more threads than cores. A core then takes several slices at once, step by step: one product for the
// rows of all of them reads the weights once. Sums of gradients stay those of the slices, in their order, and a row of a product has the
// same bits whatever rows are beside it, so the bits are those of as many threads on as many cores.
internal sealed unsafe partial class CpuRecurrent
{
    // From so many rows on, products take as long for a row as they do with more.
    private const int EnoughRows = 8;

    // From so many slices on, it is worth while to take several at once, and to transpose a block of the gradient for all of them.
    private const int ManySlices = 4;

    // A line of the cache, and as many of them as stay in the first-level cache.
    private const int BlockColumns = 16;
    private const int BlockHeight = 64;

    private long _groupGates;
    private long _groupCarry;
    private long _groupCellCarry;
    private int[] _groupFilled = [];
    private int[] _groupFirst = [];

    // Depends on sizes and threads alone, so that a plan takes as much memory on any machine.
    private bool MayGroup =>
        _slices >= ManySlices && _sliceRows < EnoughRows && !Projects && !_wide;

    // Sequences of different lengths are dealt to the slices in turn, so that rows of several slices do not follow each other.
    private int Groups =>
        MayGroup && !_grid.IsDealt ? Math.Min(_slices, _backend.SliceGroups) : _slices;

    private void LayGroups(ref long workspace, int widest)
    {
        if (!MayGroup)
            return;
        _groupJoined = Take(ref workspace, JoinedElements(_d.MaxBatch, widest));
        if (!_d.Training)
            return;
        _groupFilled = new int[_slices];
        _groupFirst = new int[_slices];
        _groupGates = Take(
            ref workspace,
            checked((long)_d.MaxBatch * _chunkStride + Tile.MaxWidth(_backend.Lanes))
        );
        _groupCarry = Take(ref workspace, _d.MaxBatch, _hidden);
        _groupCellCarry = Take(ref workspace, _d.MaxBatch, _hidden);
    }

    // The slices of a group from the first that has sequences: a small batch leaves some without.
    private (int From, int To, int Rows) Group(int part)
    {
        (long from, long to) = CpuBackend.Share(_slices, part, Groups);
        while (from < to && _grid.Sequences((int)from) == 0)
            from++;
        return ((int)from, (int)to, _grid.First((int)to) - _grid.First((int)from));
    }

    private void ForwardGroup(int layer, int direction, int part)
    {
        (int slice, _, int rows) = Group(part);
        if (rows == 0)
            return;
        // Rows of the slices that follow lie behind those of the first one.
        var walk = new Walk(this, layer, direction, slice);
        ref readonly Place p = ref PlaceOf(layer, direction);
        float* initial = Begun(_call.InitialHidden, layer, direction, slice);
        float* initialCell = Begun(_call.InitialCell, layer, direction, slice);
        float* joined = _call.Workspace + _groupJoined;
        joined += _grid.First(slice) * ((nint)walk.Inputs + _state);
        for (int n = 0; n < walk.Steps; n++)
        {
            int t = walk.Step(n);
            int continuing = walk.Continuing(t) > 0 ? rows : 0;
            Sums(walk, p, n, rows, continuing, initial, joined);
            CellRows cell = Cell(walk, t, 0, rows, initial, initialCell);
            Forward(cell);
        }
    }

    private void BackwardGroup(int layer, int direction, int part)
    {
        (int first, int end, int rows) = Group(part);
        ref readonly Place p = ref PlaceOf(layer, direction);
        (long from, long to) = CpuBackend.Share(_slices, part, Groups);
        for (int slice = (int)from; slice < to; slice++)
        {
            new Span<float>(Partials(slice, layer, direction), (int)PartialCount(p.Inputs)).Clear();
            (_groupFilled[slice], _groupFirst[slice]) = (0, _grid.Steps - 1);
        }
        if (rows == 0)
            return;
        var walk = new Walk(this, layer, direction, first);
        nint row = _grid.First(first);
        float* dg = _call.Workspace + _groupGates + row * _chunkStride;
        float* carry = _call.Workspace + _groupCarry + row * _hidden;
        float* cellCarry = _call.Workspace + _groupCellCarry + row * _hidden;
        float* initial = Begun(_call.InitialHidden, layer, direction, first);
        float* initialCell = Begun(_call.InitialCell, layer, direction, first);
        BeginCarry(Begun(_call.FinalHiddenGradient, layer, direction, first), rows, carry);
        BeginCarry(Begun(_call.FinalCellGradient, layer, direction, first), rows, cellCarry);
        float* dy = OutputGradientOf(layer, direction, out int dySteps);
        // For a GRU the carry holds the part of the gradient that bypasses the gates.
        float* carryInit = _d.Kind == RecurrentKind.Gru ? carry : null;
        Packed hiddenWeights = HiddenWeightsBack(p);
        for (int n = walk.Steps - 1; n >= 0; n--)
        {
            int t = walk.Step(n);
            CellRows cell = Cell(walk, t, 0, rows, initial, initialCell);
            cell.Carry = carry;
            cell.CellCarry = cellCarry;
            if (t >= _grid.Steps - dySteps)
                cell.OutputGradient =
                    dy
                    + (walk.Row(t) - (long)(_grid.Steps - dySteps) * _grid.Batch) * _d.OutputSize;
            cell.GateGradients = dg;
            cell.GateGradientStride = _chunkStride;
            Backward(cell);
            for (int slice = first; slice < end; slice++)
                Keep(layer, direction, slice, n, dg + (_grid.First(slice) - row) * _chunkStride);
            // Rows that begin at this step need no carry, unless the gradient of the initial state is asked for.
            if (walk.Continuing(t) > 0 || _call.InitialHiddenGradient != null)
                CarryBack(CarryTile, hiddenWeights, rows, dg + HiddenColumn, carryInit, carry);
        }
        for (int slice = first; slice < end; slice++)
            Flush(
                new Walk(this, layer, direction, slice),
                layer,
                direction,
                slice,
                _groupFirst[slice],
                0,
                _groupFilled[slice]
            );
        long values = (long)rows * _hidden;
        if (_call.InitialHiddenGradient != null)
            Copy(carry, Begun(_call.InitialHiddenGradient, layer, direction, first), values);
        if (_call.InitialCellGradient != null)
            Copy(cellCarry, Begun(_call.InitialCellGradient, layer, direction, first), values);
    }

    // Copies a slice's rows of a step to its chunk, as they would be computed there.
    private void Keep(int layer, int direction, int slice, int n, float* dg)
    {
        int rows = _grid.Sequences(slice);
        if (rows == 0)
            return;
        var walk = new Walk(this, layer, direction, slice);
        if (_groupFilled[slice] + rows > _chunkRows)
        {
            Flush(walk, layer, direction, slice, _groupFirst[slice], n + 1, _groupFilled[slice]);
            (_groupFilled[slice], _groupFirst[slice]) = (0, n);
        }
        nint filled = _groupFilled[slice];
        float* memory = Slice(slice);
        Copy(dg, memory + _sliceChunk + filled * _chunkStride, (long)rows * _chunkStride);
        int t = walk.Step(n);
        CopyRows(
            walk.Input(t),
            walk.InputStride,
            memory + _sliceInputs + filled * walk.Inputs,
            rows,
            walk.Inputs
        );
        CopyPreviousOutputs(
            walk,
            t,
            rows,
            Begun(_call.InitialHidden, layer, direction, slice),
            memory + _sliceOutputs + filled * _state
        );
        _groupFilled[slice] += rows;
    }

    // Where the states of a slice's sequences lie, and behind them those of the next slices; null where there are none.
    private float* Begun(float* states, int layer, int direction, int slice) =>
        states == null
            ? null
            : States(states, layer, direction, _hidden) + (nint)_grid.First(slice) * _hidden;

    private void BeginCarry(float* from, int rows, float* carry)
    {
        long values = (long)rows * _hidden;
        if (from == null)
            new Span<float>(carry, checked((int)values)).Clear();
        else
            Copy(from, carry, values);
    }

    // What Reduce does for each slice in turn, with the same order of every sum. A block of the gradient is transposed once for all of them,
    // which many slices are worth.
    private void ReduceMany(int layer, int direction, int part)
    {
        ref readonly Place p = ref PlaceOf(layer, direction);
        long blocks = (_gateColumns + BlockColumns - 1) / BlockColumns;
        (long from, long to) = CpuBackend.Share(blocks, part, _slices);
        (from, to) = (from * BlockColumns, Math.Min(to * BlockColumns, _gateColumns));
        long hidden = (long)_gateColumns * p.Inputs;
        long rows = hidden + (long)_gateColumns * _state;
        for (long gate = from; gate < to; )
        {
            // Gates that follow each other in both orders, of one line of the cache.
            long inputColumn = InputColumn(gate);
            int count = (int)
                Math.Min(Math.Min(BlockColumns, to - gate), _gateColumns - inputColumn);
            float* weights = _call.DParameters + p.WeightIh + gate * p.Inputs;
            AddOfSlices(Partials(0, layer, direction) + inputColumn, p.Inputs, weights, count);
            weights = _call.DParameters + p.WeightHh + gate * _state;
            AddOfSlices(Partials(0, layer, direction) + hidden + gate, _state, weights, count);
            for (int slice = 0; slice < _slices; slice++)
            {
                float* sums = Partials(slice, layer, direction) + rows;
                for (int i = 0; i < count; i++)
                {
                    if (p.BiasIh >= 0)
                        _call.DParameters[p.BiasIh + gate + i] += sums[inputColumn + i];
                    if (p.BiasHh >= 0)
                        _call.DParameters[p.BiasHh + gate + i] += sums[HiddenColumn + gate + i];
                }
            }
            gate += count;
        }
    }

    // Adds columns of all slices' sums, of which those of the first are given, to rows of a gradient.
    private void AddOfSlices(float* sums, int rows, float* to, int columns)
    {
        float* block = stackalloc float[BlockHeight * BlockColumns];
        for (int first = 0; first < rows; first += BlockHeight)
        {
            int count = Math.Min(BlockHeight, rows - first);
            for (int column = 0; column < columns; column++)
            {
                float* line = to + (nint)column * rows + first;
                for (int i = 0; i < count; i++)
                    block[i * BlockColumns + column] = line[i];
            }
            for (int slice = 0; slice < _slices; slice++)
            {
                float* row = sums + slice * _sliceCount + (nint)first * _gateColumns;
                float* at = block;
                for (int i = 0; i < count; i++, row += _gateColumns, at += BlockColumns)
                    Add(row, at, columns);
            }
            for (int column = 0; column < columns; column++)
            {
                float* line = to + (nint)column * rows + first;
                for (int i = 0; i < count; i++)
                    line[i] = block[i * BlockColumns + column];
            }
        }
    }

    private static void Add(float* from, float* to, int count)
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            (Vector.Load(to + i) + Vector.Load(from + i)).Store(to + i);
        for (; i < count; i++)
            to[i] += from[i];
    }
}
