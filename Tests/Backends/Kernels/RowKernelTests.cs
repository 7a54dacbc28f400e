using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The CUDA kernels on rows and columns of matrices (a row shared by all, copied and summed columns) against the CPU.
/// </summary>
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
        [41, 6],
        [90, 68],
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
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        DeviceArray shared = machine.Put(row);

        Tensor sum = host.Put(start, rows, columns);
        host.Backend.Pointwise(
            PointwiseOp.MultiplyAdd,
            new PointwiseArguments
            {
                A = host.Put(a, rows, columns),
                Row = host.Put(row, columns),
                Out = sum,
            }
        );
        DeviceArray left = machine.Put(a);
        DeviceArray added = machine.Put(start);
        machine.Launch("add_times_row", grid, left, shared, added, (long)rows, columns, grid.Lanes);
        DeviceArray biased = machine.Put(a);
        machine.Launch("add_row", grid, shared, biased, (long)rows, columns, grid.Lanes);

        Close.CheckBits(machine.Get(added), host.Get(sum), "a row's product added");
        float[] expected = [.. a.Select((v, i) => v + row[i % columns])];
        Close.CheckBits(machine.Get(biased), expected, "a row added");
    }

    [TestCaseSource(nameof(Sizes))]
    public void Columns_of_a_matrix_go_to_columns_of_another(int rows, int columns)
    {
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        (int wide, int wider) = (columns + 3, columns + 5);
        float[] from = draw.Uniform(rows * wide);
        float[] to = draw.Uniform(rows * wider);
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        DeviceArray source = machine.Put(from);
        DeviceArray written = machine.Put(to);
        machine.Launch(
            "copy_columns",
            grid,
            source,
            wide,
            written,
            wider,
            (long)rows,
            columns,
            grid.Lanes
        );

        float[] expected =
        [
            .. to.Select((v, i) => i % wider < columns ? from[i / wider * wide + i % wider] : v),
        ];
        Close.CheckBits(machine.Get(written), expected, "columns");
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

    // A thread goes from float to double after 256 rows: of one block these are five rounds, the last of them no whole one.
    [Test]
    public void Columns_are_summed_by_one_block_with_over_a_thousand_rows_a_thread()
    {
        const int Lines = 4;
        const int Rows = Lines * 1100 + 3;
        const int Columns = 40;
        var draw = new Draw(1);
        float[] a = draw.Uniform(Rows * Columns, 0f, 1f);
        double[] expected = new double[Columns];
        for (int i = 0; i < a.Length; i++)
            expected[i % Columns] += a[i];
        using var machine = new KernelMachine();
        DeviceArray sum = machine.Zeros(Columns);
        var grid = new KernelGrid(1, 1, KernelGrid.Block, KernelGrid.Block / Lines);
        machine.Launch(
            "column_sum",
            grid,
            machine.Put(a),
            DeviceArray.Null,
            sum,
            (long)Rows,
            Columns,
            grid.Lanes,
            DeviceArray.Null,
            DeviceArray.Null
        );

        Close.Check(machine.Get(sum), expected, 1e-6, "sums");
    }
}
