using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of GELU and gates and their gradients: the CPU's bits, and how often memory is moved.</summary>
[TestFixture]
public sealed class GateKernelTests
{
    private static readonly object[][] Sizes =
    [
        [1, 1],
        [3, 24],
        [70, 1],
        [37, 65],
        [600, 33],
        [41, 6],
        [130, 68],
    ];

    [TestCaseSource(nameof(Sizes))]
    public void A_gelu_and_its_gradient_give_the_bits_of_the_cpu(int rows, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        int count = rows * columns;
        float[] a = draw.Uniform(count, -6f, 6f);
        float[] b = draw.Uniform(count, -6f, 6f);
        float[] row = draw.Uniform(columns);
        float[] start = draw.Uniform(columns);
        Tensor sum = host.Put(b, rows, columns);
        Tensor bent = host.New(rows, columns);
        host.Backend.Pointwise(
            PointwiseOp.MultiplyAddGelu,
            new PointwiseArguments
            {
                A = host.Put(a, rows, columns),
                B = sum,
                Row = host.Put(row, columns),
                Out = bent,
            }
        );
        Tensor slope = host.New(rows, columns);
        Tensor total = host.Put(start, columns);
        host.Backend.Pointwise(
            PointwiseOp.MultiplyAddGeluGradient,
            new PointwiseArguments
            {
                A = host.Put(a, rows, columns),
                B = sum,
                C = bent,
                Sum = total,
                Out = slope,
            }
        );

        DeviceArray left = machine.Put(a);
        DeviceArray inner = machine.Put(b);
        DeviceArray result = machine.New(count);
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        object[] shape = [(long)rows, columns];
        machine.Launch(
            "gelu_of_sum",
            grid,
            [left, machine.Put(row), inner, result, .. shape, grid.Lanes]
        );
        Assert.That(
            Bytes(machine),
            Is.EqualTo(16L * count + PackBytes.Shared(grid, rows, columns))
        );
        Close.CheckBits(machine.Get(inner), host.Get(sum), "sum");
        Close.CheckBits(machine.Get(result), host.Get(bent), "gelu");

        grid = KernelGrid.WritingColumnSums(rows, columns, 1);
        DeviceArray sums = machine.Put(start);
        long before = Bytes(machine);
        machine.Launch(
            "gelu_gradient",
            grid,
            [
                left,
                inner,
                result,
                left,
                sums,
                .. shape,
                grid.Lanes,
                machine.New(2L * grid.Y * columns),
                machine.Zeros(grid.X),
            ]
        );
        Assert.That(Bytes(machine) - before, Is.EqualTo(16L * count + Joined(grid, columns, 1)));
        Close.CheckBits(machine.Get(left), host.Get(slope), "gradient");
        Close.Check(machine.Get(sums), Doubles(host.Get(total)), 1e-5, "sums");
    }

    [TestCaseSource(nameof(Sizes))]
    public void A_gelus_gradient_and_the_norm_that_it_reads_give_the_bits_of_the_cpu(
        int rows,
        int columns
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        int count = rows * columns;
        float[] a = draw.Uniform(count, -6f, 6f);
        float[] b = draw.Uniform(count, -6f, 6f);
        float[] x = draw.Uniform(count, -1f, 3f);
        float[] kept = draw.Uniform(2 * rows, 0.2f, 2f);
        float[] weight = draw.Uniform(columns);
        float[] bias = draw.Uniform(columns);
        float[] start = draw.Uniform(columns);
        using LayerNormOperation norm = host.Backend.PlanLayerNorm(
            new LayerNormDescriptor(columns, rows, 1, 1e-5f)
        );
        Tensor normed = host.New(rows, columns);
        Tensor slope = host.New(rows, columns);
        Tensor total = host.Put(start, columns);
        norm.ForwardAgain(
            host.Put(x, rows, columns),
            host.Put(weight, columns),
            host.Put(bias, columns),
            normed,
            host.Put(kept, rows, 2),
            new PointwiseArguments
            {
                A = host.Put(a, rows, columns),
                B = host.Put(b, rows, columns),
                Sum = total,
                Out = slope,
            }
        );

        KernelGrid grid = KernelGrid.WritingColumnSums(rows, columns, 1);
        // In the place of the gradient that is read, as layers have it.
        DeviceArray left = machine.Put(a);
        DeviceArray again = machine.New(count);
        DeviceArray sums = machine.Put(start);
        machine.Launch(
            "gelu_gradient_normed",
            grid,
            left,
            machine.Put(b),
            machine.Put(x),
            machine.Put(kept),
            machine.Put(weight),
            machine.Put(bias),
            again,
            left,
            sums,
            (long)rows,
            columns,
            grid.Lanes,
            machine.New(2L * grid.Y * columns),
            machine.Zeros(grid.X)
        );
        // Each value or pack its row's statistics, and each thread of its columns weight and bias.
        bool packs = columns % 4 == 0;
        Assert.That(
            Bytes(machine),
            Is.EqualTo(
                (20L + (packs ? 2 : 8)) * count
                    + 2 * PackBytes.Shared(grid, rows, columns, packs)
                    + Joined(grid, columns, 1)
            )
        );
        Close.CheckBits(machine.Get(again), host.Get(normed), "norm");
        Close.CheckBits(machine.Get(left), host.Get(slope), "gradient");
        Close.Check(machine.Get(sums), Doubles(host.Get(total)), 1e-5, "sums");
    }

