using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of a state space's scan against the CPU, whole and packed, and how shapes are launched.</summary>
[TestFixture]
public sealed class StateScanKernelTests
{
    // T, B, H, N, segments: one of all; odd widths; each kernel's most states and one more; tiles and segments that end within.
    private static readonly (int T, int B, int H, int N, int Segments)[] Shapes =
    [
        (1, 1, 1, 1, 1),
        (2, 3, 5, 8, 1),
        (33, 2, 17, 9, 1),
        (9, 1, 40, 32, 1),
        (40, 1, 3, 33, 1),
        (5, 2, 3, 64, 1),
        (7, 1, 2, 70, 1),
        (97, 2, 5, 3, 3),
        (130, 1, 33, 12, 2),
        (100, 1, 2, 40, 4),
        (66, 1, 2, 66, 2),
    ];

    private static IEnumerable<TestCaseData> Whole() =>
        from shape in Shapes
        from reverse in new[] { false, true }
        select new TestCaseData(shape.T, shape.B, shape.H, shape.N, shape.Segments, reverse);

    [TestCaseSource(nameof(Whole))]
    public void Whole_batches_are_scanned_as_on_the_cpu(
        int steps,
        int batch,
        int channels,
        int size,
        int segments,
        bool reverse
    ) => Compare(steps, batch, channels, size, null, segments, reverse);

    private static IEnumerable<TestCaseData> Packed() =>
        from reverse in new[] { false, true }
        from shape in new (int[] Lengths, int H, int N, int Segments)[]
        {
            ([1], 1, 1, 1),
            ([3, 70, 1, 33], 9, 5, 1),
            ([40, 12, 40], 33, 9, 1),
            ([3, 130, 1, 65], 9, 2, 3),
        }
        select new TestCaseData(shape.Lengths, shape.H, shape.N, shape.Segments, reverse);

    [TestCaseSource(nameof(Packed))]
    public void Packed_batches_are_scanned_as_on_the_cpu(
        int[] lengths,
        int channels,
        int size,
        int segments,
        bool reverse
    ) =>
        Compare(
            lengths.Max(),
            lengths.Length,
            channels,
            size,
            new PackedLayout(lengths),
            segments,
            reverse
        );

    private static void Compare(
        int steps,
        int batch,
        int channels,
        int size,
        PackedLayout? packed,
        int segments,
        bool reverse
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(steps + 1000 * batch + 100000 * size));
        int rows = packed?.Rows ?? steps * batch;
        int[] shape = packed is null ? [steps, batch, channels] : [rows, 1, channels];
        float[] a = draw.Uniform(2L * channels * size, -0.65f, 0.65f);
        float[] c = draw.Uniform(2L * channels * size);
        float[] d = draw.Uniform(channels);
        float[] u = draw.Uniform((long)rows * channels);
        float[] dy = draw.Uniform((long)rows * channels);
        float[] y0 = draw.Uniform((long)rows * channels);
        float[] before = draw.Uniform(2L * channels * size);
        bool streams = packed is null && !reverse;
        float[] carried = draw.Uniform(2L * batch * channels * size);

        using StateSpaceScanOperation scan = host.Backend.PlanStateSpaceScan(
            new StateSpaceScanDescriptor(channels, size, steps, batch)
        );
        Tensor state = host.Put(carried, 1, batch, 2 * channels * size);
        var operands = new StateSpaceScanOperands
        {
            U = host.Put(u, shape),
            Y = host.Put(y0, shape),
            A = host.Put(a, channels, 2 * size),
            C = host.Put(c, channels, 2 * size),
            D = host.Put(d, channels),
            Layout = packed?.Layout,
            Reverse = reverse,
            Adds = true,
            Carried = streams ? state : default,
            Workspace = host.New(checked((int)scan.WorkspaceCount)),
        };
        scan.Forward(operands);
        var gradients = new StateSpaceScanGradients
        {
            Y = host.Put(dy, shape),
            U = host.Put(y0, shape),
            A = host.Put(before, channels, 2 * size),
            C = host.New(channels, 2 * size),
            D = host.Put(d, channels),
        };
        scan.Backward(operands, gradients);

