using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Kernels that take four values at a time where addresses are multiples of 16: value by value they give the same, whatever the width, and
/// four at a time they ask for as few bytes and as rarely as can be.
/// </summary>
[TestFixture]
public sealed class PackKernelTests
{
    // What a kernel is given, a letter each. m: a matrix that is read, w: one that may be written, 2: one of twice the columns, t: two
    // values a row, r, R: a shared row and one of twice the columns, s, S: sums, likewise; b, B: bits that are read and written;
    // N, i: rows, c: columns, l: lanes, p, k: partial sums and counters, f: a factor, n: null, u, 0, 1: numbers. Then bytes a value.
    private static readonly (string Kernel, string Arguments, double Bytes)[] s_kernels =
    [
        ("add_row", "rwNcl", 8),
        ("add_times_row", "mrwNcl", 12),
        ("batch_norm_gradient", "mRrmRwNclf1", 16),
        ("batch_norm_normalise", "mRrrwNcl", 8),
        ("batch_norm_sum", "mRmSNcl0pk", 8),
        ("column_sum", "mmsNclpk", 8),
        ("convolution_output", "wrnuufni1cl", 8),
        ("convolution_output_gradient", "mmwfsNclpk", 12),
        ("convolution_output_skip", "wrmrBnuufni1cl", 12.125),
        ("convolution_output_skip_gradient", "wmbwfssNclpk", 16.125),
        ("gated", "mmrmwNcl", 16),
        ("gated_gradient", "mwrmwsNclpk", 20),
        ("gelu_gradient", "mmmwsNclpk", 16),
        ("gelu_gradient_normed", "mmmtrrwwsNclpk", 20),
        ("gelu_of_sum", "mrwwNcl", 16),
        ("glu", "m2RwNcl", 16),
        ("glu_gradient", "m2RmwSNclpk", 28),
        ("glu_slope", "m2Ncl", 20),
    ];

    private static IEnumerable<string> Kernels => s_kernels.Select(k => k.Kernel);

    // Rows, columns: rows that are no whole number of packs, and fewer of them than that; one block of columns and several.
    private static readonly (int Rows, int Columns)[] s_sizes =
    [
        (1, 1),
        (3, 2),
        (7, 3),
        (70, 1),
        (41, 6),
        (50, 24),
        (301, 33),
        (37, 65),
        (90, 68),
        (9, 130),
    ];

    // How far the matrices and the shared rows lie behind a multiple of 16 bytes, in floats.
    private static readonly (int Matrix, int Row)[] s_places = [(1, 1), (0, 3), (2, 0)];

    [TestCaseSource(nameof(Kernels))]
    public void Addresses_make_no_difference(string kernel)
    {
        foreach ((int rows, int columns) in s_sizes)
        foreach (bool nan in new[] { false, true })
        {
            Results packed = Run(kernel, rows, columns, (0, 0), nan);
            foreach ((int, int) place in s_places)
            {
                Results values = Run(kernel, rows, columns, place, nan);
                string what = $"{rows} x {columns} at {place}";
                foreach ((float[] expected, float[] actual) in packed.Matrices.Zip(values.Matrices))
                    Close.CheckBits(actual, expected, what);
                foreach ((float[] expected, float[] actual) in packed.Sums.Zip(values.Sums))
                {
                    // A column with a NaN has one as its sum, and no other column has.
                    Assert.That(
                        actual.Select(float.IsNaN),
                        Is.EqualTo(expected.Select(float.IsNaN)),
                        what
                    );
                    Close.Check(
                        [.. actual.Where(v => !float.IsNaN(v))],
                        [.. expected.Where(v => !float.IsNaN(v)).Select(v => (double)v)],
                        1e-6,
                        what
                    );
                }
            }
        }
    }

