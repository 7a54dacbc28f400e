using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels that pack, reorder and average sequences of different lengths against the CPU.</summary>
[TestFixture]
public sealed class SequenceKernelTests
{
    private static readonly object[][] Batches =
    [
        [new[] { 1 }, 1, 1],
        [new[] { 2, 9, 5 }, 12, 3],
        [new[] { 40, 3, 40, 1, 33 }, 40, 67],
    ];

    [TestCaseSource(nameof(Batches))]
    public void Rows_are_packed_and_unpacked(int[] lengths, int steps, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var packed = new PackedLayout(lengths);
        int batch = lengths.Length;
        float[] x = new Draw(3).Uniform(steps * batch * columns);
        Tensor rows = host.New(packed.Rows, 1, columns);
        Tensor back = host.New(steps, batch, columns);
        host.Backend.Pack(host.Put(x, steps, batch, columns), packed.Layout, rows);
        host.Backend.Unpack(rows, packed.Layout, back);

        DeviceArray first = machine.Put(packed.First);
        DeviceArray order = machine.Put(packed.Order);
        DeviceArray packing = machine.New(packed.Rows * columns);
        KernelGrid grid = KernelGrid.Steps(steps, columns);
        int longest = packed.Layout.Steps;
        machine.Launch(
            "pack",
            grid,
            machine.Put(x),
            packing,
            first,
            order,
            longest,
            batch,
            columns,
            grid.Lanes
        );
        DeviceArray unpacked = machine.New(x.Length);
        machine.Launch(
            "unpack",
            grid,
            packing,
            unpacked,
            first,
            order,
            longest,
            steps,
            batch,
            columns,
            grid.Lanes
        );

        Close.CheckBits(machine.Get(packing), host.Get(rows), "packed rows");
        Close.CheckBits(machine.Get(unpacked), host.Get(back), "padded rows");
    }

    [TestCaseSource(nameof(Batches))]
    public void Means_over_time_are_those_of_the_cpu(int[] lengths, int steps, int columns)
    {
        int batch = lengths.Length;
        foreach (PackedLayout? packed in new[] { null, new PackedLayout(lengths) })
        {
            using var host = new HostTensors();
            using var machine = new KernelMachine();
            int time = packed is null ? steps : packed.Layout.Steps;
            int[] shape = packed is null ? [steps, batch, columns] : [packed.Rows, 1, columns];
            float[] x = new Draw(4).Uniform(shape[0] * shape[1] * columns);
            float[] dmean = new Draw(5).Uniform(batch * columns);
            Tensor mean = host.New(batch, columns);
            Tensor dx = host.New(shape);
            host.Backend.MeanOverTime(host.Put(x, shape), packed?.Layout, mean);
            host.Backend.MeanOverTimeGradient(host.Put(dmean, batch, columns), packed?.Layout, dx);

            object[] layout = packed is null
                ? [DeviceArray.Null, DeviceArray.Null, DeviceArray.Null]
                :
                [
                    machine.Put(packed.First),
                    machine.Put(packed.Order),
                    machine.Put(packed.Lengths),
                ];
            KernelGrid grid = KernelGrid.Steps(batch, columns);
            object[] sizes = [time, batch, columns, grid.Lanes];
            DeviceArray means = machine.New(batch * columns);
            machine.Launch("mean_over_time", grid, [machine.Put(x), means, .. layout, .. sizes]);
            DeviceArray slopes = machine.New(x.Length);
            machine.Launch(
                "mean_over_time_gradient",
                grid,
                [machine.Put(dmean), slopes, .. layout, .. sizes]
            );

            Close.Check(
                machine.Get(means),
                [.. host.Get(mean).Select(v => (double)v)],
                1e-6,
                "means"
            );
            Close.CheckBits(machine.Get(slopes), host.Get(dx), "gradient");
        }
    }

