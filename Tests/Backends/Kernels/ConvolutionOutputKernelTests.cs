using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The CUDA kernels behind a convolution (ReLU, dropout, residual): the CPU's bits, and how often memory is moved.
/// </summary>
[TestFixture]
public sealed class ConvolutionOutputKernelTests
{
    private const float Probability = 0.4f;
    private const uint Threshold = (uint)(Probability * 4294967296.0);
    private const float Scale = 1f / (1f - Probability);

    // T, B, C: rows of a bit's byte, of two, of words and of parts of them.
    private static readonly object[][] Sizes =
    [
        [1, 1, 1],
        [7, 3, 5],
        [40, 2, 16],
        [9, 70, 33],
        [131, 3, 65],
        [50, 3, 4],
        [33, 5, 24],
        [21, 2, 72],
    ];

    [TestCaseSource(nameof(Sizes))]
    public void What_is_dropped_and_kept_has_the_bits_of_the_cpu(int steps, int batch, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var data = new Data(steps * batch, columns);
        using RandomStream random = host.Backend.CreateRandom(5);
        Tensor mask = host.New(batch, columns);
        random.Advance();
        random.Dropout(default, mask, Probability, 3);
        float[] factors = host.Get(mask);
        Tensor inner = host.Put(
            [.. data.Relu.Select((v, i) => v * factors[i % factors.Length])],
            data.Count
        );
        Tensor bits = host.New((data.Count + 31) / 32);
        Tensor sum = host.Put(host.Get(inner), data.Count);
        host.Backend.Elements(
            ElementOp.ResidualRelu,
            new PointwiseArguments { A = host.Put(data.Skip, data.Count), Out = sum },
            bits
        );

        DeviceArray place = machine.Put(5UL, 1UL);
        object[] dropout = [place, 3u, Threshold, Scale, DeviceArray.Null, steps, batch, columns];
        DeviceArray alone = machine.Put(data.Y);
        KernelGrid grid = KernelGrid.ConvolutionOutput(steps, batch, columns);
        DeviceArray bias = machine.Put(data.Bias);
        machine.Launch("convolution_output_drop", grid, [alone, bias, .. dropout, grid.Lanes]);
        DeviceArray both = machine.Put(data.Y);
        DeviceArray skip = machine.Put(data.Skip);
        DeviceArray passed = machine.New(data.BitFloats);
        DeviceArray none = DeviceArray.Null;
        machine.Launch(
            "convolution_output_skip_drop",
            grid,
            [both, bias, skip, none, passed, .. dropout, grid.Lanes]
        );

        Close.CheckBits(machine.Get(alone), host.Get(inner), "dropped");
        Close.CheckBits(machine.Get(both), host.Get(sum), "with a skip path");
        Backwards(host, machine, data, sum, bits, both, passed, Scale);
    }

    [TestCaseSource(nameof(Sizes))]
    public void Without_dropout_it_moves_each_value_once(int steps, int batch, int columns)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var data = new Data(steps * batch, columns);
        Tensor bits = host.New((data.Count + 31) / 32);
        Tensor sum = host.Put(data.Relu, data.Count);
        host.Backend.Elements(
            ElementOp.ResidualRelu,
            new PointwiseArguments { A = host.Put(data.Skip, data.Count), Out = sum },
            bits
        );

        object[] dropout = [DeviceArray.Null, 0u, 0u, 1f, DeviceArray.Null, data.Rows, 1, columns];
        KernelGrid grid = KernelGrid.ConvolutionOutput(data.Rows, 1, columns);
        DeviceArray bias = machine.Put(data.Bias);
        DeviceArray alone = machine.Put(data.Y);
        machine.Launch("convolution_output", grid, [alone, bias, .. dropout, grid.Lanes]);
        // Each thread reads the bias of its columns once.
        bool packs = columns % 4 == 0;
        int biases = 4 * grid.X * (256 / grid.Lanes) * columns * (packs ? 4 : 1);
        Assert.That(Bytes(machine), Is.EqualTo(8L * data.Count + biases));
        DeviceArray both = machine.Put(data.Y);
        DeviceArray skip = machine.Put(data.Skip);
        DeviceArray passed = machine.New(data.BitFloats);
        DeviceArray none = DeviceArray.Null;
        long before = Bytes(machine);
        machine.Launch(
            "convolution_output_skip",
            grid,
            [both, bias, skip, none, passed, .. dropout, grid.Lanes]
        );
        Assert.That(
            Bytes(machine) - before,
            Is.EqualTo(12L * data.Count + data.Rows * KernelGrid.BitBytes(columns) + biases)
        );

