using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Layers;

/// <summary>
/// More threads than cores: slices of few sequences are computed several at a time, with the bits that each has by itself.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SliceGroupTests
{
    private const int Threads = 7;

    private static IEnumerable<RecurrentCase> Cases()
    {
        foreach (RecurrentKind kind in Enum.GetValues<RecurrentKind>())
        foreach (bool states in (bool[])[false, true])
        {
            // A chunk of gradients has fewer steps than the sequences, in the second case.
            yield return Case(kind, 9, 23, 3, 19, 2, bidirectional: true, states);
            yield return Case(kind, 150, 13, 2, 65, 1, bidirectional: false, states);
            // Threads without a sequence, and one sequence alone.
            yield return Case(kind, 5, 3, 2, 8, 1, bidirectional: true, states);
            yield return Case(kind, 1, 1, 1, 1, 1, bidirectional: false, states) with
            {
                MaxBatch = Threads,
            };
            // A batch far below the largest: slices between others have no sequence.
            yield return Case(kind, 6, 5, 2, 9, 2, bidirectional: true, states) with
            {
                MaxBatch = 4 * Threads,
            };
        }
        yield return Case(
            RecurrentKind.Lstm,
            6,
            9,
            3,
            10,
            2,
            bidirectional: true,
            states: true
        ) with
        {
            Projection = 5,
        };
    }

    private static RecurrentCase Case(
        RecurrentKind kind,
        int steps,
        int batch,
        int inputs,
        int hidden,
        int layers,
        bool bidirectional,
        bool states
    ) =>
        new(
            kind,
            steps,
            batch,
            inputs,
            hidden,
            layers,
            bidirectional,
            RecurrentBias.DoubleBias,
            null,
            states
        );

    [TestCaseSource(nameof(Cases))]
    public void Bits_do_not_depend_on_how_many_slices_a_core_takes(object of)
    {
        var c = (RecurrentCase)of;
        foreach (int bits in Backends.Widths)
        {
            RecurrentRun apart = On(bits, Threads, c);
            foreach (int groups in (int[])[1, 2, 3, 6])
                RequireSame(On(bits, groups, c), apart, $"{bits} bits, {groups} groups");
        }
    }

    // Sequences of different lengths are dealt to the slices, which then are not taken together; equal ones behind them are.
    [Test]
    public void Equal_lengths_are_taken_together_behind_different_ones(
        [Values] RecurrentKind kind,
        [Values] bool states
    )
    {
        RecurrentCase equal = Case(kind, 4, 5, 2, 6, 1, bidirectional: true, states) with
        {
            MaxBatch = 9,
        };
        RecurrentCase before = equal with { Batch = 9, Lengths = [4, 2, 3, 1, 4, 4, 1, 2, 3] };
        RecurrentRun apart = On(512, Threads, equal);
        foreach (int groups in (int[])[1, 2, 3, 6])
            RequireSame(On(512, groups, equal, before: before), apart, $"{groups} groups");
    }

    private static void RequireSame(RecurrentRun together, RecurrentRun apart, string where)
    {
        Assert.That(Same(together.Y, apart.Y), where);
        Assert.That(Same(together.FinalHidden, apart.FinalHidden), where);
        Assert.That(Same(together.FinalCell, apart.FinalCell), where);
        Assert.That(together.Gradients.Keys, Is.EqualTo(apart.Gradients.Keys));
        foreach ((string name, float[] gradient) in together.Gradients)
            Assert.That(Same(gradient, apart.Gradients[name]), $"{name}, {where}");
    }

    [Test]
    public void Without_gradients_too()
    {
        RecurrentCase c = Case(RecurrentKind.Gru, 6, 12, 3, 20, 2, bidirectional: true, true);
        float[] apart = On(512, Threads, c, training: false).Y;
        Assert.That(Same(On(512, 2, c, training: false).Y, apart));
        Assert.That(apart, Has.None.NaN);
    }

    private static RecurrentRun On(
        int bits,
        int groups,
        RecurrentCase c,
        bool training = true,
        RecurrentCase? before = null
    )
    {
        var options = new CpuOptions { VectorBits = bits, Threads = Threads };
        using var backend = new CpuBackend(options, "asked for") { SliceGroups = groups };
        return RecurrentRun.On(backend, c, training, before: before);
    }

    private static bool Same(float[] a, float[] b) =>
        a.Select(BitConverter.SingleToInt32Bits)
            .SequenceEqual(b.Select(BitConverter.SingleToInt32Bits));
}