    [TestCaseSource(nameof(Batches))]
    public void Last_steps_are_those_of_each_sequence(int[] lengths, int steps, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var packed = new PackedLayout(lengths);
        int batch = lengths.Length;
        float[] x = new Draw(6).Uniform(packed.Rows * columns);
        float[] dy = new Draw((ulong)steps).Uniform(batch * columns);
        Tensor y = host.New(batch, columns);
        Tensor dx = host.New(packed.Rows, 1, columns);
        host.Backend.LastSteps(host.Put(x, packed.Rows, 1, columns), packed.Layout, y);
        host.Backend.LastStepsGradient(host.Put(dy, batch, columns), packed.Layout, dx);

        object[] layout =
        [
            machine.Put(packed.First),
            machine.Put(packed.Order),
            machine.Put(packed.Lengths),
        ];
        DeviceArray last = machine.New(batch * columns);
        KernelGrid rows = KernelGrid.Rows(batch, columns);
        machine.Launch(
            "last_steps",
            rows,
            [machine.Put(x), last, .. layout, batch, columns, rows.Lanes]
        );
        DeviceArray slopes = machine.New(x.Length);
        KernelGrid walk = KernelGrid.Steps(packed.Layout.Steps, columns);
        machine.Launch(
            "last_steps_gradient",
            walk,
            [machine.Put(dy), slopes, .. layout, packed.Layout.Steps, columns, walk.Lanes]
        );

        Close.CheckBits(machine.Get(last), host.Get(y), "last steps");
        Close.CheckBits(machine.Get(slopes), host.Get(dx), "gradient");
    }

    [TestCase(0, 0, 5, 3)]
    [TestCase(2, 0, 3, 1)]
    [TestCase(0, 3, 2, 67)]
    public void Rows_of_steps_are_those_that_sequences_have_at_others(
        int to,
        int from,
        int count,
        int columns
    )
    {
        using var machine = new KernelMachine();
        var packed = new PackedLayout(2, 5, 4, 1);
        SequenceLayout layout = packed.Layout;
        float[] x = new Draw(8).Uniform(packed.Rows * columns);
        var expected = new List<float>();
        for (int t = 0; t < count; t++)
        for (int b = 0; b < layout.Active(to + t); b++)
        for (int c = 0; c < columns; c++)
            expected.Add(
                b < layout.Active(from + t) ? x[(layout.Row(from + t) + b) * columns + c] : 0f
            );

        DeviceArray shifted = machine.New(expected.Count);
        KernelGrid grid = KernelGrid.Steps(count, columns);
        machine.Launch(
            "shift_steps",
            grid,
            machine.Put(x),
            shifted,
            machine.Put(packed.First),
            to,
            from,
            count,
            columns,
            grid.Lanes
        );

        Close.CheckBits(machine.Get(shifted), [.. expected], "shifted rows");
    }

    [TestCase(1, 1, 1)]
    [TestCase(3, 5, 67)]
    [TestCase(200, 4, 3)]
    public void States_are_put_in_order_and_back(int layers, int batch, int columns)
    {
        using var machine = new KernelMachine();
        float[] states = new Draw(4).Uniform(layers * batch * columns);
        int[] order = [.. Enumerable.Range(0, batch).Select(i => (i + 2) % batch)];
        float[] expected = new float[states.Length];
        for (int i = 0; i < states.Length; i++)
        {
            int row = i / columns;
            int source = row / batch * batch + order[row % batch];
            expected[i] = states[source * columns + i % columns];
        }
        KernelGrid grid = KernelGrid.Rows(layers * batch, columns);
        DeviceArray places = machine.Put(order);
        DeviceArray ordered = machine.New(states.Length);
        DeviceArray back = machine.New(states.Length);
        object[] shape = [places, layers, batch, columns];
        machine.Launch(
            "order_states",
            grid,
            [machine.Put(states), ordered, .. shape, 0, grid.Lanes]
        );
        machine.Launch("order_states", grid, [ordered, back, .. shape, 1, grid.Lanes]);

        Close.CheckBits(machine.Get(ordered), expected, "in order");
        Close.CheckBits(machine.Get(back), states, "back");
    }
}