        Close.CheckBits(machine.Get(alone), data.Relu, "relu");
        Close.CheckBits(machine.Get(both), host.Get(sum), "with a skip path");
        Backwards(host, machine, data, sum, bits, both, passed, 1f);
    }

    private static void Backwards(
        HostTensors host,
        KernelMachine machine,
        Data data,
        Tensor sum,
        Tensor bits,
        DeviceArray y,
        DeviceArray passed,
        float scale
    )
    {
        Tensor outer = host.Put(data.Slope, data.Count);
        Tensor inner = host.New(data.Count);
        host.Backend.Elements(
            ElementOp.ResidualReluGradient,
            new PointwiseArguments
            {
                A = outer,
                B = sum,
                Out = inner,
            },
            bits,
            scale
        );
        foreach (bool skipBias in new[] { false, true })
        {
            DeviceArray slope = machine.Put(data.Slope);
            DeviceArray products = machine.New(data.Count);
            DeviceArray dbias = machine.Put(data.Bias);
            DeviceArray dskip = skipBias ? machine.Put(data.Bias) : DeviceArray.Null;
            KernelGrid grid = KernelGrid.WritingColumnSums(
                data.Rows,
                data.Columns,
                skipBias ? 2 : 1
            );
            object[] shape = [(long)data.Rows, data.Columns, grid.Lanes];
            DeviceArray partials = machine.New(4L * grid.Y * data.Columns);
            DeviceArray counters = machine.Zeros(grid.X);
            long before = Bytes(machine);
            machine.Launch(
                "convolution_output_skip_gradient",
                grid,
                [slope, y, passed, products, scale, dbias, dskip, .. shape, partials, counters]
            );
            int sums = skipBias ? 2 : 1;
            long joined = grid.Y == 1 ? 0 : 16L * grid.Y * data.Columns * sums;
            Assert.That(
                Bytes(machine) - before,
                Is.EqualTo(
                    16L * data.Count
                        + data.Count / (data.Columns % 4 == 0 ? 4 : 1)
                        + 8L * data.Columns * sums
                        + joined
                )
            );

            Close.CheckBits(machine.Get(slope), host.Get(outer), "dskip");
            Close.CheckBits(machine.Get(products), host.Get(inner), "dproducts");
            Close.Check(machine.Get(dbias), data.Sums(host.Get(inner)), 1e-6, "dbias");
            if (skipBias)
                Close.Check(machine.Get(dskip), data.Sums(host.Get(outer)), 1e-6, "dskip bias");
        }
    }

    [Test]
    public void A_nan_stays_one_and_has_no_gradient()
    {
        using var machine = new KernelMachine();
        DeviceArray y = machine.Put(float.NaN, 1f);
        DeviceArray bits = machine.New(1);
        DeviceArray none = DeviceArray.Null;
        KernelGrid grid = KernelGrid.ConvolutionOutput(1, 1, 2);
        object[] dropout = [none, 0u, 0u, 1f, none, 1, 1, 2, grid.Lanes];
        machine.Launch(
            "convolution_output_skip",
            grid,
            [y, machine.Zeros(2), machine.Put(1f, float.NaN), none, bits, .. dropout]
        );

        Assert.That(machine.Get(y), Is.All.NaN);
    }

    private static long Bytes(KernelMachine machine) =>
        machine.Counts.BytesRead + machine.Counts.BytesWritten;

    private sealed class Data
    {
        public Data(int rows, int columns)
        {
            (Rows, Columns) = (rows, columns);
            var draw = new Draw((ulong)(rows * 100 + columns));
            (Y, Skip, Slope) = (draw.Uniform(Count), draw.Uniform(Count), draw.Uniform(Count));
            Bias = draw.Uniform(columns);
            // Where a relu has its kink.
            Y[^1] = -Bias[^1];
            Relu = [.. Y.Select((v, i) => v + Bias[i % columns] is var sum && sum > 0 ? sum : 0f)];
        }

        public int Rows { get; }
        public int Columns { get; }
        public int Count => Rows * Columns;
        public int BitFloats => (Rows * KernelGrid.BitBytes(Columns) + 3) / 4;
        public float[] Y { get; }
        public float[] Skip { get; }
        public float[] Slope { get; }
        public float[] Bias { get; }
        public float[] Relu { get; }

        public double[] Sums(float[] slopes)
        {
            double[] sums = [.. Bias.Select(v => (double)v)];
            for (int i = 0; i < slopes.Length; i++)
                sums[i % Columns] += slopes[i];
            return sums;
        }
    }
}
