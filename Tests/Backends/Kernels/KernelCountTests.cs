using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>Bytes that kernels move, as the comments at their heads count them.</summary>
[TestFixture]
public sealed class KernelCountTests
{
    private const int Steps = 512;

    [TestCase(false)]
    [TestCase(true)]
    public void A_wide_scan_moves_no_more_than_its_operands_and_a_few_bytes_a_channel(bool pair)
    {
        const int Size = 64;
        (double forward, double backward) = ScanBytes(1, Size, 0, pair);

        Assert.That(forward, Is.EqualTo(16 + 8.0 / Steps));
        // The first step has no state before it; lambda, and the partial written.
        Assert.That(backward, Is.EqualTo(24 + 8.0 / Steps));
    }

    // T, B, N, warps of a tile: few tiles and many, of one strip or of several, one sequence or more.
    private static readonly TestCaseData[] s_tiled =
    [
        new(Steps, 1, 64, 4),
        new(Steps, 1, 64, 8),
        new(6400, 1, 32, 4),
        new(20000, 1, 5, 4),
        new(3000, 3, 33, 4),
        new(8192, 1, 64, 8),
        new(20000, 1, 32, 16),
    ];

    // A block at a time finds the tile before it done, and looks once.
    [TestCaseSource(nameof(s_tiled))]
    public void A_scan_in_tiles_moves_no_more_than_its_operands_and_words(
        int steps,
        int batch,
        int size,
        int warps
    )
    {
        // 1 / L, to whole tiles.
        double each = Tiles(warps) / steps;
        double eachBackward = Tiles(Math.Min(8, warps)) / steps;

        (double forward, double backward) = ScanBytes(batch, size, warps, false, steps, 1, 1);

        Assert.That(forward, Is.InRange(16 + 32 * each, 16 + 40 * each));
        Assert.That(backward, Is.InRange(24 + 36 * eachBackward, 24 + 48 * eachBackward));

        double Tiles(int of) => Math.Ceiling(steps / (16.0 * of));
    }

    // Further looks depend on the order of blocks; what is written does not, but that tiles which look further tell their A.
    [TestCaseSource(nameof(s_tiled))]
    public void A_scan_in_tiles_writes_no_more_in_any_order(
        int steps,
        int batch,
        int size,
        int warps
    )
    {
        var draw = new Draw(1);
        float[] lambda = draw.Uniform(2 * size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * steps * batch * size);
        double elements = (double)steps * batch * size;
        for (ulong seed = 1; seed <= 3; seed++)
        {
            using var machine = new KernelMachine(seed);
            var scan = new ScanOnDevice(machine, steps, batch, size, null, warps, false, false);
            scan.Forward(lambda, u, [new(0, steps)]);
            Assert.That(
                machine.Counts.BytesWritten / elements,
                Is.AtMost(8 + 32.0 / (16 * warps)),
                $"seed {seed}"
            );
            // A ticket and a mark that it has begun, a block.
            Assert.That(machine.Counts.Atomics, Is.EqualTo(2 * machine.Counts.Blocks));
        }
    }

    // Whether a step is marked or not: 8 bytes a look, at 16 steps or at as many as a thread loads at a time.
    [TestCase(0, false, 16, 8)]
    [TestCase(0, true, 16, 8)]
    [TestCase(4, false, 16, 16)]
    [TestCase(16, false, 16, 16)]
    public void Marks_of_steps_that_begin_anew_are_looked_at_once(
        int warps,
        bool pair,
        int each,
        int eachBackward
    )
    {
        const int Size = 64;
        const int Batch = 2;
        const int Long = 1024;
        using var host = new HostTensors();
        (double forward, double backward) = ScanBytes(Batch, Size, warps, pair, Long, 1, 1);
        foreach (string pattern in (string[])["none", "first", "drawn"])
        {
            StepResets marks = ResetMarks.Placed(
                count => host.New(count),
                ResetMarks.Of(pattern, Long, Batch),
                Long,
                Batch,
                null
            );
            (double marked, double markedBackward) = ScanBytes(
                Batch,
                Size,
                warps,
                pair,
                Long,
                1,
                1,
                marks
            );
            Assert.That(marked - forward, Is.EqualTo(8.0 / each).Within(1e-9), pattern);
            Assert.That(
                markedBackward - backward,
                Is.EqualTo(8.0 / eachBackward).Within(1e-9),
                pattern
            );
        }
        // In memory there is a bit a step and sequence, and at most three words more a sequence.
        Assert.That(
            new StepResets(Long, Batch).Count,
            Is.LessThanOrEqualTo(Batch * (Long / 32 + 3))
        );
    }

