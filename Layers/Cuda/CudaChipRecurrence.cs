using System.Diagnostics;
using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A recurrent network whose recurrent weights never leave the chip. The inputs of all steps are one product; then a launch for each layer
/// and direction takes each sequence through all of its time in one block, with the weights in registers and shared memory. The gradients
/// of the weights are one product over all steps each.
/// </summary>
internal sealed partial class CudaChipRecurrence : CudaOwnRecurrence
{
    // Columns of a block of recurrent_bias_gradient.
    private const int BiasColumns = 32;
    private const int StatePlaces = 4;

    private readonly RecurrentChip _chip;
    private readonly bool _hasCells;

    // Where things lie in the workspace, or, of what backward reads, in the reserve.
    private readonly long _packed;
    private readonly long _packedBackward;
    private readonly long[] _gates;
    private readonly long[] _cells;
    private readonly long _gradient;
    private readonly long[] _flow = new long[2];
    private readonly long _biasSums;
    private readonly long _ends;

    /// <summary>Prepares a network.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network.</param>
    /// <param name="isTrial">Whether it is made to be measured: its products then take the first guess.</param>
    /// <exception cref="NotSupportedException">The network or the device is none that the kernels are for; the message says why.</exception>
    public CudaChipRecurrence(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        bool isTrial = false
    )
        : base(backend, descriptor, StatePlaces)
    {
        _chip =
            ClassFor(backend, descriptor, out string? reason)
            ?? throw new NotSupportedException($"{reason}.");
        backend.Kernels.Load("recurrent", "linear_recurrence", _chip.Module);
        if (D.DropsOut)
            backend.Prepare(OperationKind.Random);
        Grant(_chip.Forward);
        if (D.Training)
            Grant(_chip.Backward);
        _hasCells = D.Kind == RecurrentKind.Lstm;
        long packed = backend.Align(_chip.Packed);
        _packed = Take(checked(Places.Length * packed));
        _gates = new long[Places.Length];
        _cells = new long[Places.Length];
        long gates = checked(MostRows * StackedSize);
        if (_hasCells)
        {
            for (int i = 0; i < Places.Length; i++)
            {
                // Without a backward pass the gates of a direction are read by its launch alone.
                _gates[i] =
                    D.Training ? Keep(gates)
                    : i == 0 ? Take(gates)
                    : _gates[0];
                if (D.Training)
                    _cells[i] = Keep(checked(MostRows * Size));
            }
        }
        if (!isTrial)
            PlanProducts();
        if (!D.Training)
            return;
        _packedBackward = Take(checked(Places.Length * packed));
        if (!_hasCells)
            _gradient = Take(gates);
        for (int i = 0; i < Math.Min(D.Layers - 1, _flow.Length); i++)
            _flow[i] = Take(checked(MostRows * Width));
        if (D.Bias != RecurrentBias.NoBias)
            _biasSums = Take(checked((long)D.MaxBatch * StackedSize));
        if (D.States)
            _ends = Take(checked((long)D.MaxBatch * StackedSize));
    }

    /// <summary>What kernels call the cell of a kind; null where there is none.</summary>
    private static string? CellOf(RecurrentKind kind) =>
        kind switch
        {
            RecurrentKind.Tanh or RecurrentKind.Relu => "rnn",
            RecurrentKind.Lstm => "lstm",
            RecurrentKind.Gru or RecurrentKind.Linear => null,
            _ => throw new UnreachableException($"no cell of {kind}"),
        };

    /// <summary>The class of kernels that takes a network on a device, as far as its properties tell. Loads nothing.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network.</param>
    /// <param name="reason">Why there is none, without a full stop; null where there is one.</param>
    public static RecurrentChip? ClassFor(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        out string? reason
    )
    {
        string? cell = CellOf(descriptor.Kind);
        reason =
            cell is null ? $"there are no own kernels for {descriptor.Kind}"
            : descriptor.ProjectionSize > 0 ? "own kernels take no projection"
            : descriptor.VariableLengths
            && descriptor.DataLayout != RecurrentDataLayout.SeqMajorPacked
                ? "own kernels take sequences of different lengths packed"
            : null;
        if (reason is not null)
            return null;
        RecurrentChip? chip = RecurrentChip.Of(cell!, descriptor.HiddenSize);
        int there = backend.Context.Device.SharedBytesPerBlock;
        reason =
            chip is null
                ? $"own kernels of {descriptor.Kind} take up to {RecurrentChip.MostOf(cell!)} hidden units, and there are {descriptor.HiddenSize}"
            : chip.AllSharedBytes > there
                ? $"own kernels of {descriptor.Kind} for {descriptor.HiddenSize} hidden units need {chip.AllSharedBytes} bytes of shared memory a block, and {backend.Context.Device} has {there}"
            : null;
        return reason is null ? chip : null;
    }

    private void Grant(string kernel)
    {
        if (!Owner.Kernels[kernel].TryDynamicSharedBytes(_chip.SharedBytes, out string? reason))
            throw new NotSupportedException(reason);
    }

    private void PlanProducts()
    {
        int rows = checked((int)MostRows);
        foreach (Place p in Places)
        {
            Owner.PlanProduct(new ProductShape(false, true, rows, StackedSize, p.Inputs));
            if (!D.Training)
                continue;
            if (p.Layer > 0 || D.InputGradient)
                Owner.PlanProduct(new ProductShape(false, false, rows, p.Inputs, StackedSize));
            Owner.PlanProduct(new ProductShape(true, false, StackedSize, p.Inputs, rows));
        }
    }

