using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the linear dense recurrence against plain loops in double precision, and how often memory is moved.</summary>
[TestFixture]
public sealed class LinearRecurrenceKernelTests
{
    // H, T, B: of all three kernels, with blocks that are full or not, and more of them than one.
    private static readonly (int Size, int Steps, int Batch)[] Shapes =
    [
        (1, 1, 1),
        (1, 7, 9),
        (3, 5, 2),
        (32, 4, 17),
        (33, 6, 5),
        (64, 3, 4),
        (65, 4, 3),
        (128, 3, 2),
        (129, 3, 2),
        (256, 2, 3),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from shape in Shapes
        from packed in new[] { false, true }
        from reverse in new[] { false, true }
        select new TestCaseData(shape.Size, shape.Steps, shape.Batch, packed, reverse);

    [TestCaseSource(nameof(Cases))]
    public void A_recurrence_is_that_of_plain_loops(
        int size,
        int steps,
        int batch,
        bool packed,
        bool reverse
    )
    {
        // The columns of another direction lie beside its own.
        int stride = size + 3;
        int[] lengths =
        [
            .. Enumerable.Range(0, batch).Select(b => packed ? Math.Max(1, steps - b / 2) : steps),
        ];
        var layout = new PackedLayout(lengths);
        var draw = new Draw((ulong)(size * 100 + steps));
        float[] u = draw.Uniform((long)layout.Rows * stride);
        float[] m = draw.Uniform((long)size * size, -1f / size, 1f / size);
        float[] bias = draw.Uniform(size);
        float[] initial = draw.Uniform((long)batch * size);
        foreach (bool begun in new[] { true, false })
        foreach (ulong seed in new ulong[] { 1, 2 })
        {
            using var machine = new KernelMachine(seed);
            DeviceArray y = machine.Put(u);
            KernelGrid grid = KernelGrid.Recurrence(batch, size);
            machine.Launch(
                Name(size),
                grid,
                y,
                machine.Put(m),
                begun ? machine.Put(bias) : DeviceArray.Null,
                begun ? machine.Put(initial) : DeviceArray.Null,
                packed ? machine.Put(layout.First) : DeviceArray.Null,
                packed ? machine.Put(layout.Lengths) : DeviceArray.Null,
                steps,
                batch,
                size,
                stride,
                reverse ? 1 : 0,
                grid.Lanes
            );

            double[] expected = Expected(begun);
            Close.Check(machine.Get(y), expected, 1e-5, "states");
            if (!packed && !begun && size <= 128)
                Assert.That(
                    machine.Counts.BytesRead + machine.Counts.BytesWritten,
                    Is.EqualTo(8L * layout.Rows * size + Matrices(grid, size))
                );
        }

        // A line of a block reads the matrix for itself.
        static long Matrices(in KernelGrid grid, int size) =>
            (long)grid.X * (256 / grid.Lanes) * size * size * sizeof(float);

        double[] Expected(bool begun)
        {
            double[] y = Array.ConvertAll(u, v => (double)v);
            for (int b = 0; b < batch; b++)
            {
                double[] state = new double[size];
                for (int j = 0; begun && j < size; j++)
                    state[j] = initial[b * size + j];
                for (int n = 0; n < lengths[b]; n++)
                {
                    int t = reverse ? lengths[b] - 1 - n : n;
                    int row = (layout.First[t] + b) * stride;
                    double[] next = new double[size];
                    for (int j = 0; j < size; j++)
                    {
                        next[j] = y[row + j] + (begun ? bias[j] : 0);
                        for (int k = 0; k < size; k++)
                            next[j] += state[k] * m[k * size + j];
                    }
                    next.CopyTo(y, row);
                    state = next;
                }
            }
            return y;
        }
    }

    private static string Name(int size) =>
        size <= 64 ? "linear_recurrence_64"
        : size <= 128 ? "linear_recurrence_128"
        : "linear_recurrence_any";

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(65)]
    public void A_transpose_has_rows_for_columns(int size)
    {
        using var machine = new KernelMachine();
        float[] w = new Draw(1).Uniform((long)size * size);
        DeviceArray to = machine.New((long)size * size);
        machine.Launch(
            "linear_transpose",
            KernelGrid.Flat((long)size * size),
            machine.Put(w),
            to,
            size
        );

        float[] found = machine.Get(to);
        for (int i = 0; i < found.Length; i++)
            Assert.That(found[i], Is.EqualTo(w[i % size * size + i / size]));
        Assert.That(
            machine.Counts.BytesRead + machine.Counts.BytesWritten,
            Is.EqualTo(8L * size * size)
        );
    }

