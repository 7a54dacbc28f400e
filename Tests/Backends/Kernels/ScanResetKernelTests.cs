using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of scans in which steps begin anew, against the CPU and against the kernels without.</summary>
[TestFixture]
public sealed class ScanResetKernelTests
{
    // T, B, N, warps of a tile or 0, pairs, ranges.
    private static readonly (int T, int B, int N, int Warps, bool Pair, int Ranges)[] s_whole =
    [
        (1, 1, 1, 0, false, 1),
        (1, 3, 2, 1, false, 1),
        (35, 3, 5, 0, false, 2),
        (70, 2, 4, 0, true, 3),
        (67, 1, 33, 1, false, 1),
        (131, 2, 19, 2, false, 1),
        (97, 3, 13, 1, false, 3),
        (300, 1, 3, 16, false, 1),
    ];

    private static IEnumerable<TestCaseData> Whole() =>
        from pattern in ResetMarks.Patterns
        from reverse in new[] { false, true }
        from s in s_whole
        select new TestCaseData(s.T, s.B, s.N, s.Warps, s.Pair, s.Ranges, reverse, pattern);

    [TestCaseSource(nameof(Whole))]
    public void Whole_batches_are_scanned_as_on_the_cpu(
        int steps,
        int batch,
        int size,
        int warps,
        bool pair,
        int ranges,
        bool reverse,
        string pattern
    ) => Compare(steps, batch, size, null, warps, pair, ranges, reverse, pattern);

    private static readonly (int[] Lengths, int N, int Warps, bool Pair, int Ranges)[] s_packed =
    [
        ([1], 1, 0, false, 1),
        ([3, 70, 1, 33], 9, 0, false, 2),
        ([3, 70, 1, 33], 9, 1, false, 1),
        ([40, 12, 40], 17, 2, false, 3),
        ([5, 90, 66], 4, 0, true, 2),
    ];

    private static IEnumerable<TestCaseData> Packed() =>
        from pattern in ResetMarks.Patterns
        from reverse in new[] { false, true }
        from s in s_packed
        select new TestCaseData(s.Lengths, s.N, s.Warps, s.Pair, s.Ranges, reverse, pattern);

    [TestCaseSource(nameof(Packed))]
    public void Packed_batches_are_scanned_as_on_the_cpu(
        int[] lengths,
        int size,
        int warps,
        bool pair,
        int ranges,
        bool reverse,
        string pattern
    ) =>
        Compare(
            lengths.Max(),
            lengths.Length,
            size,
            new PackedLayout(lengths),
            warps,
            pair,
            ranges,
            reverse,
            pattern
        );

    private static void Compare(
        int steps,
        int batch,
        int size,
        PackedLayout? packed,
        int warps,
        bool pair,
        int ranges,
        bool reverse,
        string pattern
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
        StepResets resets = ResetMarks.Placed(
            count => host.New(count),
            ResetMarks.Of(pattern, steps, batch),
            steps,
            batch,
            packed?.Layout
        );

        using DiagonalScanOperation scan = host.Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(size, steps, batch) { Resets = true }
        );
        Tensor states = Put(u);
        Tensor workspace = host.New(checked((int)scan.WorkspaceCount));
        Tensor factors = host.Put(lambda, size, 2);
        var all = new ScanRange(0, steps, reverse);
        scan.Forward(factors, states, packed?.Layout, all, workspace, resets: resets);
        Tensor gradient = Put(dx);
        Tensor slopes = host.Put(before, size, 2);
        scan.Backward(
            factors,
            states,
            packed?.Layout,
            gradient,
            all,
            slopes,
            true,
            workspace,
            resets
        );

        ScanRange[] parts = Ranges(steps, ranges, reverse);
        (float[] x, float[] du, float[] dlambda) = Run(resets);
        Close.Check(x, Doubles(host.Get(states)), 1e-6, "x");
        Close.Check(du, Doubles(host.Get(gradient)), 1e-6, "du");
        Close.Check(dlambda, Doubles(host.Get(slopes)), 3e-6, "dlambda");
        if (pattern != "none")
            return;
        (float[] plainX, float[] plainDu, float[] plainDlambda) = Run(null);
        Close.CheckBits(x, plainX, "x without marks");
        Close.CheckBits(du, plainDu, "du without marks");
        Close.CheckBits(dlambda, plainDlambda, "dlambda without marks");

