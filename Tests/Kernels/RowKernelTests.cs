using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

[TestFixture]
public sealed class RowKernelTests
{
    private static readonly object[][] Sizes =
    [
        [1, 1],
        [3, 24],
        [70, 1],
        [37, 65],
        [130, 33],
    ];

    [TestCaseSource(nameof(Sizes))]
    public void Rows_that_are_shared_give_the_bits_of_the_cpu(int rows, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] a = draw.Uniform(rows * columns);
        float[] start = draw.Uniform(rows * columns);
        float[] row = draw.Uniform(columns);
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        DeviceArray shared = machine.Put(row);

        Tensor sum = host.Put(start, rows, columns);
        Tensor product = host.New(rows, columns);
        Tensor factor = host.Put(row, columns);
        Pointwise(host, PointwiseOp.AddTimesRow, host.Put(a, rows, columns), factor, sum);
        Pointwise(host, PointwiseOp.TimesRow, host.Put(a, rows, columns), factor, product);
        DeviceArray left = machine.Put(a);
        DeviceArray added = machine.Put(start);
        machine.Launch("add_times_row", grid, left, shared, added, (long)rows, columns, grid.Lanes);
        machine.Launch("times_row", grid, left, shared, left, (long)rows, columns, grid.Lanes);

        Close.CheckBits(machine.Get(added), host.Get(sum), "a row's product added");
        Close.CheckBits(machine.Get(left), host.Get(product), "a row's product");

        DeviceArray biased = machine.Put(a);
        DeviceArray bent = machine.Put(a);
        machine.Launch("add_row", grid, shared, biased, (long)rows, columns, grid.Lanes);
        machine.Launch("add_row_relu", grid, shared, bent, (long)rows, columns, grid.Lanes);
        float[] expected = [.. a.Select((v, i) => v + row[i % columns])];
        Close.CheckBits(machine.Get(biased), expected, "a row added");
        Close.CheckBits(
            machine.Get(bent),
            [.. expected.Select(v => v > 0 ? v : 0f)],
            "a row added, relu"
        );

        DeviceArray alone = machine.Put(a);
        machine.Launch(
            "add_row_relu",
            grid,
            DeviceArray.Null,
            alone,
            (long)rows,
            columns,
            grid.Lanes
        );
        Close.CheckBits(machine.Get(alone), [.. a.Select(v => v > 0 ? v : 0f)], "relu");
    }

    [TestCase(1, 3)]
    [TestCase(5, 70)]
    public void A_packed_row_gives_the_bits_of_the_cpu(int columns, int longest)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var packed = new PackedLayout(2, longest, 1, longest);
        var draw = new Draw(9);
        float[] a = draw.Uniform(packed.Rows * columns);
        float[] row = draw.Uniform(4 * columns);
        Tensor product = host.New(packed.Rows, 1, columns);
        Pointwise(
            host,
            PointwiseOp.TimesRow,
            host.Put(a, packed.Rows, 1, columns),
            host.Put(row, 4 * columns),
            product,
            packed.Layout
        );

        DeviceArray result = machine.New(a.Length);
        KernelGrid grid = KernelGrid.Rows(longest, 4 * columns);
        machine.Launch(
            "times_row_packed",
            grid,
            machine.Put(a),
            machine.Put(row),
            result,
            machine.Put(packed.First),
            longest,
            columns,
            4 * columns,
            grid.Lanes
        );

        Close.CheckBits(machine.Get(result), host.Get(product), "product");
    }

    [TestCaseSource(nameof(Sizes))]
    public void Gates_give_the_bits_of_the_cpu(int rows, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] a = draw.Uniform(rows * columns);
        float[] b = draw.Uniform(2 * rows * columns, -5f, 5f);
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        foreach (bool start in new[] { true, false })
        {
            Tensor expected = host.New(rows, columns);
            host.Backend.Pointwise(
                PointwiseOp.Glu,
                new PointwiseArguments
                {
                    A = start ? host.Put(a, rows, columns) : default,
                    B = host.Put(b, rows, 2 * columns),
                    Out = expected,
                }
            );
            DeviceArray result = machine.New(a.Length);
            DeviceArray left = start ? machine.Put(a) : DeviceArray.Null;
            machine.Launch(
                "glu",
                grid,
                left,
                machine.Put(b),
                result,
                (long)rows,
                columns,
                grid.Lanes
            );
            Close.CheckBits(machine.Get(result), host.Get(expected), "gated");
        }

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
        DeviceArray slopes = machine.Put(b);
        machine.Launch(
            "glu_gradient",
            grid,
            machine.Put(a),
            slopes,
            (long)rows,
            columns,
            grid.Lanes
        );
        Close.CheckBits(machine.Get(slopes), host.Get(gates), "gradient of the gates");
    }

    [TestCaseSource(nameof(Sizes))]
    [TestCase(20000, 3)]
    public void Columns_are_summed_as_on_the_cpu(int rows, int columns)
    {
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] a = draw.Uniform(rows * columns);
        float[] b = draw.Uniform(rows * columns);
        float[] start = draw.Uniform(columns);
        foreach (bool two in new[] { false, true })
        {
            double[] expected = [.. start.Select(v => (double)v)];
            for (int i = 0; i < a.Length; i++)
                expected[i % columns] += two ? (double)a[i] * b[i] : a[i];
            float[]? first = null;
            for (ulong seed = 1; seed <= 2; seed++)
            {
                using var machine = new KernelMachine(seed);
                DeviceArray sum = machine.Put(start);
                DeviceArray right = two ? machine.Put(b) : DeviceArray.Null;
                ColumnSums.Add(machine, machine.Put(a), right, sum, rows, columns);
                float[] actual = machine.Get(sum);
                Close.Check(actual, expected, 1e-6, "sums");
                first ??= actual;
                Close.CheckBits(actual, first, "sums in another order of blocks");
            }
        }
    }

    private static void Pointwise(
        HostTensors host,
        PointwiseOp op,
        Tensor a,
        Tensor row,
        Tensor result,
        SequenceLayout? layout = null
    ) =>
        host.Backend.Pointwise(
            op,
            new PointwiseArguments
            {
                A = a,
                Row = row,
                Out = result,
                Layout = layout,
            }
        );
}