    [TestCaseSource(nameof(Sizes))]
    public void Gates_and_their_gradient_give_the_bits_of_the_cpu(int rows, int columns)
    {
        foreach ((bool adds, bool biased) in new[] { (true, true), (false, true), (true, false) })
        {
            using var host = new HostTensors();
            using var machine = new KernelMachine();
            var draw = new Draw((ulong)(rows * 100 + columns));
            int count = rows * columns;
            float[] a = draw.Uniform(count);
            float[] b = draw.Uniform(2 * count, -5f, 5f);
            float[] c = draw.Uniform(count, -5f, 5f);
            float[] row = draw.Uniform(2 * columns);
            float[] start = draw.Uniform(2 * columns);
            Tensor expected = host.New(rows, columns);
            Tensor gates = host.Put(b, rows, 2 * columns);
            Tensor bias = biased ? host.Put(row, 2 * columns) : default;
            host.Backend.Pointwise(
                PointwiseOp.AddGlu,
                new PointwiseArguments
                {
                    A = adds ? host.Put(a, rows, columns) : default,
                    B = gates,
                    Row = bias,
                    Out = expected,
                }
            );
            Tensor bent = host.New(rows, columns);
            Tensor total = host.Put(start, 2 * columns);
            host.Backend.Pointwise(
                PointwiseOp.AddGluGradientAndGelu,
                new PointwiseArguments
                {
                    A = host.Put(a, rows, columns),
                    B = gates,
                    C = host.Put(c, rows, columns),
                    Row = bias,
                    Sum = total,
                    Out = bent,
                }
            );

            DeviceArray left = machine.Put(a);
            DeviceArray halves = machine.Put(b);
            DeviceArray shared = biased ? machine.Put(row) : DeviceArray.Null;
            DeviceArray result = machine.New(count);
            KernelGrid grid = KernelGrid.Packs(rows, columns);
            object[] shape = [(long)rows, columns];
            DeviceArray first = adds ? left : DeviceArray.Null;
            machine.Launch("glu", grid, [first, halves, shared, result, .. shape, grid.Lanes]);
            grid = KernelGrid.WritingColumnSums(rows, columns, 2);
            DeviceArray sums = machine.Put(start);
            long before = Bytes(machine);
            machine.Launch(
                "glu_gradient",
                grid,
                [
                    left,
                    halves,
                    shared,
                    machine.Put(c),
                    left,
                    sums,
                    .. shape,
                    grid.Lanes,
                    machine.New(4L * grid.Y * columns),
                    machine.Zeros(grid.X),
                ]
            );
            if (!biased)
                Assert.That(
                    Bytes(machine) - before,
                    Is.EqualTo(28L * count + Joined(grid, columns, 2))
                );

            Close.CheckBits(machine.Get(result), host.Get(expected), "gated");
            Close.CheckBits(machine.Get(halves), host.Get(gates), "gradient of the gates");
            Close.CheckBits(machine.Get(left), host.Get(bent), "gelu beside it");
            Close.Check(machine.Get(sums), Doubles(host.Get(total)), 1e-5, "sums");
        }
    }