    [Test]
    public void The_ends_of_sequences_are_read_and_added_to(
        [Values] bool packed,
        [Values] bool last,
        [Values(1, 5, 70)] int size
    )
    {
        const int Batch = 4;
        const int Steps = 5;
        int stride = size + 2;
        int[] lengths = packed ? [5, 3, 3, 1] : [5, 5, 5, 5];
        var layout = new PackedLayout(lengths);
        float[] values = new Draw(1).Uniform((long)layout.Rows * stride);
        float[] states = new Draw(2).Uniform((long)Batch * size);
        using var machine = new KernelMachine();
        DeviceArray y = machine.Put(values);
        DeviceArray read = machine.New((long)Batch * size);
        KernelGrid grid = KernelGrid.Rows(Batch, size);
        Launch(read, adds: 0);
        Launch(machine.Put(states), adds: 1);

        float[] expected = [.. values];
        float[] found = machine.Get(read);
        for (int b = 0; b < Batch; b++)
        for (int j = 0; j < size; j++)
        {
            int i = (layout.First[last ? lengths[b] - 1 : 0] + b) * stride + j;
            Assert.That(found[b * size + j], Is.EqualTo(values[i]));
            expected[i] += states[b * size + j];
        }
        Close.CheckBits(machine.Get(y), expected, "sums");

        void Launch(DeviceArray of, int adds) =>
            machine.Launch(
                "linear_ends",
                grid,
                y,
                of,
                packed ? machine.Put(layout.First) : DeviceArray.Null,
                packed ? machine.Put(layout.Lengths) : DeviceArray.Null,
                Steps,
                Batch,
                size,
                stride,
                last ? 1 : 0,
                adds,
                grid.Lanes
            );
    }

    [TestCase(1, 1)]
    [TestCase(9, 3)]
    [TestCase(600, 65)]
    public void A_bias_is_added_to_the_columns_of_a_direction_alone(int rows, int columns)
    {
        int stride = columns + 2;
        float[] values = new Draw(1).Uniform((long)rows * stride);
        float[] row = new Draw(2).Uniform(columns);
        using var machine = new KernelMachine();
        DeviceArray y = machine.Put(values);
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        machine.Launch(
            "linear_bias",
            grid,
            machine.Put(row),
            y,
            (long)rows,
            columns,
            stride,
            grid.Lanes
        );

        float[] expected = [.. values];
        for (int r = 0; r < rows; r++)
        for (int j = 0; j < columns; j++)
            expected[r * stride + j] += row[j];
        Close.CheckBits(machine.Get(y), expected, "sums");
    }

    // A warp reads one state.
    [TestCase(1, 1, 1, 32)]
    [TestCase(9, 32, 2, 32)]
    [TestCase(8, 33, 2, 64)]
    [TestCase(5, 128, 3, 128)]
    [TestCase(5, 129, 5, 256)]
    [TestCase(5, 256, 5, 256)]
    public void A_thread_has_a_value_of_a_state(int batch, int size, int blocks, int lanes)
    {
        KernelGrid grid = KernelGrid.Recurrence(batch, size);
        Assert.That(
            (grid.X, grid.Y, grid.Threads, grid.Lanes),
            Is.EqualTo((blocks, 1, 256, lanes))
        );
    }
}