    // Bytes a complex element.
    private static (double Forward, double Backward) ScanBytes(
        int batch,
        int size,
        int warps,
        bool pair,
        int steps = Steps,
        ulong seed = 1,
        int? blocksAtOnce = null,
        StepResets? resets = null
    )
    {
        var draw = new Draw(1);
        float[] lambda = draw.Uniform(2 * size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * steps * batch * size);
        using var machine = new KernelMachine(seed) { BlocksAtOnce = blocksAtOnce };
        var scan = new ScanOnDevice(machine, steps, batch, size, null, warps, pair, false, resets);
        ScanRange[] all = [new(0, steps)];
        double elements = (double)steps * batch * size;
        scan.Forward(lambda, u, all);
        long forward = machine.Counts.BytesRead + machine.Counts.BytesWritten;
        scan.Backward(lambda, u, u, new float[2 * size], all, sums: false);
        long both = machine.Counts.BytesRead + machine.Counts.BytesWritten;
        return (forward / elements, (both - forward) / elements);
    }

    // N, segments: the whole time at once, and split.
    [TestCase(32, 1)]
    [TestCase(8, 1)]
    [TestCase(8, 4)]
    public void A_state_scan_moves_its_operands_and_no_states(int size, int segments)
    {
        const int Long = 2048;
        const int Channels = 32;
        var draw = new Draw(1);
        float[] a = draw.Uniform(2 * Channels * size, -0.65f, 0.65f);
        float[] u = draw.Uniform(Long * Channels);
        using var machine = new KernelMachine();
        var scan = new StateScanOnDevice(machine, Long, 1, Channels, size, null, segments)
        {
            A = machine.Put(a),
            C = machine.Put(a),
            D = machine.Put(a[..Channels]),
            U = machine.Put(u),
        };
        DeviceArray y = machine.New(Long * Channels);
        scan.Forward(y, DeviceArray.Null, false, adds: false);
        double forward = Bytes();
        DeviceArray dd = machine.Zeros(Channels);
        scan.Backward(
            machine.Put(u),
            y,
            machine.New(2 * Channels * size),
            machine.New(2 * Channels * size),
            dd,
            false,
            adds: false
        );
        double backward = Bytes() - forward;

        // Of a column and segment a and c, d by each lane, and in backward the partial sums, written and read.
        double each = 16 * size + 32;
        if (segments == 1)
        {
            Assert.That(forward, Is.EqualTo(8 + each / Long));
            Assert.That(forward, Is.AtMost(1.1 * 8));
            Assert.That(backward, Is.AtMost(12 + (each + 56 * size + 24) / Long));
            Assert.That(backward, Is.AtMost(1.1 * 12));
            return;
        }
        // Another read of what the recurrence sums, and the starts of segments.
        double more = segments * (each + 80.0 * size + 48) / Long;
        Assert.That(forward, Is.InRange(12 - 4.0 / segments, 12 + more));
        Assert.That(backward, Is.InRange(16 - 4.0 / segments, 16 + more + 56.0 * size / Long));

        double Bytes() =>
            (machine.Counts.BytesRead + machine.Counts.BytesWritten) / (double)(Long * Channels);
    }

    // Of a state, prepare and its gradient: its numbers and lambda, its numbers again where they were used in between, and gradients read
    // and written. Each thread of the LRU's warps reads gamma, which they ask for once. Each block of four rows reads its entry.
    [TestCase(nameof(DiagonalForm.ZeroOrderHold), 1, 20, 48)]
    [TestCase(nameof(DiagonalForm.Bilinear), 2, 20, 48)]
    [TestCase(nameof(DiagonalForm.Stable), 1, 16, 24)]
    [TestCase(nameof(DiagonalForm.LogPolar), 2, 16 + 4 * 32, 32 + 4 * 32)]
    public void Matrices_of_a_diagonal_recurrence_are_made_in_one_pass(
        string name,
        int directions,
        int state,
        int stateGradient
    )
    {
        const int Size = 33;
        const int Model = 40;
        const int Entry = 120;
        const int Into = Size * Model;
        int outOf = Into * directions;
        DiagonalForm form = Enum.Parse<DiagonalForm>(name);
        using var machine = new KernelMachine();
        float[] numbers = new float[Size];
        var device = new DiagonalOnDevice(
            machine,
            DiagonalCase.Of(form, numbers, numbers, numbers, Model, directions),
            DiagonalCase.Of(form, [0f], [0f], [0f], 1, 1)
        );
        int blocks = device.Grid.Blocks;
        device.Prepare();
        long prepared = Bytes();
        device.Gradient();

        Assert.That(
            prepared,
            Is.EqualTo(16 * (Into + outOf + 2) + state * (Size + 1) + Entry * blocks)
        );
        Assert.That(
            Bytes() - prepared,
            Is.EqualTo(
                32 * (Into + 1)
                    + 24 * (outOf + 1)
                    + (stateGradient + 8 * DiagonalCase.Parts) * (Size + 1)
                    + Entry * blocks
            )
        );

        long Bytes() => machine.Counts.BytesRead + machine.Counts.BytesWritten;
    }