    protected override void ForwardCore(in RecurrentOperands operands)
    {
        Batch batch = BatchOf(operands);
        RecurrentStateOrder order = OrderOf(batch);
        var initial = new States
        {
            Hidden = order.Take(operands.InitialHidden, Size, StatesAt(operands, 0)),
            Cell = order.Take(operands.InitialCell, Size, StatesAt(operands, 1)),
        };
        var final = new States
        {
            Hidden = order.Room(
                operands.FinalHidden,
                operands.InitialHidden,
                StatesAt(operands, 2)
            ),
            Cell = order.Room(operands.FinalCell, operands.InitialCell, StatesAt(operands, 3)),
        };
        Tensor input = operands.X;
        foreach (Place p in Places)
        {
            Tensor output = OutputOf(operands, p.Layer, batch);
            if (!operands.SameWeights)
                Pack(operands, p);
            Owner.Multiply(
                CudaBackend.Matrix(input),
                false,
                InputWeight(operands.Parameters, p),
                true,
                _hasCells ? GatesOf(operands, p, batch) : Columns(output, p),
                beta: 0
            );
            if (_hasCells)
                LaunchLstm(operands, batch, p, output, initial, final);
            else
                LaunchPlain(operands, batch, p, output, initial, final);
            if (p.Direction == D.Directions - 1 && p.Layer < D.Layers - 1)
                input = InputOf(operands, p.Layer + 1, batch);
        }
        order.Give(final.Hidden, Size, operands.FinalHidden);
        order.Give(final.Cell, Size, operands.FinalCell);
    }

    // Hidden and cell states, or their gradients; empty where there are none.
    private ref struct States
    {
        public DeviceSpan<float> Hidden;
        public DeviceSpan<float> Cell;
    }

    private void LaunchPlain(
        in RecurrentOperands operands,
        in Batch batch,
        in Place p,
        Tensor output,
        in States initial,
        in States final
    ) =>
        Owner.Kernels.LaunchShared(
            _chip.Forward,
            _chip.Grid(batch.Sequences),
            _chip.SharedBytes,
            Columns(output, p).Elements,
            PackedOf(operands, p, _packed),
            BiasOf(operands.Parameters, p.InputBias),
            BiasOf(operands.Parameters, p.StateBias),
            StateOf(initial.Hidden, p, batch),
            StateOf(final.Hidden, p, batch),
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            Size,
            Width,
            p.Direction,
            D.Kind == RecurrentKind.Relu ? 1 : 0
        );

    private void LaunchLstm(
        in RecurrentOperands operands,
        in Batch batch,
        in Place p,
        Tensor output,
        in States initial,
        in States final
    ) =>
        Owner.Kernels.LaunchShared(
            _chip.Forward,
            _chip.Grid(batch.Sequences),
            _chip.SharedBytes,
            GatesOf(operands, p, batch).Elements,
            PackedOf(operands, p, _packed),
            BiasOf(operands.Parameters, p.InputBias),
            BiasOf(operands.Parameters, p.StateBias),
            Columns(output, p).Elements,
            D.Training ? CellsOf(operands, p, batch) : default,
            StateOf(initial.Hidden, p, batch),
            StateOf(initial.Cell, p, batch),
            StateOf(final.Hidden, p, batch),
            StateOf(final.Cell, p, batch),
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            Size,
            Width,
            p.Direction,
            D.Training ? 1 : 0,
            D.CellClip?.Min ?? float.NegativeInfinity,
            D.CellClip?.Max ?? float.PositiveInfinity
        );

    // W_hh in the order of the threads, for both passes where both come.
    private void Pack(in RecurrentOperands operands, in Place p) =>
        Owner.Kernels.Launch(
            "recurrent_pack",
            KernelGrid.Flat(_chip.Packed) with
            {
                Y = D.Training ? 2 : 1,
            },
            StateWeight(operands.Parameters, p).Elements,
            PackedOf(operands, p, _packed),
            D.Training ? PackedOf(operands, p, _packedBackward) : default,
            D.Gates,
            Size,
            _chip.Most,
            _chip.Packed,
            _chip.Packed
        );

    private int Number(in Place p) => p.Layer * D.Directions + p.Direction;

    private DeviceSpan<float> PackedOf(in RecurrentOperands operands, in Place p, long first) =>
        CudaBackend
            .Span(operands.Workspace)
            .Slice(first + Number(p) * Owner.Align(_chip.Packed), _chip.Packed);

    private static DeviceSpan<float> Floats(Tensor block, long at, long count) =>
        CudaBackend.Span(block).Slice(at, count);

    private DeviceSpan<float> BiasOf(Tensor parameters, long place) =>
        place < 0 ? default : Floats(parameters, place, StackedSize);

    private Matrix GatesOf(in RecurrentOperands operands, in Place p, in Batch batch) =>
        new(
            Floats(
                D.Training ? operands.Reserve : operands.Workspace,
                _gates[Number(p)],
                (long)batch.Rows * StackedSize
            ),
            batch.Rows,
            StackedSize
        );

    private DeviceSpan<float> CellsOf(in RecurrentOperands operands, in Place p, in Batch batch) =>
        Floats(operands.Reserve, _cells[Number(p)], (long)batch.Rows * Size);
}
