using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cpu;

/// <summary>
/// Matrix products over shapes that cross every edge of the tiles. Of small whole numbers every sum is exact, whatever its
/// order, so nothing is left to a tolerance.
/// </summary>
public sealed class MatMulTests
{
    private static readonly int[] Sizes =
    [
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        15,
        16,
        17,
        24,
        25,
        31,
        32,
        33,
        63,
        65,
        130,
    ];

    // Larger ones, which are split between threads: by rows, by the sum, by rows of a long sum.
    private static readonly (int M, int N, int K)[] Split =
    [
        (300, 130, 65),
        (1001, 33, 130),
        (17, 25, 3000),
        (130, 130, 3000),
        (7, 200, 3001),
        (600, 500, 301),
        (513, 515, 5),
        // Few rows, whose columns are split.
        (20, 700, 65),
        (1, 2100, 250),
        // A transposed A is gathered.
        (1030, 70, 300),
        // B is laid out a block at a time: columns or rows are split, of one block of depth or many.
        (1, 10_001, 53),
        (20, 3300, 160),
        (3, 1040, 520),
        (45, 40, 13_200),
        (9, 41, 13_200),
    ];

    // NN and NT, plain, with a bias and on top of C; TN plain and on top of C.
    private static readonly (
        bool TransposeA,
        bool TransposeB,
        bool Bias,
        bool Accumulate
    )[] Forms =
    [
        (false, false, false, false),
        (false, false, true, false),
        (false, false, false, true),
        (false, true, false, false),
        (false, true, true, false),
        (false, true, false, true),
        (true, false, false, false),
        (true, false, false, true),
    ];

    // Untouched memory on both sides of each matrix, more than any vector. Around the operands it is NaN, so that a value
    // from there shows in C.
    private const int Guard = 64;
    private const float Untouched = 12345.678f;

    [TestCase(512)]
    [TestCase(256)]
    [TestCase(128)]
    public void Products_of_all_shapes_around_the_tiles_are_right_and_stay_inside_C(int bits)
    {
        using var operands = new Operands(Backends.Get(bits, 1), 130, 130, 130, whole: true);
        foreach (int m in Sizes)
        {
            foreach (int n in Sizes)
            {
                foreach (int k in Sizes)
                {
                    double[] exact = operands.Exact(m, n, k);
                    foreach (var form in Forms)
                        operands.Check(m, n, k, form, exact);
                }
            }
        }
    }

    [TestCaseSource(typeof(Backends), nameof(Backends.Each))]
    public void Products_split_between_threads_are_right_and_stay_inside_C(int bits, int threads)
    {
        foreach ((int m, int n, int k) in Split)
        {
            using var operands = new Operands(Backends.Get(bits, threads), m, n, k, true);
            double[] exact = operands.Exact(m, n, k);
            foreach (var form in Forms)
                operands.Check(m, n, k, form, exact);
        }
    }

    // A row alone goes through a loop of its own, several panels side by side.
    [TestCase(512)]
    [TestCase(256)]
    [TestCase(128)]
    public void A_row_alone_has_the_bits_of_that_row_among_others(int bits)
    {
        CpuBackend backend = Backends.Get(bits, 1);
        const int MostN = 330;
        const int MostK = 70;
        using Storage storage = backend.Allocate(
            3 * MostK + MostK * MostN + 5L * MostN,
            MemoryCategory.Workspace
        );
        var draw = new Draw(7);
        foreach (int k in (int[])[1, 2, MostK])
        {
            for (int n = 1; n <= MostN; n++)
            {
                Tensor a = At(0, 3, k);
                Tensor b = At(3 * MostK, k, n);
                Tensor bias = At(3 * MostK + MostK * MostN, 1, n);
                Tensor c = At(bias.Offset + MostN, 3, n);
                Tensor alone = At(c.Offset + 3 * MostN, 1, n);
                foreach (Tensor tensor in (Tensor[])[a, b, bias])
                    tensor.Write(draw.Uniform((int)tensor.Count));
                backend.MatMul(
                    new MatrixProduct
                    {
                        A = a,
                        B = b,
                        C = c,
                        Bias = bias,
                    }
                );
                backend.MatMul(
                    new MatrixProduct
                    {
                        A = a.RowRange(1, 1),
                        B = b,
                        C = alone,
                        Bias = bias,
                    }
                );
                Close.CheckBits(alone.ToArray(), c.RowRange(1, 1).ToArray(), $"{n} columns");
            }
        }

        Tensor At(long offset, int rows, int columns) =>
            new(storage, offset, new Shape(rows, columns));
    }

