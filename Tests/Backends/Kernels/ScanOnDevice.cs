using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>A scan by the kernels, range after range.</summary>
internal sealed class ScanOnDevice(
    KernelMachine machine,
    int steps,
    int batch,
    int size,
    PackedLayout? packed,
    int warps,
    bool pair,
    bool reverse,
    StepResets? resets = null
)
{
    /// <summary>Where each step's rows begin, where rows are packed.</summary>
    public DeviceArray Rows { get; } =
        packed is null ? DeviceArray.Null : machine.Put(packed.First);

    // Marks have arguments of their own.
    private readonly object[] _marks = resets is null
        ? []
        :
        [
            machine.Put(MemoryMarshal.Cast<float, uint>(resets.Words.ToArray()).ToArray()),
            resets.Pitch,
        ];

    // The words of all launches: each is of an epoch of its own.
    private readonly int _room =
        warps == 0 ? 0 : Kernel(batch, size, steps, packed, pair, warps).Room;

    /// <summary>The control words.</summary>
    public DeviceArray Control { get; } =
        machine.Zeros(
            warps == 0 ? 0 : Kernel(batch, size, steps, packed, pair, warps).ControlCount
        );

    public float[] Forward(float[] lambda, float[] u, ScanRange[] ranges)
    {
        DeviceArray factors = machine.Put(lambda);
        DeviceArray states = machine.Put(u);
        foreach (ScanRange range in ranges)
        {
            ScanKernel kernel = KernelOf(range);
            (int start, int delta) = ScanKernel.Walk(range.First, range.Count, reverse, false);
            object[] shape = [Rows, steps, batch, size, start, delta, range.Count];
            object[] tiles = kernel.Chunked ? [Control, _room] : [];
            machine.Launch(
                kernel.Forward,
                kernel.Grid,
                [factors, states, .. shape, .. tiles, .. _marks]
            );
        }
        return machine.Get(states);
    }

    public (float[] Du, float[] Dlambda) Backward(
        float[] lambda,
        float[] x,
        float[] dx,
        float[] before,
        ScanRange[] ranges,
        bool sums = true
    )
    {
        DeviceArray factors = machine.Put(lambda);
        DeviceArray states = machine.Put(x);
        DeviceArray dlambda = machine.Put(before);
        DeviceArray carry = machine.New(2L * batch * size);
        float[] du = new float[dx.Length];
        long most = ranges.Max(range =>
            Kernel(batch, size, range.Count, packed, pair, warps).PartialRows(batch)
        );
        DeviceArray partials = machine.New(2 * size * most);
        int slabs = 0;
        for (int i = 0; i < ranges.Length; i++)
        {
            ScanRange range = ranges[i];
            ScanKernel kernel = KernelOf(range);
            (int start, int delta) = ScanKernel.Walk(range.First, range.Count, reverse, true);
            // The gradient has the range's rows only.
            int from = 2 * size * Row(range.First);
            int to = 2 * size * Row(range.End);
            DeviceArray gradient = machine.Put(dx[from..to]);
            object[] tiles = kernel.Chunked ? [Control, _room] : [];
            machine.Launch(
                kernel.Backward,
                kernel.BackwardGrid,
                [
                    factors,
                    states,
                    gradient,
                    Rows,
                    steps,
                    batch,
                    size,
                    start,
                    delta,
                    range.Count,
                    i == 0 ? DeviceArray.Null : carry,
                    i == ranges.Length - 1 ? DeviceArray.Null : carry,
                    partials,
                    slabs,
                    .. tiles,
                    .. _marks,
                ]
            );
            slabs = Math.Max(slabs, Math.Max(1, kernel.BackwardTiles));
            machine.Get(gradient).CopyTo(du, from);
        }
        if (sums)
            ColumnSums.Add(
                machine,
                partials,
                DeviceArray.Null,
                dlambda,
                (long)slabs * batch,
                2 * size
            );
        return (du, machine.Get(dlambda));
    }

    private ScanKernel KernelOf(ScanRange range) =>
        Kernel(batch, size, range.Count, packed, pair, warps) with
        {
            Resets = resets is not null,
        };

    private int Row(int step) => packed is null ? step * batch : packed.Layout.Row(step);

    private static ScanKernel Kernel(
        int batch,
        int size,
        int count,
        PackedLayout? packed,
        bool pair,
        int warps
    ) => new(batch, size, count, packed is not null, pair, warps);
}

/// <summary>Sums over rows by the kernel.</summary>
internal static class ColumnSums
{
    public static void Add(
        KernelMachine machine,
        DeviceArray a,
        DeviceArray b,
        DeviceArray sum,
        long rows,
        int columns
    )
    {
        KernelGrid grid = KernelGrid.ColumnSums(rows, columns);
        machine.Launch(
            "column_sum",
            grid,
            a,
            b,
            sum,
            rows,
            columns,
            grid.Lanes,
            machine.New(2L * grid.Y * columns),
            machine.Zeros(grid.X)
        );
    }
}
