using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// What follows a convolution's products where rows are packed and channels are dropped, and the gradient without a skip path.
/// </summary>
[TestFixture]
public sealed class ConvolutionPackedKernelTests
{
    private const float Probability = 0.4f;
    private const float Scale = 1f / (1f - Probability);

    // Lengths, C.
    private static readonly TestCaseData[] Sizes =
    [
        new(new[] { 1 }, 1),
        new(new[] { 3, 9, 1 }, 5),
        new(new[] { 40, 2 }, 16),
        new(new[] { 2, 9, 4, 9, 7 }, 33),
        new(new[] { 90, 131, 1 }, 65),
        new(new[] { 300, 299, 3 }, 3),
        new(new[] { 70, 70, 70 }, 5),
        new(new[] { 40, 40 }, 16),
        new(new[] { 9, 9, 9 }, 33),
    ];

    [TestCaseSource(nameof(Sizes))]
    public void Each_sequence_keeps_and_drops_its_channels_in_all_its_steps(
        int[] lengths,
        int columns
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var packed = new PackedLayout(lengths);
        int batch = lengths.Length;
        int steps = packed.Layout.Steps;
        var draw = new Draw((ulong)(packed.Rows * 100 + columns));
        float[] y = draw.Uniform(packed.Rows * columns);
        float[] skip = draw.Uniform(packed.Rows * columns);
        float[] bias = draw.Uniform(columns);
        float[] skipBias = draw.Uniform(columns);
        using RandomStream random = host.Backend.CreateRandom(5);
        Tensor mask = host.New(batch, columns);
        random.Advance();
        random.Dropout(default, mask, Probability, 3);
        float[] factors = host.Get(mask);
        float[] alone = new float[y.Length];
        float[] both = new float[y.Length];
        byte[] bits = new byte[packed.Rows * KernelGrid.BitBytes(columns)];
        for (int t = 0; t < steps; t++)
        for (int row = packed.First[t]; row < packed.First[t + 1]; row++)
        for (int c = 0; c < columns; c++)
        {
            int i = row * columns + c;
            float factor = factors[(row - packed.First[t]) * columns + c];
            alone[i] = Math.Max(0f, y[i] + bias[c]) * factor;
            both[i] = Math.Max(0f, alone[i] + (skip[i] + skipBias[c]));
            if (alone[i] > 0)
                bits[row * KernelGrid.BitBytes(columns) + c / 8] |= (byte)(1 << (c % 8));
        }

        KernelGrid grid = KernelGrid.ConvolutionOutput(steps, batch, columns);
        object[] dropout =
        [
            machine.Put(5UL, 1UL),
            3u,
            (uint)(Probability * 4294967296.0),
            Scale,
            machine.Put(packed.First),
            steps,
            batch,
            columns,
            grid.Lanes,
        ];
        DeviceArray added = machine.Put(bias);
        DeviceArray dropped = machine.Put(y);
        machine.Launch("convolution_output_drop_packed", grid, [dropped, added, .. dropout]);
        DeviceArray joined = machine.Put(y);
        DeviceArray passed = machine.Zeros((bits.Length + 3) / 4);
        machine.Launch(
            "convolution_output_skip_drop_packed",
            grid,
            [joined, added, machine.Put(skip), machine.Put(skipBias), passed, .. dropout]
        );

        Close.CheckBits(machine.Get(dropped), alone, "dropped");
        Close.CheckBits(machine.Get(joined), both, "with a skip path");
        Assert.That(machine.Get<byte>(passed)[..bits.Length], Is.EqualTo(bits));
        if (lengths.Distinct().Count() > 1)
            return;
        // A whole batch is the same rows.
        dropout[4] = DeviceArray.Null;
        DeviceArray whole = machine.Put(y);
        DeviceArray wholeBits = machine.Zeros((bits.Length + 3) / 4);
        machine.Launch(
            "convolution_output_skip_drop",
            grid,
            [whole, added, machine.Put(skip), machine.Put(skipBias), wholeBits, .. dropout]
        );
        Close.CheckBits(machine.Get(whole), both, "of a whole batch");
        Assert.That(machine.Get<byte>(wholeBits)[..bits.Length], Is.EqualTo(bits));
    }

    [TestCase(70, 5)]
    [TestCase(40, 16)]
    [TestCase(9, 33)]
    [TestCase(90, 24)]
    public void A_skip_path_may_have_a_bias(int rows, int columns)
    {
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] y = draw.Uniform(rows * columns);
        float[] skip = draw.Uniform(rows * columns);
        float[] bias = draw.Uniform(columns);
        float[] skipBias = draw.Uniform(columns);
        float[] expected = new float[y.Length];
        for (int i = 0; i < y.Length; i++)
        {
            float inner = Math.Max(0f, y[i] + bias[i % columns]);
            expected[i] = Math.Max(0f, inner + (skip[i] + skipBias[i % columns]));
        }
        KernelGrid grid = KernelGrid.ConvolutionOutput(rows, 1, columns);
        DeviceArray result = machine.Put(y);
        DeviceArray none = DeviceArray.Null;
        machine.Launch(
            "convolution_output_skip",
            grid,
            [
                result,
                machine.Put(bias),
                machine.Put(skip),
                machine.Put(skipBias),
                machine.Zeros((rows * KernelGrid.BitBytes(columns) + 3) / 4),
                none,
                0u,
                0u,
                1f,
                none,
                rows,
                1,
                columns,
                grid.Lanes,
            ]
        );
        Close.CheckBits(machine.Get(result), expected, "y");
    }

    [TestCase(1, 1)]
    [TestCase(7, 5)]
    [TestCase(300, 16)]
    [TestCase(2000, 33)]
    [TestCase(2001, 6)]
    [TestCase(500, 72)]
    public void The_gradient_passes_where_the_output_is_above_zero(int rows, int columns)
    {
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 100 + columns));
        float[] slopes = draw.Uniform(rows * columns);
        float[] y = [.. draw.Uniform(rows * columns).Select(v => Math.Max(0f, v))];
        float[] before = draw.Uniform(columns);
        double[] sums = [.. before.Select(v => (double)v)];
        float[] expected = new float[slopes.Length];
        for (int i = 0; i < slopes.Length; i++)
        {
            expected[i] = y[i] > 0 ? slopes[i] * Scale : 0f;
            sums[i % columns] += expected[i];
        }

        KernelGrid grid = KernelGrid.WritingColumnSums(rows, columns, 1);
        DeviceArray products = machine.New(slopes.Length);
        DeviceArray dbias = machine.Put(before);
        machine.Launch(
            "convolution_output_gradient",
            grid,
            machine.Put(slopes),
            machine.Put(y),
            products,
            Scale,
            dbias,
            (long)rows,
            columns,
            grid.Lanes,
            machine.New(2L * grid.Y * columns),
            machine.Zeros(grid.X)
        );

        Close.CheckBits(machine.Get(products), expected, "dproducts");
        Close.Check(machine.Get(dbias), sums, 1e-6, "dbias");
    }
}