        var device = new StateScanOnDevice(machine, steps, batch, channels, size, packed, segments)
        {
            A = machine.Put(a),
            C = machine.Put(c),
            D = machine.Put(d),
            U = machine.Put(u),
        };
        DeviceArray y = machine.Put(y0);
        DeviceArray last = streams ? machine.Put(carried) : DeviceArray.Null;
        device.Forward(y, last, reverse, adds: true);
        Close.Check(machine.Get(y), Doubles(host.Get(operands.Y)), 1e-6, "y");
        if (streams)
            Close.Check(machine.Get(last), Doubles(host.Get(state)), 1e-6, "the last states");
        DeviceArray du = machine.Put(y0);
        DeviceArray da = machine.Put(before);
        DeviceArray dc = machine.New(2L * channels * size);
        DeviceArray dd = machine.Put(d);
        device.Backward(machine.Put(dy), du, da, dc, dd, reverse, adds: true);
        Close.Check(machine.Get(du), Doubles(host.Get(gradients.U)), 1e-6, "du");
        Close.Check(machine.Get(da), Doubles(host.Get(gradients.A)), 5e-6, "da");
        Close.Check(machine.Get(dc), Doubles(host.Get(gradients.C)), 5e-6, "dc");
        Close.Check(machine.Get(dd), Doubles(host.Get(gradients.D)), 5e-6, "dd");
    }

    [Test]
    public void Runs_repeat_bit_for_bit_in_whatever_order_blocks_run()
    {
        const int Steps = 200;
        const int Channels = 40;
        const int Size = 3;
        var draw = new Draw(5);
        float[] a = draw.Uniform(2 * Channels * Size, -0.65f, 0.65f);
        float[] u = draw.Uniform(Steps * Channels);
        float[][]? first = null;
        for (ulong seed = 0; seed < 3; seed++)
        {
            using var machine = new KernelMachine(seed);
            var device = new StateScanOnDevice(machine, Steps, 1, Channels, Size, null, 3)
            {
                A = machine.Put(a),
                C = machine.Put(a),
                D = DeviceArray.Null,
                U = machine.Put(u),
            };
            DeviceArray y = machine.New(Steps * Channels);
            device.Forward(y, DeviceArray.Null, false, adds: false);
            DeviceArray slope = machine.Put(u);
            DeviceArray da = machine.New(2 * Channels * Size);
            DeviceArray dc = machine.New(2 * Channels * Size);
            // du over dy.
            device.Backward(slope, slope, da, dc, DeviceArray.Null, false, adds: false);
            float[][] found = [.. new[] { y, slope, da, dc }.Select(x => machine.Get(x))];
            first ??= found;
            for (int i = 0; i < found.Length; i++)
                Close.CheckBits(found[i], first[i], $"result {i}");
        }
    }

    [Test]
    public void Time_is_split_where_columns_are_few()
    {
        StateScanKernel few = StateScanKernel.Choose(1, 64, 32, 16384);
        Assert.That((few.Segments, few.Length), Is.EqualTo((128, 128)));
        Assert.That(few.Grid, Is.EqualTo(new KernelGrid(2, 128, 256)));
        Assert.That(few.EndsGrid, Is.EqualTo(new KernelGrid(2, 127, 256)));
        StateScanKernel many = StateScanKernel.Choose(64, 256, 32, 16384);
        Assert.That((many.Segments, many.Length), Is.EqualTo((1, 16384)));
        Assert.That(StateScanKernel.Choose(1, 64, 32, 100).Segments, Is.EqualTo(1));
        Assert.That(few.Suffix(0), Is.EqualTo("4"));
        Assert.That(StateScanKernel.Choose(1, 1, 8, 1).Suffix(0), Is.EqualTo("1"));
        StateScanKernel wide = StateScanKernel.Choose(1, 1, 100, 1);
        Assert.That((wide.Suffix(0), wide.Suffix(64)), Is.EqualTo(("8", "8")));
        Assert.That((wide.StatesFrom(0), wide.StatesFrom(64)), Is.EqualTo((64, 36)));
        Assert.That(
            () => StateScanKernel.Choose(1, 0, 1, 1),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
    }

    [Test]
    public void Room_for_the_largest_scan_is_room_for_every_smaller_one()
    {
        foreach (int channels in (int[])[1, 31, 33, 257, 9000])
        foreach (int steps in (int[])[1, 127, 128, 700, 20000])
        foreach (int batch in (int[])[1, 3, 40])
        {
            long most = 0;
            long split = 0;
            for (int b = 1; b <= batch; b++)
            for (int t = 1; t <= steps; t += t < 600 ? 1 : 97)
            {
                StateScanKernel kernel = StateScanKernel.Choose(b, channels, 1, t);
                long lines = (long)b * channels * kernel.Segments;
                most = Math.Max(most, lines);
                split = kernel.Segments > 1 ? Math.Max(split, lines) : split;
            }
            Assert.That(
                StateScanKernel.MostLines(batch, channels, steps),
                Is.GreaterThanOrEqualTo(most)
            );
            Assert.That(
                StateScanKernel.MostSplit(batch, channels, steps),
                Is.GreaterThanOrEqualTo(split)
            );
        }
    }

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
