using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// Directions, lengths, states and bias modes of the recurrent operation, against the reference run on one sequence at a
/// time, each direction by itself.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
internal sealed class RecurrentOptionTests(int bits, int threads, bool sharesUnits)
{
    private CpuBackend Backend => Backends.Get(bits, threads, sharesUnits);

    private static readonly RecurrentCase[] Cases =
    [
        new(RecurrentKind.Tanh, 3, 4, 2, 3, 1, true, RecurrentBias.DoubleBias, null, true),
        new(RecurrentKind.Relu, 4, 3, 3, 5, 2, true, RecurrentBias.SingleInputBias, null, false),
        new(RecurrentKind.Linear, 4, 3, 3, 5, 2, true, RecurrentBias.DoubleBias, [4, 1, 3], true),
        new(RecurrentKind.Linear, 3, 4, 2, 17, 1, true, RecurrentBias.NoBias, null, true),
        new(
            RecurrentKind.Linear,
            3,
            2,
            2,
            3,
            2,
            false,
            RecurrentBias.SingleRecurrentBias,
            null,
            false
        ),
        new(RecurrentKind.Lstm, 5, 3, 2, 3, 1, false, RecurrentBias.DoubleBias, [2, 5, 1], true),
        new(
            RecurrentKind.Lstm,
            4,
            5,
            2,
            3,
            2,
            true,
            RecurrentBias.DoubleBias,
            [4, 1, 3, 4, 2],
            true
        ),
        new(RecurrentKind.Lstm, 4, 2, 3, 17, 1, true, RecurrentBias.NoBias, null, true),
        new(RecurrentKind.Gru, 5, 4, 2, 3, 1, true, RecurrentBias.DoubleBias, [3, 3, 5, 1], true),
        new(
            RecurrentKind.Gru,
            4,
            3,
            1,
            5,
            3,
            false,
            RecurrentBias.SingleInputBias,
            [1, 4, 2],
            false
        ),
        new(RecurrentKind.Gru, 3, 2, 3, 4, 2, true, RecurrentBias.NoBias, [3, 3], true),
        new(
            RecurrentKind.Tanh,
            6,
            7,
            3,
            2,
            2,
            false,
            RecurrentBias.DoubleBias,
            [1, 2, 6, 3, 4, 6, 5],
            true
        ),
        new(RecurrentKind.Tanh, 1, 1, 1, 1, 1, true, RecurrentBias.DoubleBias, [1], true),
        new(
            RecurrentKind.Tanh,
            3,
            2,
            2,
            3,
            2,
            false,
            RecurrentBias.SingleRecurrentBias,
            null,
            true
        ),
        new(RecurrentKind.Lstm, 3, 2, 2, 3, 1, true, RecurrentBias.SingleRecurrentBias, null, true),
        new(RecurrentKind.Gru, 4, 3, 2, 5, 2, true, RecurrentBias.SingleRecurrentBias, null, true),
    ];

    // PyTorch's names and order.
    [TestCase(RecurrentBias.NoBias, "weight_ih_l0 weight_hh_l0")]
    [TestCase(RecurrentBias.SingleInputBias, "weight_ih_l0 weight_hh_l0 bias_ih_l0")]
    [TestCase(RecurrentBias.SingleRecurrentBias, "weight_ih_l0 weight_hh_l0 bias_hh_l0")]
    [TestCase(RecurrentBias.DoubleBias, "weight_ih_l0 weight_hh_l0 bias_ih_l0 bias_hh_l0")]
    public void ABiasModeHasItsParameters(RecurrentBias bias, string names)
    {
        using var gru = new Gru(2, 5, new RecurrentOptions { Bias = bias });
        using var lstm = new Lstm(2, 5, new RecurrentOptions { Bias = bias, ProjectionSize = 3 });
        Assert.Multiple(() =>
        {
            Assert.That(string.Join(' ', gru.Parameters.Select(p => p.Name)), Is.EqualTo(names));
            Assert.That(
                string.Join(' ', lstm.Parameters.Select(p => p.Name)),
                Is.EqualTo(names + " weight_hr_l0")
            );
            Assert.That(lstm.Parameters[1].Shape, Is.EqualTo(new Shape(20, 3)));
            Assert.That(lstm.Parameters[^1].Shape, Is.EqualTo(new Shape(3, 5)));
            Assert.That(lstm.OutputSize, Is.EqualTo(3));
        });
    }

    [TestCaseSource(nameof(Cases))]
    public void OutputsStatesAndGradientsMatchTheReference(RecurrentCase c) =>
        RecurrentExpectation.Check(c, RecurrentRun.On(Backend, c));

    [TestCaseSource(nameof(Cases))]
    public void EvaluationGivesTheSameOutputsAndStates(RecurrentCase c)
    {
        RecurrentRun trained = RecurrentRun.On(Backend, c);
        RecurrentRun evaluated = RecurrentRun.On(Backend, c, training: false);

        Close.CheckBits(evaluated.Y, trained.Y, "y");
        Close.CheckBits(evaluated.FinalHidden, trained.FinalHidden, "final hidden");
        Close.CheckBits(evaluated.FinalCell, trained.FinalCell, "final cell");
    }

    [Test]
    public void FullLengthsGiveWhatNoLengthsGive()
    {
        var without = new RecurrentCase(
            RecurrentKind.Lstm,
            5,
            6,
            2,
            9,
            2,
            true,
            RecurrentBias.DoubleBias,
            null,
            true
        );
        RecurrentRun full = RecurrentRun.On(Backend, without);
        RecurrentRun packed = RecurrentRun.On(
            Backend,
            without with
            {
                Lengths = [5, 5, 5, 5, 5, 5],
            }
        );

        Close.Check(packed.Y, Array.ConvertAll(full.Y, v => (double)v), Close.Output, "y");
    }

    [Test]
    public void ValuesBeyondTheEndReachNothing()
    {
        var c = new RecurrentCase(
            RecurrentKind.Gru,
            6,
            3,
            2,
            5,
            2,
            true,
            RecurrentBias.DoubleBias,
            [2, 6, 4],
            false
        );
        RecurrentRun plain = RecurrentRun.On(Backend, c);
        RecurrentRun poisoned = RecurrentRun.On(Backend, c, poison: true);

        Close.CheckBits(poisoned.Y, plain.Y, "y");
        foreach (string name in plain.Gradients.Keys)
            Close.CheckBits(poisoned.Gradients[name], plain.Gradients[name], name);
    }
}