    // A thread that reads two rows ahead goes from float to double after 128 rows: five rounds, the last of them no whole one.
    [Test]
    public void The_gradient_of_gates_is_summed_by_one_block_with_over_five_hundred_rows_a_thread()
    {
        const int Lines = 32;
        const int Rows = Lines * 550 + 5;
        const int Columns = 7;
        const int Count = Rows * Columns;
        using var machine = new KernelMachine();
        var draw = new Draw(1);
        float[] a = draw.Uniform(Count, 0f, 1f);
        float[] b = draw.Uniform(2 * Count, 0f, 5f);
        float[] c = draw.Uniform(Count, -5f, 5f);
        DeviceArray gates = machine.Put(b);
        DeviceArray sums = machine.Zeros(2 * Columns);
        DeviceArray bent = machine.New(Count);
        var grid = new KernelGrid(1, 1, KernelGrid.Block, KernelGrid.Block / Lines);
        machine.Launch(
            "glu_gradient",
            grid,
            machine.Put(a),
            gates,
            DeviceArray.Null,
            machine.Put(c),
            bent,
            sums,
            (long)Rows,
            Columns,
            grid.Lanes,
            DeviceArray.Null,
            DeviceArray.Null
        );

        using var host = new HostTensors();
        Tensor slopes = host.Put(b, Rows, 2 * Columns);
        Tensor gelu = host.New(Rows, Columns);
        host.Backend.Pointwise(
            PointwiseOp.AddGluGradientAndGelu,
            new PointwiseArguments
            {
                A = host.Put(a, Rows, Columns),
                B = slopes,
                C = host.Put(c, Rows, Columns),
                Sum = host.Put(new float[2 * Columns], 2 * Columns),
                Out = gelu,
            }
        );
        float[] each = host.Get(slopes);
        double[] expected = new double[2 * Columns];
        for (int i = 0; i < each.Length; i++)
            expected[i % (2 * Columns)] += each[i];
        Close.CheckBits(machine.Get(gates), each, "gradient of the gates");
        Close.CheckBits(machine.Get(bent), host.Get(gelu), "gelu beside it");
        Close.Check(machine.Get(sums), expected, 1e-6, "sums");
    }

    [TestCaseSource(nameof(Sizes))]
    public void A_gelu_of_its_own_and_its_slope_give_the_bits_of_the_cpu(int rows, int columns)
    {
        int count = rows * columns;
        var draw = new Draw((ulong)(rows * 100 + columns));
        // One value more, so that the addresses are no multiples of 16 as well.
        float[] a = draw.Uniform(count + 1, -6f, 6f);
        float[] gradient = draw.Uniform(count + 1);
        foreach (int skip in new[] { 0, 1 })
        {
            using var host = new HostTensors();
            using var machine = new KernelMachine();
            Tensor x = host.Put(a[skip..(skip + count)], rows, columns);
            Tensor bent = host.New(rows, columns);
            Tensor slope = host.Put(gradient[skip..(skip + count)], rows, columns);
            host.Backend.Pointwise(PointwiseOp.Gelu, new PointwiseArguments { A = x, Out = bent });
            host.Backend.Pointwise(
                PointwiseOp.GeluGradient,
                new PointwiseArguments
                {
                    A = slope,
                    B = x,
                    Out = slope,
                }
            );

            DeviceArray values = machine.Put(a).From(skip);
            DeviceArray result = machine.Zeros(count + 1).From(skip);
            DeviceArray slopes = machine.Put(gradient).From(skip);
            KernelGrid grid = KernelGrid.Flat(count);
            machine.Launch("gelu", grid, values, result, (long)count);
            Assert.That(Bytes(machine), Is.EqualTo(8L * count));
            machine.Launch("gelu_slope", grid, slopes, values, slopes, (long)count);
            Assert.That(Bytes(machine), Is.EqualTo(20L * count));

            Close.CheckBits(machine.Get(result).AsSpan(0, count), host.Get(bent), "gelu");
            Close.CheckBits(machine.Get(slopes).AsSpan(0, count), host.Get(slope), "gradient");
        }
    }

    [TestCaseSource(nameof(Sizes))]
    public void The_gradient_of_gates_alone_gives_the_bits_of_the_cpu(int rows, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] a = draw.Uniform(rows * columns);
        float[] b = draw.Uniform(2 * rows * columns, -5f, 5f);
        Tensor gates = host.Put(b, rows, 2 * columns);
        host.Backend.Pointwise(
            PointwiseOp.GluGradient,
            new PointwiseArguments
            {
                A = host.Put(a, rows, columns),
                B = gates,
                Out = gates,
            }
        );

        DeviceArray halves = machine.Put(b);
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        machine.Launch("glu_slope", grid, machine.Put(a), halves, (long)rows, columns, grid.Lanes);

