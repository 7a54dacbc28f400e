using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the LRU's scan against the CPU, whole and packed, and which kernel a shape is given to.</summary>
[TestFixture]
public sealed class ScanKernelTests
{
    // In order: T, B, N, warps of a tile or 0, pairs, reverse, ranges.
    private static IEnumerable<TestCaseData> Whole()
    {
        foreach (bool reverse in new[] { false, true })
        {
            foreach (int warps in new[] { 0, 1, 2, 16 })
            {
                yield return new(1, 1, 1, warps, false, reverse, 1);
                yield return new(2, 3, 5, warps, false, reverse, 2);
                yield return new(131, 2, 19, warps, false, reverse, 1);
                yield return new(97, 1, 33, warps, false, reverse, 3);
                yield return new(45, 2, 3, warps, false, reverse, 3);
            }
            yield return new(259, 1, 7, 4, false, reverse, 1);
            yield return new(150, 3, 6, 0, true, reverse, 2);
            yield return new(9, 40, 10, 0, true, reverse, 1);
            yield return new(21, 2, 4, 0, true, reverse, 3);
            yield return new(64, 1, 130, 0, false, reverse, 1);
        }
    }

    [TestCaseSource(nameof(Whole))]
    public void Whole_batches_are_scanned_as_on_the_cpu(
        int steps,
        int batch,
        int size,
        int warps,
        bool pair,
        bool reverse,
        int ranges
    ) => Compare(steps, batch, size, null, warps, pair, reverse, ranges);

    private static IEnumerable<TestCaseData> Packed()
    {
        foreach (bool reverse in new[] { false, true })
        {
            foreach (int warps in new[] { 0, 1, 3 })
            {
                yield return new(new[] { 1 }, 1, warps, false, reverse, 1);
                yield return new(new[] { 3, 70, 1, 33 }, 9, warps, false, reverse, 1);
                yield return new(new[] { 40, 12, 40 }, 33, warps, false, reverse, 3);
            }
            yield return new(new[] { 5, 90, 66 }, 4, 0, true, reverse, 2);
            yield return new(new[] { 15, 15, 13 }, 4, 0, true, reverse, 2);
            yield return new(new[] { 15, 15, 13 }, 3, 0, false, reverse, 1);
        }
    }

    [TestCaseSource(nameof(Packed))]
    public void Packed_batches_are_scanned_as_on_the_cpu(
        int[] lengths,
        int size,
        int warps,
        bool pair,
        bool reverse,
        int ranges
    )
    {
        var packed = new PackedLayout(lengths);
        Compare(lengths.Max(), lengths.Length, size, packed, warps, pair, reverse, ranges);
    }

    private static void Compare(
        int steps,
        int batch,
        int size,
        PackedLayout? packed,
        int warps,
        bool pair,
        bool reverse,
        int ranges
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(steps + 1000 * batch + 100000 * size));
        int rows = packed?.Rows ?? steps * batch;
        float[] lambda = draw.Uniform(2 * size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * rows * size);
        float[] dx = draw.Uniform(2L * rows * size);
        float[] before = draw.Uniform(2 * size);

