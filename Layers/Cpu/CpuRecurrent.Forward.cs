using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// The forward pass of a recurrent network: the walk over the steps of a slice of the batch, and the states before and after.
internal sealed unsafe partial class CpuRecurrent
{
    private bool InPlace =>
        _d.Kind is RecurrentKind.Tanh or RecurrentKind.Relu or RecurrentKind.Linear;

    // The first column, in a row of gates, that depends on h.
    private int HiddenColumn => _d.Kind == RecurrentKind.Gru ? _hidden : 0;

    /// <summary>One direction of one layer of one slice, with the addresses of its steps.</summary>
    private readonly struct Walk
    {
        private readonly CpuRecurrent _owner;
        private readonly int _slice;
        private readonly int _direction;

        public Walk(CpuRecurrent owner, int layer, int direction, int slice)
        {
            _owner = owner;
            _slice = slice;
            _direction = direction;
            ref readonly Place p = ref owner.PlaceOf(layer, direction);
            Inputs = p.Inputs;
            InputStride = Inputs * owner._grid.RowStep;
            OutputStride = owner._d.OutputSize * owner._grid.RowStep;
            GateStride = owner.InPlace ? OutputStride : owner._gateWidth;
            _input = owner.InputOf(layer);
            _output = owner.OutputOf(layer) + direction * owner._state;
            _gates = owner._call.Reserve + p.Gates;
            _cells = owner._call.Reserve + p.Cells;
            Unprojected = owner.Slice(slice) + owner._sliceUnprojected;
        }

        private readonly float* _input;
        private readonly float* _output;
        private readonly float* _gates;
        private readonly float* _cells;

        public int Inputs { get; }

        // The distances of two rows of a step, in floats.
        public int InputStride { get; }
        public int OutputStride { get; }
        public int GateStride { get; }

        /// <summary>The outputs of a step before the projection, [rows, H].</summary>
        public float* Unprojected { get; }

        public int Steps => _owner._grid.StepsOf(_slice);

        public int Running(int t) => _owner._grid.Running(_slice, t);

        /// <summary>The step that a step's initial state comes from.</summary>
        public int Before(int t) => _direction == 0 ? t - 1 : t + 1;

        /// <summary>The step that is computed as number n.</summary>
        public int Step(int n) => _direction == 0 ? n : Steps - 1 - n;

        /// <summary>How many rows of a step have a step before it; the rows after them begin there.</summary>
        public int Continuing(int t) => Math.Min(Running(t), Running(Before(t)));

        /// <summary>The first row of a step in x and y.</summary>
        public long Row(int t) => _owner._grid.Row(_slice, t);

        public float* Input(int t) => _input + Row(t) * Inputs;

        public float* Output(int t) => _output + Row(t) * _owner._d.OutputSize;

        public float* Gates(int t) => _owner.InPlace ? Output(t) : _gates + KeptRow(t) * GateStride;

        public float* Cells(int t) => _cells + KeptRow(t) * _owner._hidden;

        // In evaluation the gates and cells of a step are overwritten by those of the next one.
        private long KeptRow(int t) =>
            _owner._d.Training ? _owner._grid.Kept(_slice, t) : _owner._grid.First(_slice);
    }

    private float* Slice(int slice) => _call.Workspace + _slice + slice * _sliceCount;

    private void ForwardSlice(int layer, int direction, int slice)
    {
        var walk = new Walk(this, layer, direction, slice);
        ref readonly Place p = ref PlaceOf(layer, direction);
        float* initial = BegunStates(
            _call.InitialHidden,
            layer,
            direction,
            slice,
            _state,
            Slice(slice) + _sliceInitial
        );
        float* initialCell = BegunStates(
            _call.InitialCell,
            layer,
            direction,
            slice,
            _hidden,
            Slice(slice) + _sliceInitialCell
        );
        float* joined = Slice(slice) + _sliceJoined;
        for (int n = 0; n < walk.Steps; n++)
        {
            int t = walk.Step(n);
            int rows = walk.Running(t);
            int continuing = walk.Continuing(t);
            Sums(walk, p, n, rows, continuing, initial, joined);
            CellRows cell = Cell(walk, t, 0, continuing, initial, initialCell);
            Forward(cell);
            cell = Cell(walk, t, continuing, rows, initial, initialCell);
            Forward(cell);
            if (Projects)
                Project(walk, p, t, rows);
        }
    }