    // Each thread reads the step of its channel, which a warp asks for once.
    [TestCase(1, 1)]
    [TestCase(2, 2)]
    public void Matrices_of_a_state_space_are_made_in_one_pass(int steps, int directions)
    {
        const int Channels = 5;
        const int Size = 150;
        const int States = Channels * Size;
        using var machine = new KernelMachine();
        int[] counts = [Channels * steps, States, States, 2 * directions * States];
        DeviceArray[] parameters = [.. counts.Select(count => machine.Zeros(count))];
        DeviceArray[] gradients = [.. counts.Select(count => machine.Zeros(count))];
        DeviceArray factors = machine.Zeros(2 * States);
        DeviceArray outOf = machine.Zeros(2 * directions * States);
        KernelGrid grid = KernelGrid.Each(Channels, 128);
        object[] form =
        [
            steps,
            0,
            Channels,
            Size,
            directions,
            (int)StateSpaceRule.ZeroOrderHold,
            0,
            1,
        ];
        machine.Launch("state_space_prepare", grid, [.. parameters, factors, outOf, .. form]);
        long prepared = Bytes();
        machine.Launch(
            "state_space_prepare_gradient",
            grid,
            [.. parameters, factors, outOf, .. gradients, .. form]
        );

        int each = 16 + 4 * steps + 16 * directions;
        Assert.That(prepared, Is.EqualTo(each * States));
        each = 32 + 4 * steps + 32 * directions;
        Assert.That(Bytes() - prepared, Is.EqualTo(each * States + 8 * steps * Channels));

        long Bytes() => machine.Counts.BytesRead + machine.Counts.BytesWritten;
    }

    [Test]
    public void An_elementwise_kernel_reads_and_writes_each_value_once()
    {
        const int Count = 4096;
        using var machine = new KernelMachine();
        DeviceArray[] a = [.. Enumerable.Range(0, 3).Select(_ => machine.Zeros(Count))];
        machine.Launch("add", KernelGrid.Flat(Count), a[0], a[1], a[2], (long)Count);

        Assert.That(machine.Counts.BytesRead + machine.Counts.BytesWritten, Is.EqualTo(12 * Count));
    }

    [Test]
    public void A_copy_of_columns_moves_these_columns_alone()
    {
        const int Rows = 200;
        const int Columns = 33;
        using var machine = new KernelMachine();
        DeviceArray from = machine.Put(new float[Rows * 50]);
        DeviceArray to = machine.Put(new float[Rows * 40]);
        KernelGrid grid = KernelGrid.Rows(Rows, Columns);
        machine.Launch("copy_columns", grid, from, 50, to, 40, (long)Rows, Columns, grid.Lanes);
        Assert.That(machine.Counts.BytesRead, Is.EqualTo(4 * Rows * Columns));
        Assert.That(machine.Counts.BytesWritten, Is.EqualTo(4 * Rows * Columns));
    }

    [Test]
    public void An_adam_step_moves_32_bytes_a_parameter_and_little_more()
    {
        const int Count = 1 << 16;
        using var machine = new KernelMachine();
        var optimizer = new OptimizerOnDevice(
            machine,
            UpdateRules.Get("mean by square corrected"),
            new float[Count],
            [new OptimizerSegment(0, Count, 1f, false)],
            clip: 1f
        );
        optimizer.Step(new float[Count]);

        long bytes = machine.Counts.BytesRead + machine.Counts.BytesWritten;
        Assert.That(machine.Counts.Launches, Is.EqualTo(2));
        // Of each block 44 bytes for the segment and the step; the partial sums.
        Assert.That(bytes, Is.EqualTo(32L * Count + 44 * Count / 1024 + 16 * 16 + 56));
    }
}
