using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The recurrent kernels whose weights stay on the chip, against plain loops in double precision, what they move, what fits where, and
/// barriers that are missing.
/// </summary>
[TestFixture]
public sealed class RecurrentKernelTests
{
    // Of single precision, over few steps.
    private const double Bound = 2e-5;

    // Units: of every class, its last and some before.
    private static readonly (string Cell, int Size)[] s_sizes =
    [
        ("tanh", 1),
        ("relu", 3),
        ("tanh", 64),
        ("relu", 65),
        ("tanh", 128),
        ("relu", 129),
        ("tanh", 200),
        ("relu", 262),
        ("tanh", 272),
        ("lstm", 1),
        ("lstm", 31),
        ("lstm", 33),
        ("lstm", 64),
        ("lstm", 96),
        ("lstm", 101),
        ("lstm", 130),
        ("lstm", 136),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from size in s_sizes
        from packed in new[] { false, true }
        from reverse in new[] { false, true }
        select new TestCaseData(size.Cell, size.Size, packed, reverse);

    [TestCaseSource(nameof(Cases))]
    public void A_network_is_that_of_plain_loops(string cell, int size, bool packed, bool reverse)
    {
        int[] lengths = packed ? [5, 3, 1] : [4, 4];
        foreach (bool begun in (bool[])[true, false])
        foreach (ulong seed in (ulong[])[1, 2])
        {
            var net = new RecurrentOnDevice(cell, size, lengths, reverse, begun)
            {
                IsPacked = packed,
            };
            using var machine = new KernelMachine(seed) { SharedBytes = net.Chip.SharedBytes };
            Check(net.Run(machine), net.Expected());
        }
    }

    [Test]
    public void Cells_are_clipped_where_they_are_read([Values] bool reverse)
    {
        var net = new RecurrentOnDevice("lstm", 9, [5, 4], reverse) { Least = -0.3f, Most = 0.2f };
        using var machine = new KernelMachine();
        RecurrentOnDevice.Results results = net.Run(machine);
        Check(results, net.Expected());
        Assert.That(results.Cells.Count(c => c > 0.2f || c < -0.3f), Is.GreaterThan(10));
    }

    private static void Check(RecurrentOnDevice.Results found, RecurrentOnDevice.Results expected)
    {
        Close.Check(Narrow(found.Y), expected.Y, Bound, "y");
        Close.Check(Narrow(found.Cells), expected.Cells, Bound, "cells");
        Close.Check(Narrow(found.FinalHidden), expected.FinalHidden, Bound, "final hidden");
        Close.Check(Narrow(found.FinalCell), expected.FinalCell, Bound, "final cell");
        Close.Check(Narrow(found.Du), expected.Du, Bound, "du");
        Close.Check(Narrow(found.InitialHidden), expected.InitialHidden, Bound, "dh0");
        Close.Check(Narrow(found.InitialCell), expected.InitialCell, Bound, "dc0");
        Close.Check(Narrow(found.BiasSums), expected.BiasSums, Bound, "sums for biases");

        static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);
    }

    // What their heads say: gates or sums in and out once, and the packed weights once a block.
    [TestCase("tanh", 64)]
    [TestCase("relu", 262)]
    [TestCase("lstm", 32)]
    [TestCase("lstm", 130)]
    public void Bytes_are_those_of_operands_and_of_the_weights_once_a_block(string cell, int size)
    {
        const int Steps = 7;
        var net = new RecurrentOnDevice(cell, size, [Steps, Steps, Steps], false, begun: false)
        {
            IsPacked = false,
        };
        using var machine = new KernelMachine { SharedBytes = net.Chip.SharedBytes };
        var moved = new List<long>();
        net.Run(machine, () => moved.Add(machine.Counts.BytesRead + machine.Counts.BytesWritten));
        moved.Add(machine.Counts.BytesRead + machine.Counts.BytesWritten);

        long weights = 3L * net.Chip.Packed * sizeof(float);
        long units = 3L * size;
        bool plain = cell != "lstm";
        Assert.Multiple(() =>
        {
            // Both orders of the weights are written, and each weight is read for each.
            Assert.That(
                moved[0],
                Is.EqualTo((2L * net.Chip.Packed + 2L * net.W.Length) * sizeof(float))
            );
            Assert.That(
                moved[1] - moved[0],
                Is.EqualTo((plain ? 8 : 40) * Steps * units + weights)
            );
            // With the sums for the biases.
            Assert.That(
                moved[2] - moved[1],
                Is.EqualTo((plain ? 12 : 40) * Steps * units + (plain ? 4 : 16) * units + weights)
            );
        });
    }