        using DiagonalScanOperation scan = host.Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(size, steps, batch)
        );
        Tensor states = packed is null
            ? host.Put(u, steps, batch, 2 * size)
            : host.Put(u, rows, 1, 2 * size);
        Tensor workspace = host.New(checked((int)scan.WorkspaceCount));
        Tensor factors = host.Put(lambda, size, 2);
        scan.Forward(factors, states, packed?.Layout, new ScanRange(0, steps, reverse), workspace);
        Tensor gradient = packed is null
            ? host.Put(dx, steps, batch, 2 * size)
            : host.Put(dx, rows, 1, 2 * size);
        Tensor slopes = host.Put(before, size, 2);
        scan.Backward(
            factors,
            states,
            packed?.Layout,
            gradient,
            new ScanRange(0, steps, reverse),
            slopes,
            true,
            workspace
        );

        var device = new ScanOnDevice(machine, steps, batch, size, packed, warps, pair, reverse);
        ScanRange[] parts = Ranges(steps, ranges, reverse);
        float[] x = device.Forward(lambda, u, parts);
        (float[] du, float[] dlambda) = device.Backward(
            lambda,
            host.Get(states),
            dx,
            before,
            [.. parts.Reverse()]
        );

        Close.Check(x, Doubles(host.Get(states)), 1e-6, "x");
        Close.Check(du, Doubles(host.Get(gradient)), 1e-6, "du");
        Close.Check(dlambda, Doubles(host.Get(slopes)), 3e-6, "dlambda");
    }

    [Test]
    public void Tiles_give_the_same_bits_in_whatever_order_they_run()
    {
        const int Steps = 700;
        const int Size = 40;
        var draw = new Draw(5);
        float[] lambda = draw.Uniform(2 * Size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * Steps * Size);
        float[]? first = null;
        for (ulong seed = 0; seed < 4; seed++)
        {
            using var machine = new KernelMachine(seed);
            var device = new ScanOnDevice(machine, Steps, 1, Size, null, 1, false, false);
            float[] x = device.Forward(lambda, u, [new ScanRange(0, Steps)]);
            first ??= x;
            Close.CheckBits(x, first, "x");
        }
    }

    // Beyond the unit circle the power of a tile is no float, and of a long tile no double: what the plain recurrence keeps finite
    // stays so, whether there is nothing before it, or so little that it has to grow.
    [TestCase(1, false)]
    [TestCase(16, false)]
    [TestCase(16, true)]
    [TestCase(2, true)]
    public void Powers_that_are_no_floats_make_no_nan(int warps, bool reverse)
    {
        const int Steps = 600;
        const int Size = 5;
        float[] lambda = [1.45f, 0f, -1.5f, 0.7f, 30f, 1f, 3e8f, 0f, 0.9f, 1.2f];
        float[] u = new float[2 * Steps * Size];
        // Where the recurrence is nearly done, and very little long before.
        foreach (int back in (int[])[3, 2, 1])
            for (int i = 0; i < 2 * Size; i++)
                u[2 * Size * (reverse ? back : Steps - 1 - back) + i] = 1e-30f * (i + 1);
        u[2 * Size * (reverse ? 300 : Steps - 301)] = 1e-37f;
        using var host = new HostTensors();
        using DiagonalScanOperation scan = host.Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(Size, Steps, 1)
        );
        Tensor states = host.Put(u, Steps, 1, 2 * Size);
        var whole = new ScanRange(0, Steps, reverse);
        Tensor workspace = host.New(checked((int)scan.WorkspaceCount));
        scan.Forward(host.Put(lambda, Size, 2), states, null, whole, workspace);
        float[] expected = host.Get(states);
        Assert.That(expected, Is.All.Matches<float>(float.IsFinite), "the plain recurrence");
        Assert.That(expected.Max(), Is.GreaterThan(1e6f));

        using var machine = new KernelMachine();
        var device = new ScanOnDevice(machine, Steps, 1, Size, null, warps, false, reverse);
        float[] x = device.Forward(lambda, u, [whole]);
        for (int i = 0; i < x.Length; i++)
            Close.Check(x[i], expected[i], Math.Abs(expected[i]) + 1e-38, 1e-4, $"x[{i}]");
    }

    // In the recurrence's direction.
    private static ScanRange[] Ranges(int steps, int parts, bool reverse)
    {
        var ranges = new List<ScanRange>();
        for (int part = 0; part < parts; part++)
        {
            int first = steps * part / parts;
            ranges.Add(new ScanRange(first, steps * (part + 1) / parts - first, reverse));
        }
        if (reverse)
            ranges.Reverse();
        return [.. ranges];
    }

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
