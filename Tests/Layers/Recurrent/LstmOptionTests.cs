using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>What only an LSTM has: the projection of its output and bounds of its cell state.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
internal sealed class LstmOptionTests(int bits, int threads, bool sharesUnits)
{
    private CpuBackend Backend => Backends.Get(bits, threads, sharesUnits);

    // A tight clip that acts on many cells of the random operands, one that acts on none, one that lies above zero.
    private static readonly CellClip Tight = new(-0.2f, 0.3f);
    private static readonly CellClip Wide = new(-50f, 50f);
    private static readonly CellClip Above = new(0.25f, 0.75f);

    private static readonly RecurrentCase[] Cases =
    [
        Lstm(1, 1, 1, 2) with
        {
            Projection = 1,
        },
        Lstm(4, 3, 2, 5) with
        {
            Projection = 3,
        },
        Lstm(3, 4, 3, 17) with
        {
            Projection = 16,
            States = false,
        },
        Lstm(2, 5, 2, 9) with
        {
            Projection = 2,
            Layers = 3,
            Bias = RecurrentBias.NoBias,
        },
        Lstm(4, 3, 2, 4) with
        {
            Projection = 2,
            Layers = 2,
            Lengths = [2, 4, 1],
        },
        // Everything together, unpacked and packed.
        Lstm(4, 3, 2, 5) with
        {
            Projection = 3,
            Layers = 3,
            Dropout = 0.4f,
            Clip = Tight,
        },
        Lstm(5, 4, 2, 4) with
        {
            Projection = 3,
            Layers = 2,
            Lengths = [5, 2, 2, 1],
            Packed = true,
            Dropout = 0.4f,
            Clip = Tight,
        },
        Lstm(1, 1, 1, 1) with
        {
            Clip = Tight,
        },
        Lstm(6, 3, 2, 5) with
        {
            Clip = Tight,
        },
        Lstm(3, 2, 2, 9) with
        {
            Clip = Tight,
            States = false,
            Layers = 2,
        },
        Lstm(4, 4, 2, 3) with
        {
            Clip = Tight,
            Lengths = [4, 1, 3, 1],
        },
        Lstm(3, 2, 2, 3) with
        {
            Clip = Wide,
        },
        Lstm(3, 2, 2, 3) with
        {
            Clip = Above,
            States = false,
        },
    ];

    private static RecurrentCase Lstm(int steps, int batch, int inputs, int hidden) =>
        new(
            RecurrentKind.Lstm,
            steps,
            batch,
            inputs,
            hidden,
            1,
            true,
            RecurrentBias.DoubleBias,
            null,
            true
        );

    [TestCaseSource(nameof(Cases))]
    public void OutputsStatesAndGradientsMatchTheReference(RecurrentCase c) =>
        RecurrentExpectation.Check(c, RecurrentRun.On(Backend, c));

    [TestCaseSource(nameof(Cases))]
    public void EvaluationGivesTheSameOutputsAndStates(RecurrentCase c)
    {
        RecurrentCase plain = c with { Dropout = 0 };
        RecurrentRun trained = RecurrentRun.On(Backend, plain);
        RecurrentRun evaluated = RecurrentRun.On(Backend, c, training: false);

        Close.CheckBits(evaluated.Y, trained.Y, "y");
        Close.CheckBits(evaluated.FinalHidden, trained.FinalHidden, "final hidden");
        Close.CheckBits(evaluated.FinalCell, trained.FinalCell, "final cell");
    }

    [Test]
    public void TheBackwardOfALongBatchGoesInPieces()
    {
        // More rows than a piece of time that backward works in, so that several make the projection's gradient.
        RecurrentCase c = Lstm(150, 70, 1, 6) with
        {
            Projection = 1,
            Bidirectional = false,
            Bias = RecurrentBias.NoBias,
            States = false,
            Clip = Tight,
        };
        RecurrentRun actual = RecurrentRun.On(Backend, c);
        var expected = new RecurrentExpectation(c, actual);
        int from = (int)actual.Layout.Offsets["weight_hr_l0"];

        double[] gradient = expected.ParameterGradient(from, 6);

        Close.Check(actual.Y, expected.Y, Close.Output, "y");
        Close.Check(
            actual.Gradients["parameters"].AsSpan(from, 6),
            gradient,
            Close.Gradient,
            "gradient of weight_hr_l0"
        );
    }

    [Test]
    public void ATightClipActsAndAWideOneDoesNot()
    {
        RecurrentCase c = Lstm(6, 3, 2, 5);
        RecurrentRun none = RecurrentRun.On(Backend, c);
        RecurrentRun wide = RecurrentRun.On(Backend, c with { Clip = Wide });
        RecurrentRun tight = RecurrentRun.On(Backend, c with { Clip = Tight });

        Close.CheckBits(wide.Y, none.Y, "y");
        Close.CheckBits(wide.Gradients["parameters"], none.Gradients["parameters"], "parameters");
        Assert.Multiple(() =>
        {
            Assert.That(tight.Y, Is.Not.EqualTo(none.Y));
            // Handed out as they are, not as they are read.
            Assert.That(tight.FinalCell.Max(), Is.GreaterThan(Tight.Max));
            Assert.That(tight.FinalCell.Min(), Is.LessThan(Tight.Min));
        });
    }

    [Test]
    public void AClippedNaNStaysOne()
    {
        using var model = new Lstm(1, 5, new RecurrentOptions { CellClip = Tight });
        using Plan plan = model.Plan(Backend, 2, 1, Mode.Evaluation);
        float[] y = plan.Forward([float.NaN, 0f], 2, 1).ToArray();
        Assert.That(y, Is.All.NaN);
    }
}