        Assert.That(Bytes(machine), Is.EqualTo(20L * rows * columns));
        Close.CheckBits(machine.Get(halves), host.Get(gates), "gradient of the gates");
    }

    [TestCaseSource(nameof(Sizes))]
    public void A_gated_value_and_its_gradients_give_the_bits_of_the_cpu(int rows, int columns)
    {
        foreach ((bool adds, bool biased) in new[] { (true, true), (false, true), (true, false) })
        {
            using var host = new HostTensors();
            using var machine = new KernelMachine();
            var draw = new Draw((ulong)(rows * 100 + columns));
            int count = rows * columns;
            float[] a = draw.Uniform(count);
            float[] b = draw.Uniform(count, -5f, 5f);
            float[] c = draw.Uniform(count, -5f, 5f);
            float[] row = draw.Uniform(columns);
            float[] start = draw.Uniform(columns);
            Tensor expected = host.New(rows, columns);
            Tensor gates = host.Put(b, rows, columns);
            Tensor bias = biased ? host.Put(row, columns) : default;
            host.Backend.Pointwise(
                PointwiseOp.AddGated,
                new PointwiseArguments
                {
                    A = adds ? host.Put(a, rows, columns) : default,
                    B = gates,
                    C = host.Put(c, rows, columns),
                    Row = bias,
                    Out = expected,
                }
            );
            Tensor slope = host.New(rows, columns);
            Tensor total = host.Put(start, columns);
            host.Backend.Pointwise(
                PointwiseOp.AddGatedGradient,
                new PointwiseArguments
                {
                    A = host.Put(a, rows, columns),
                    B = gates,
                    C = host.Put(c, rows, columns),
                    Row = bias,
                    Sum = total,
                    Out = slope,
                }
            );

            DeviceArray left = machine.Put(a);
            DeviceArray gate = machine.Put(b);
            DeviceArray right = machine.Put(c);
            DeviceArray shared = biased ? machine.Put(row) : DeviceArray.Null;
            DeviceArray result = machine.New(count);
            KernelGrid grid = KernelGrid.Packs(rows, columns);
            object[] shape = [(long)rows, columns];
            DeviceArray first = adds ? left : DeviceArray.Null;
            machine.Launch(
                "gated",
                grid,
                [first, gate, shared, right, result, .. shape, grid.Lanes]
            );
            if (!biased)
                Assert.That(Bytes(machine), Is.EqualTo(16L * count));
            grid = KernelGrid.WritingColumnSums(rows, columns, 1);
            DeviceArray sums = machine.Put(start);
            long before = Bytes(machine);
            machine.Launch(
                "gated_gradient",
                grid,
                [
                    left,
                    gate,
                    shared,
                    right,
                    left,
                    sums,
                    .. shape,
                    grid.Lanes,
                    machine.New(2L * grid.Y * columns),
                    machine.Zeros(grid.X),
                ]
            );
            if (!biased)
                Assert.That(
                    Bytes(machine) - before,
                    Is.EqualTo(20L * count + Joined(grid, columns, 1))
                );

            Close.CheckBits(machine.Get(result), host.Get(expected), "gated");
            Close.CheckBits(machine.Get(gate), host.Get(gates), "gradient of the gate");
            Close.CheckBits(machine.Get(left), host.Get(slope), "gradient of what is gated");
            Close.Check(machine.Get(sums), Doubles(host.Get(total)), 1e-5, "sums");
        }
    }

    [Test]
    public void A_nan_stays_one()
    {
        using var machine = new KernelMachine();
        DeviceArray result = machine.New(2);
        KernelGrid grid = KernelGrid.Packs(1, 2);
        machine.Launch(
            "gelu_of_sum",
            grid,
            machine.Zeros(2),
            machine.Zeros(2),
            machine.Put(float.NaN, 1f),
            result,
            1L,
            2,
            grid.Lanes
        );

        Assert.That(machine.Get(result)[0], Is.NaN);
        Assert.That(machine.Get(result)[1], Is.Not.NaN);
    }

    // What sums move beside their values: partial ones, and the sums themselves.
    private static long Joined(KernelGrid grid, int columns, int sums) =>
        sums * columns * (8L + (grid.Y == 1 ? 0 : 16L * grid.Y));

    private static long Bytes(KernelMachine machine) =>
        machine.Counts.BytesRead + machine.Counts.BytesWritten;

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
