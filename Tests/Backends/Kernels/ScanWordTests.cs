using System.Text.RegularExpressions;
using NUnit.Framework;
using NUnit.Framework.Constraints;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The words by which tiles of a scan tell each other of their states: whatever blocks run at once, after 2^31 launches, and after a
/// launch that was killed.
/// </summary>
[TestFixture]
public sealed partial class ScanWordTests
{
    private const int Steps = 700;
    private const int Size = 40;
    private const uint LastEpoch = 0x7FFF_FFFE;

    private static readonly ScanRange[] s_all = [new(0, Steps)];

    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public void Bits_are_the_same_however_few_blocks_run_at_once(bool isPacked, bool reverse)
    {
        int[] lengths = [Steps, 333, 650];
        PackedLayout? packed = isPacked ? new PackedLayout(lengths) : null;
        int rows = packed?.Rows ?? Steps * lengths.Length;
        var draw = new Draw(5);
        float[] lambda = draw.Uniform(2 * Size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * rows * Size);
        float[] none = new float[2 * Size];
        ScanRange[] all = [new(0, Steps, reverse)];
        float[][]? first = null;
        foreach (int? blocks in (int?[])[1, 2, 3, 9, 1000, null])
        {
            using var machine = new KernelMachine((ulong)(blocks ?? 77)) { BlocksAtOnce = blocks };
            var device = new ScanOnDevice(
                machine,
                Steps,
                lengths.Length,
                Size,
                packed,
                1,
                false,
                reverse
            );
            float[] x = device.Forward(lambda, u, all);
            (float[] du, float[] dlambda) = device.Backward(lambda, x, u, none, all);
            first ??= [x, du, dlambda];
            Close.CheckBits(x, first[0], "x");
            Close.CheckBits(du, first[1], "du");
            Close.CheckBits(dlambda, first[2], "dlambda");
        }
    }

    // Words and marks of an epoch of the next round, as the last one has left them 2^31 launches ago. The short launches do not write
    // them: the one before epochs begin anew has to take them away.
    [Test]
    public void Epochs_begin_anew()
    {
        (float[] lambda, float[] u) = Draws(3);
        ScanRange[] few = [new(0, 40)];
        float[] expected;
        float[] expectedFew;
        using (var other = new KernelMachine())
        {
            ScanOnDevice fresh = Device(other);
            expectedFew = fresh.Forward(lambda, u, few);
            expected = fresh.Forward(lambda, u, s_all);
        }
        for (ulong seed = 1; seed <= 3; seed++)
        {
            using var machine = new KernelMachine(seed);
            ScanOnDevice device = Device(machine);
            Plant(machine, device, LastEpoch - 1, 0, tag: 4);
            for (int launch = 0; launch < 3; launch++)
                Close.CheckBits(device.Forward(lambda, u, few), expectedFew, $"launch {launch}");
            Assert.That(Turn(machine, device), Is.EqualTo((0, 1u)));
            Close.CheckBits(device.Forward(lambda, u, s_all), expected, "x");
            Assert.That(Turn(machine, device), Is.EqualTo((0, 2u)));
        }
    }

    [Test]
    public void A_block_that_has_begun_before_in_its_epoch_is_found()
    {
        (float[] lambda, float[] u) = Draws(3);
        using var machine = new KernelMachine { Recorder = null };
        ScanOnDevice device = Device(machine);
        Plant(machine, device, 1, 0, tag: 4);
        Assert.That(() => device.Forward(lambda, u, s_all), Traps);
    }

    // As a launch of more blocks would leave it, and one with a ticket less than there are blocks.
    [TestCase(88u)]
    [TestCase(100u)]
    [TestCase(uint.MaxValue)]
    public void A_ticket_beyond_the_grid_is_found(uint ticket)
    {
        (float[] lambda, float[] u) = Draws(3);
        using var machine = new KernelMachine { Recorder = null };
        ScanOnDevice device = Device(machine);
        Plant(machine, device, 1, ticket, tag: 0);
        Assert.That(() => device.Forward(lambda, u, s_all), Traps);
    }