    // Of a width that is a multiple of 32, in which bits fill their words; the shared rows and partial sums are the rest.
    [TestCaseSource(nameof(Kernels))]
    public void Four_values_at_a_time_ask_for_few_bytes_and_rarely(string kernel)
    {
        const int Rows = 2048;
        const int Columns = 64;
        double bytes = s_kernels.Single(k => k.Kernel == kernel).Bytes;
        Results packed = Run(kernel, Rows, Columns, (0, 0), false, count: true);
        Results values = Run(kernel, Rows, Columns, (1, 1), false, count: true);

        Assert.That(packed.Bytes, Is.AtMost(1.1 * bytes * Rows * Columns));
        Assert.That(packed.Bytes, Is.AtLeast(bytes * Rows * Columns));
        Assert.That(packed.Requests, Is.AtMost(0.55 * values.Requests));
        // Of so few rows a thread has one pack or two, so that what it begins and ends with weighs.
        Assert.That(packed.Instructions, Is.AtMost(1.3 * values.Instructions));
    }

    private sealed record Results(List<float[]> Matrices, List<float[]> Sums)
    {
        public long Bytes { get; init; }
        public long Requests { get; init; }
        public long Instructions { get; init; }
    }

    private static Results Run(
        string kernel,
        int rows,
        int columns,
        (int Matrix, int Row) place,
        bool nan,
        bool count = false
    )
    {
        string letters = s_kernels.Single(k => k.Kernel == kernel).Arguments;
        int sums = letters.Count(c => c == 's') + 2 * letters.Count(c => c == 'S');
        KernelGrid grid =
            kernel is "column_sum" or "batch_norm_sum" ? KernelGrid.ColumnSums(rows, columns)
            : sums > 0 ? KernelGrid.WritingColumnSums(rows, columns, sums)
            : letters.EndsWith("i1cl", StringComparison.Ordinal)
                ? KernelGrid.ConvolutionOutput(rows, 1, columns)
            : KernelGrid.Packs(rows, columns);
        using var machine = new KernelMachine { CountSectors = count };
        var draw = new Draw((ulong)(rows * 100 + columns));
        List<DeviceArray> matrices = [];
        List<DeviceArray> summed = [];
        int bits = rows * KernelGrid.BitBytes(columns);
        object[] arguments =
        [
            .. letters.Select(
                object (letter) =>
                    letter switch
                    {
                        'm' or 'w' => Matrix(rows * columns),
                        '2' => Matrix(2 * rows * columns),
                        't' => machine.Put(draw.Uniform(2 * rows)),
                        'r' => At(place.Row, draw.Uniform(columns)),
                        'R' => At(place.Row, draw.Uniform(2 * columns)),
                        's' => Sum(columns),
                        'S' => Sum(2 * columns),
                        'b' => machine.Put([.. draw.Uniform((bits + 3) / 4)]),
                        'B' => Bits(),
                        'N' => (long)rows,
                        'i' => rows,
                        'c' => columns,
                        'l' => grid.Lanes,
                        'p' => machine.New(2L * Math.Max(2, sums) * grid.Y * columns),
                        'k' => machine.Zeros(grid.X),
                        'f' => 0.5f,
                        'n' => DeviceArray.Null,
                        'u' => 0u,
                        _ => letter - '0',
                    }
            ),
        ];
        machine.Launch(kernel, grid, arguments);
        return new Results([.. matrices.Select(machine.Get)], [.. summed.Select(machine.Get)])
        {
            Bytes = machine.Counts.BytesTouched,
            Requests = machine.Counts.Requests,
            Instructions = machine.Counts.Instructions,
        };

        DeviceArray At(int offset, float[] values) =>
            machine.Put([.. new float[offset], .. values]).From(offset);

        DeviceArray Matrix(int values)
        {
            float[] drawn = draw.Uniform(values, -4f, 4f);
            if (nan)
                drawn[values / 2] = float.NaN;
            DeviceArray array = At(place.Matrix, drawn);
            matrices.Add(array);
            return array;
        }

        DeviceArray Sum(int values)
        {
            DeviceArray array = machine.Put(draw.Uniform(values));
            summed.Add(array);
            return array;
        }

        DeviceArray Bits()
        {
            DeviceArray array = machine.Zeros((bits + 3) / 4);
            matrices.Add(array);
            return array;
        }
    }
}