    [TestCaseSource(typeof(Backends), nameof(Backends.Each))]
    public void A_product_has_the_same_bits_at_every_run(int bits, int threads)
    {
        foreach ((int m, int n, int k) in Split)
        {
            using var operands = new Operands(Backends.Get(bits, threads), m, n, k, false);
            foreach (var form in new[] { Forms[4], Forms[7] })
            {
                float[] first = operands.Run(m, n, k, form);
                for (int run = 0; run < 2; run++)
                    Close.CheckBits(
                        operands.Run(m, n, k, form),
                        first,
                        $"C of {m} x {n} x {k} {form}"
                    );
            }
        }
    }

    // Neither blocks of B nor threads, nor whether rows or columns are split, change the order of a sum.
    [TestCaseSource(typeof(Backends), nameof(Backends.Each))]
    public void A_product_by_a_large_matrix_has_the_bits_of_products_by_its_parts(
        int bits,
        int threads
    )
    {
        foreach (
            (int m, int n, int k) in ((int, int, int)[])
                [(20, 3300, 160), (45, 1040, 520), (45, 40, 13_200)]
        )
        {
            foreach (var form in Forms[3..6])
            {
                using var operands = new Operands(Backends.Get(bits, threads), m, n, k, false);
                float[] all = operands.Run(m, n, k, form);
                using var one = new Operands(Backends.Get(bits, 1), m, n, k, false);
                Close.CheckBits(one.Run(m, n, k, form), all, $"{m} x {n} x {k} {form}, one thread");
                const int Few = 33;
                float[] part = one.Run(m, Few, k, form with { Accumulate = false, Bias = false });
                if (form.Accumulate || form.Bias)
                    continue;
                for (int row = 0; row < m; row++)
                    Close.CheckBits(
                        all.AsSpan(row * n, Few),
                        part.AsSpan(row * Few, Few),
                        $"row {row} of {m} x {n} x {k} {form}"
                    );
            }
        }
    }

    [Test]
    public void Nothing_of_the_size_of_a_large_matrix_is_laid_out()
    {
        using var backend = (CpuBackend)
            Backend.Create(Device.Cpu, new CpuOptions { Threads = 2, VectorBits = 256 });
        using var operands = new Operands(backend, 20, 10_001, 60, false);
        long before = backend.Memory.CurrentBytes;

        operands.Run(20, 10_001, 60, Forms[4]);

        // A block of a quarter of a MiB for each thread: of 60 steps of depth, and as many panels of 16 columns as there is room for.
        long block = 65_536 / 60 / 16 * 16 * 60;
        Assert.That(backend.Memory.CurrentBytes - before, Is.EqualTo(2 * block * sizeof(float)));
    }

    [TestCaseSource(typeof(Backends), nameof(Backends.Each))]
    public void A_row_does_not_depend_on_the_rows_beside_it(int bits, int threads)
    {
        (int m, int n, int k) = (1001, 33, 130);
        using var operands = new Operands(Backends.Get(bits, threads), m, n, k, false);
        float[] all = operands.Run(m, n, k, Forms[4]);
        foreach (int rows in new[] { 1, 2, 3, 5, 8, 13 })
        {
            float[] few = operands.Run(rows, n, k, Forms[4]);

            Close.CheckBits(few, all.AsSpan(0, rows * n), $"{rows} rows");
        }
    }

    private sealed class Operands : IDisposable
    {
        private readonly Backend _backend;
        private readonly Storage _a;
        private readonly Storage _b;
        private readonly Storage _c;
        private readonly Storage _bias;
        private readonly float[] _rows;
        private readonly float[] _columns;
        private readonly float[] _biases;
        private readonly float[] _start;
        private readonly int _depth;