        Tensor Put(float[] values) =>
            packed is null
                ? host.Put(values, steps, batch, 2 * size)
                : host.Put(values, rows, 1, 2 * size);

        (float[] X, float[] Du, float[] Dlambda) Run(StepResets? marks)
        {
            var device = new ScanOnDevice(
                machine,
                steps,
                batch,
                size,
                packed,
                warps,
                pair,
                reverse,
                marks
            );
            float[] made = device.Forward(lambda, u, parts);
            (float[] back, float[] slope) = device.Backward(
                lambda,
                host.Get(states),
                dx,
                before,
                [.. parts.Reverse()]
            );
            return (made, back, slope);
        }
    }

    // What tiles tell at once, before they look back, is what they would tell after it.
    [TestCase(false)]
    [TestCase(true)]
    public void Tiles_give_the_same_bits_in_whatever_order_they_run(bool reverse)
    {
        const int Steps = 500;
        const int Size = 12;
        const int Batch = 3;
        var draw = new Draw(5);
        float[] lambda = draw.Uniform(2 * Size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * Steps * Batch * Size);
        byte[] marks = ResetMarks.Of("none", Steps, Batch);
        foreach (int at in (int[])[33, 130, 131, 400])
            marks[at * Batch + at % Batch] = 1;
        using var host = new HostTensors();
        StepResets resets = ResetMarks.Placed(count => host.New(count), marks, Steps, Batch, null);
        float[]? first = null;
        for (ulong seed = 0; seed < 4; seed++)
        {
            using var machine = new KernelMachine(seed);
            var device = new ScanOnDevice(
                machine,
                Steps,
                Batch,
                Size,
                null,
                1,
                false,
                reverse,
                resets
            );
            float[] x = device.Forward(lambda, u, [new ScanRange(0, Steps, reverse)]);
            first ??= x;
            Close.CheckBits(x, first, "x");
        }
    }

    // A state that grew beyond all floats, and a NaN of the input, end where the sequence begins anew; 0 times them would not.
    [TestCase(0, false)]
    [TestCase(0, true)]
    [TestCase(1, false)]
    [TestCase(2, true)]
    public void Nothing_that_is_not_finite_passes_a_boundary(int warps, bool reverse)
    {
        const int Steps = 120;
        const int Size = 3;
        float[] lambda = [9f, 0f, 0.5f, 0.2f, -7f, 3f];
        float[] u = new Draw(4).Uniform(2 * Steps * Size);
        byte[] marks = new byte[Steps];
        int boundary = reverse ? 36 : 84;
        // Within what is still finite of a state that grows ninefold a step.
        foreach (int at in (int[])[boundary, boundary - 16, boundary + 16])
            marks[at] = 1;
        u[2 * Size * (reverse ? Steps - 2 : 1)] = float.NaN;
        using var host = new HostTensors();
        StepResets resets = ResetMarks.Placed(count => host.New(count), marks, Steps, 1, null);
        using var machine = new KernelMachine();
        var device = new ScanOnDevice(machine, Steps, 1, Size, null, warps, false, reverse, resets);
        float[] x = device.Forward(lambda, u, [new ScanRange(0, Steps, reverse)]);
        float[] before = Of(reverse ? boundary + 16 : boundary - 17);
        float[] after =
        [
            .. Enumerable
                .Range(0, 16)
                .SelectMany(k => Of(reverse ? boundary - 1 - k : boundary + k)),
        ];
        Assert.That(before, Has.Some.Matches<float>(v => !float.IsFinite(v)));
        Assert.That(after, Has.All.Matches<float>(float.IsFinite));

        float[] Of(int step) => x[(2 * Size * step)..(2 * Size * (step + 1))];
    }

    // In the recurrence's direction.
    private static ScanRange[] Ranges(int steps, int parts, bool reverse)
    {
        parts = Math.Min(parts, steps);
        IEnumerable<ScanRange> ranges = Enumerable
            .Range(0, parts)
            .Select(part => new ScanRange(
                steps * part / parts,
                steps * (part + 1) / parts - steps * part / parts,
                reverse
            ));
        return reverse ? [.. ranges.Reverse()] : [.. ranges];
    }

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