    // Ticket, epoch and words of a launch that never ended, and then other values: a fault, or the right bits.
    [Test]
    public void What_a_killed_launch_leaves_is_never_taken_for_an_answer()
    {
        (float[] lambda, float[] u) = Draws(3);
        (_, float[] others) = Draws(4);
        float[] expected;
        long instructions;
        using (var other = new KernelMachine())
        {
            expected = Device(other).Forward(lambda, others, s_all);
            instructions = other.Counts.Instructions;
        }
        int found = 0;
        for (ulong seed = 1; seed <= 12; seed++)
        {
            using var machine = new KernelMachine(seed) { Recorder = null };
            ScanOnDevice device = Device(machine);
            machine.InstructionLimit = instructions * (long)seed / 14;
            Assert.That(
                () => device.Forward(lambda, u, s_all),
                Throws.TypeOf<PtxFaultException>(),
                "the launch is killed"
            );
            machine.InstructionLimit = 10_000_000_000;
            try
            {
                Close.CheckBits(device.Forward(lambda, others, s_all), expected, $"seed {seed}");
            }
            catch (PtxFaultException fault)
            {
                Assert.That(fault.Fault.Kind, Is.EqualTo(PtxFaultKind.Trap), fault.ToString());
                found++;
            }
        }
        Assert.That(found, Is.Positive);
    }

    // Words that are written by halves are torn sooner or later, and words that are read from a cache are old.
    [TestCase("st.relaxed.gpu.global.v2.u64", "st.global.v2.u64")]
    [TestCase("ld.relaxed.gpu.global.v2.u64", "ld.global.v2.u64")]
    [TestCase("st.relaxed.gpu.global.v2.u64", "st.relaxed.gpu.global.v4.u32")]
    public void Words_that_are_no_words_are_found(string word, string none)
    {
        (float[] lambda, float[] u) = Draws(3);
        float[] expected;
        using (var other = new KernelMachine())
            expected = Device(other).Forward(lambda, u, s_all);
        var planted = PtxModule.Parse(Plant(KernelImages.Ptx("scan_chunked"), word, none));
        int found = 0;
        for (ulong seed = 1; seed <= 20 && found == 0; seed++)
        {
            using var machine = new KernelMachine(seed)
            {
                Recorder = null,
                Planted = planted,
                BlocksAtOnce = 6,
            };
            try
            {
                if (!Device(machine).Forward(lambda, u, s_all).AsSpan().SequenceEqual(expected))
                    found++;
            }
            catch (PtxFaultException)
            {
                found++;
            }
        }
        Assert.That(found, Is.Positive);
    }

    // Another instruction in the place of one; with four numbers for the two words.
    private static string Plant(string ptx, string word, string none)
    {
        Assert.That(ptx, Does.Contain(word));
        return none.EndsWith("v4.u32", StringComparison.Ordinal)
            ? StoredWords()
                .Replace(
                    ptx,
                    "{ .reg .b32 %w<4>; mov.b64 {%w0, %w1}, $2; mov.b64 {%w2, %w3}, $3; "
                        + $"{none} $1, {{%w0, %w1, %w2, %w3}}; }}"
                )
            : ptx.Replace(word, none, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"st\.relaxed\.gpu\.global\.v2\.u64 (\[.*?\]), \{(%rd\d+), (%rd\d+)\};")]
    private static partial Regex StoredWords();

    private static IResolveConstraint Traps =>
        Throws
            .TypeOf<PtxFaultException>()
            .With.Property(nameof(PtxFaultException.Fault))
            .Property(nameof(PtxFault.Kind))
            .EqualTo(PtxFaultKind.Trap);

    private static (float[] Lambda, float[] U) Draws(ulong seed)
    {
        var draw = new Draw(seed);
        float[] lambda = new Draw(1).Uniform(2 * Size, -0.7f, 0.7f);
        return (lambda, draw.Uniform(2L * Steps * Size));
    }

    private static ScanOnDevice Device(KernelMachine machine) =>
        new(machine, Steps, 1, Size, null, 1, false, false);

    // Ticket and epoch, and in all words a tag and a number that is none of the scan's.
    private static void Plant(
        KernelMachine machine,
        ScanOnDevice device,
        uint epoch,
        uint ticket,
        uint tag
    )
    {
        uint[] words = new uint[device.Control.Count];
        (words[0], words[1]) = (ticket, epoch);
        int marks = words.Length - (words.Length - 4) / 129;
        for (int i = 4; i < words.Length; i++)
            words[i] = i >= marks || i % 2 == 1 ? tag : BitConverter.SingleToUInt32Bits(1e9f);
        machine.Write<uint>(device.Control, words);
    }

    private static (uint Ticket, uint Epoch) Turn(KernelMachine machine, ScanOnDevice device)
    {
        uint[] words = machine.Get<uint>(device.Control);
        return (words[0], words[1]);
    }
}