        public Operands(CpuBackend backend, int m, int n, int k, bool whole)
        {
            _backend = backend;
            var draw = new Draw(11);
            // Kept in the order that lets any smaller shape take its first rows: [m][k] and [n][k].
            _rows = Values((long)m * k);
            _columns = Values((long)n * k);
            _biases = Values(n);
            _start = Values((long)m * n);
            _a = Allocate((long)m * k);
            _b = Allocate((long)n * k);
            _c = Allocate((long)m * n);
            _bias = Allocate(n);
            _depth = k;

            float[] Values(long count) =>
                whole
                    ? Array.ConvertAll(draw.Uniform(count, -8, 8), MathF.Round)
                    : draw.Uniform(count);
        }

        private Storage Allocate(long count) =>
            _backend.Allocate(count + 2 * Guard, MemoryCategory.InputOutput);

        public double[] Exact(int m, int n, int k)
        {
            double[] c = new double[m * n];
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    ReadOnlySpan<float> a = _rows.AsSpan(i * _depth, k);
                    ReadOnlySpan<float> b = _columns.AsSpan(j * _depth, k);
                    double sum = 0;
                    for (int p = 0; p < k; p++)
                        sum += (double)a[p] * b[p];
                    c[i * n + j] = sum;
                }
            }
            return c;
        }

        public void Check(
            int m,
            int n,
            int k,
            (bool TransposeA, bool TransposeB, bool Bias, bool Accumulate) form,
            double[] exact
        )
        {
            float[] c = Run(m, n, k, form);
            for (int i = 0; i < c.Length; i++)
            {
                double expected = exact[i];
                if (form.Bias)
                    expected += _biases[i % n];
                if (form.Accumulate)
                    expected += _start[i];
                if (c[i] != expected)
                    Assert.Fail(
                        $"C[{i / n}, {i % n}] of {m} x {n} x {k} {form} is {c[i]:g9}, not {expected:g9}"
                    );
            }
        }

        public float[] Run(
            int m,
            int n,
            int k,
            (bool TransposeA, bool TransposeB, bool Bias, bool Accumulate) form
        )
        {
            Tensor a = form.TransposeA
                ? Place(_a, new Shape(k, m), (p, i) => _rows[i * _depth + p])
                : Place(_a, new Shape(m, k), (i, p) => _rows[i * _depth + p]);
            Tensor b = form.TransposeB
                ? Place(_b, new Shape(n, k), (j, p) => _columns[j * _depth + p])
                : Place(_b, new Shape(k, n), (p, j) => _columns[j * _depth + p]);
            Tensor c = Place(_c, new Shape(m, n), (i, j) => _start[i * n + j], Untouched);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = a,
                    B = b,
                    C = c,
                    TransposeA = form.TransposeA,
                    TransposeB = form.TransposeB,
                    Bias = form.Bias
                        ? Place(_bias, new Shape(1, n), (_, j) => _biases[j])
                        : default,
                    Accumulate = form.Accumulate,
                }
            );
            float[] around = new Tensor(_c, 0, new Shape(2 * Guard + m * n)).ToArray();
            foreach (float value in around.AsSpan(0, Guard))
                RequireUntouched(value);
            foreach (float value in around.AsSpan(Guard + m * n))
                RequireUntouched(value);
            return around[Guard..(Guard + m * n)];

            void RequireUntouched(float value)
            {
                if (value != Untouched)
                    Assert.Fail($"{m} x {n} x {k} {form} wrote {value} outside C");
            }
        }

        // In the middle of its block, with the guards right before and after.
        private static Tensor Place(
            Storage storage,
            Shape shape,
            Func<int, int, float> value,
            float guard = float.NaN
        )
        {
            int count = (int)shape.Count;
            float[] values = new float[count + 2 * Guard];
            values.AsSpan().Fill(guard);
            for (int i = 0; i < shape.First; i++)
            {
                for (int j = 0; j < shape.Columns; j++)
                    values[Guard + i * shape.Columns + j] = value(i, j);
            }
            new Tensor(storage, 0, new Shape(values.Length)).Write(values);
            return new Tensor(storage, Guard, shape);
        }

        public void Dispose()
        {
            _a.Dispose();
            _b.Dispose();
            _c.Dispose();
            _bias.Dispose();
        }
    }
}