    [TestCase(1, 1)]
    [TestCase(9, 33)]
    [TestCase(70, 65)]
    public void Sums_for_biases_are_added_to_both(int batch, int count)
    {
        float[] sums = new Draw(1).Uniform((long)batch * 2 * count);
        float[] one = new Draw(2).Uniform(count);
        float[] other = new Draw(3).Uniform(count);
        foreach (int from in (int[])[0, count])
        foreach (bool both in (bool[])[true, false])
        {
            using var machine = new KernelMachine();
            DeviceArray first = machine.Put(one);
            DeviceArray second = both ? machine.Put(other) : DeviceArray.Null;
            machine.Launch(
                "recurrent_bias_gradient",
                new KernelGrid((count + 31) / 32, 1, KernelGrid.Block),
                machine.Put(sums),
                first,
                second,
                batch,
                2 * count,
                from,
                count
            );
            Close.Check(machine.Get(first), Sum(one, 0), 1e-5, "first");
            if (both)
                Close.Check(machine.Get(second), Sum(other, from), 1e-5, "second");
        }

        double[] Sum(float[] before, int from) =>
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(j =>
                        before[j]
                        + Enumerable
                            .Range(0, batch)
                            .Sum(b => (double)sums[b * 2 * count + from + j])
                    ),
            ];
    }

    // Compute capability and the most units of a tanh or ReLU cell and of an LSTM.
    [TestCase(75, 256, 96)]
    [TestCase(80, 272, 136)]
    [TestCase(86, 256, 128)]
    [TestCase(89, 256, 128)]
    [TestCase(90, 272, 136)]
    public void What_fits_on_a_multiprocessor_is_known(int capability, int plain, int lstm)
    {
        int most = Multiprocessor.Of(capability).MostSharedBytesPerBlock;
        Assert.That((Largest("rnn"), Largest("lstm")), Is.EqualTo((plain, lstm)));

        int Largest(string cell) =>
            RecurrentChip
                .All.Where(chip =>
                    chip.Module == $"recurrent_{cell}" && chip.AllSharedBytes <= most
                )
                .Max(chip => chip.Most);
    }

    [Test]
    public void A_class_knows_the_shared_memory_of_its_kernels()
    {
        foreach (RecurrentChip chip in RecurrentChip.All)
        {
            PtxModule module = PtxModule.Parse(KernelImages.Ptx(chip.Module));
            int own = new[] { chip.Forward, chip.Backward }.Max(name =>
                (int)module.Kernels[name].StaticSharedBytes
            );
            Assert.That(own + chip.SharedBytes, Is.EqualTo(chip.AllSharedBytes), chip.Forward);
        }
    }

    [Test]
    public void Sizes_that_no_class_has_are_told()
    {
        Assert.That(RecurrentChip.Of("rnn", 273), Is.Null);
        Assert.That(RecurrentChip.Of("lstm", 137), Is.Null);
        Assert.That(RecurrentChip.Of("gru", 1), Is.Null);
        Assert.That(RecurrentChip.MostOf("gru"), Is.Zero);
        Assert.That(RecurrentChip.MostOf("lstm"), Is.EqualTo(136));
    }

    // The barrier of each step, planted away.
    [Test]
    public void A_step_without_its_barrier_is_a_race(
        [Values("tanh", "lstm")] string cell,
        [Values] bool backward
    )
    {
        var net = new RecurrentOnDevice(cell, 33, [4, 4], false) { IsPacked = true };
        string name = backward ? net.Chip.Backward : net.Chip.Forward;
        string text = KernelImages.Ptx(net.Chip.Module);
        int at = text.IndexOf($".entry {name}(", StringComparison.Ordinal);
        int end = text.IndexOf("\n}", at, StringComparison.Ordinal);
        int last = text.LastIndexOf("bar.sync", end, StringComparison.Ordinal);
        Assert.That(last, Is.GreaterThan(at));
        int line = text.IndexOf('\n', last);
        string planted = text[..last] + text[line..];
        Assert.That(
            () =>
            {
                for (ulong seed = 0; seed < 8; seed++)
                {
                    using var machine = new KernelMachine(seed)
                    {
                        Planted = PtxModule.Parse(planted),
                        Recorder = null,
                        SharedBytes = net.Chip.SharedBytes,
                    };
                    net.Run(machine);
                }
            },
            Throws.InstanceOf<PtxFaultException>()
        );
    }
}