    private void Forward(in CellRows cell)
    {
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

    // The rows from .. to - 1 of a step, all of which have a step before it or all of which begin there.
    private CellRows Cell(in Walk walk, int t, int from, int to, float* initial, float* initialCell)
    {
        bool begins = from == walk.Continuing(t);
        int before = walk.Before(t);
        var cell = new CellRows
        {
            Kind = _d.Kind,
            Hidden = _hidden,
            To = _hidden,
            Clip = _d.CellClip,
            Rows = to - from,
            GateStride = walk.GateStride,
            OutputStride = walk.OutputStride,
            Gates = walk.Gates(t) + (nint)from * walk.GateStride,
            Cell = walk.Cells(t) + (nint)from * _hidden,
            Output = walk.Output(t) + (nint)from * walk.OutputStride,
        };
        if (Projects)
        {
            cell.Output = walk.Unprojected + (nint)from * _hidden;
            cell.OutputStride = _hidden;
        }
        if (cell.Rows == 0)
            return cell;
        if (begins)
        {
            cell.PreviousCell = initialCell == null ? null : initialCell + (nint)from * _hidden;
            cell.PreviousOutput = initial == null ? null : initial + (nint)from * _state;
            cell.PreviousOutputStride = _state;
        }
        else
        {
            cell.PreviousCell = walk.Cells(before) + (nint)from * _hidden;
            cell.PreviousOutput = walk.Output(before) + (nint)from * walk.OutputStride;
            cell.PreviousOutputStride = walk.OutputStride;
        }
        return cell;
    }

    // A slice's rows of the states that a pass begins from: where they lie, if they follow each other there, else a copy.
    private float* BegunStates(
        float* states,
        int layer,
        int direction,
        int slice,
        int width,
        float* copy
    ) =>
        states == null || _grid.IsDealt
            ? GatherStates(states, layer, direction, slice, width, copy)
            : States(states, layer, direction, width) + (nint)_grid.First(slice) * width;

    // Copies a slice's rows of states [layers * directions, B, width] in the slice's order; null where there are no states.
    private float* GatherStates(
        float* states,
        int layer,
        int direction,
        int slice,
        int width,
        float* to
    )
    {
        if (states == null)
            return null;
        float* from = States(states, layer, direction, width);
        for (int r = 0; r < _grid.Sequences(slice); r++)
            Copy(from + (nint)_grid.Sequence(slice, r) * width, to + (nint)r * width, width);
        return to;
    }

    private void ScatterStates(
        float* rows,
        int layer,
        int direction,
        int slice,
        int width,
        float* states
    )
    {
        if (states == null)
            return;
        float* to = States(states, layer, direction, width);
        for (int r = 0; r < _grid.Sequences(slice); r++)
            Copy(rows + (nint)r * width, to + (nint)_grid.Sequence(slice, r) * width, width);
    }

    private float* States(float* states, int layer, int direction, int width) =>
        states + ((nint)layer * _d.Directions + direction) * _grid.Batch * width;

    // Copies the state of each sequence after its last step in the direction's order.
    private void FinalStates(in RecurrentOperands o)
    {
        float* hidden = CpuBackend.Pointer(o.FinalHidden);
        float* cell = CpuBackend.Pointer(o.FinalCell);
        if (hidden == null && cell == null)
            return;
        for (int layer = 0; layer < _d.Layers; layer++)
        {
            for (int direction = 0; direction < _d.Directions; direction++)
            {
                for (int slice = 0; slice < _slices; slice++)
                {
                    var walk = new Walk(this, layer, direction, slice);
                    for (int r = 0; r < _grid.Sequences(slice); r++)
                    {
                        int b = _grid.Sequence(slice, r);
                        int last = direction == 0 ? _grid.Length(slice, r) - 1 : 0;
                        if (hidden != null)
                            Copy(
                                walk.Output(last) + (nint)r * walk.OutputStride,
                                States(hidden, layer, direction, _state) + (nint)b * _state,
                                _state
                            );
                        if (cell != null)
                            Copy(
                                walk.Cells(last) + (nint)r * _hidden,
                                States(cell, layer, direction, _hidden) + (nint)b * _hidden,
                                _hidden
                            );
                    }
                }
            }
        }
    }
}
