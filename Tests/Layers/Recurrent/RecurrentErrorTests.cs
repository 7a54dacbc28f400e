using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Options that a recurrent network cannot have.</summary>
public sealed class RecurrentErrorTests
{
    private static readonly Refusal[] Refusals =
    [
        .. new (string Name, Func<RecurrentOptions, Layer> Make)[]
        {
            ("Tanh", o => new Rnn(3, 4, o)),
            ("Relu", o => new Rnn(3, 4, o, relu: true)),
            ("Linear", o => new Rnn(3, 4, o, RnnActivation.Linear)),
            ("Gru", o => new Gru(3, 4, o)),
        }.SelectMany(kind =>
            new[]
            {
                Refusal.Of<ArgumentException>(
                    $"{kind.Name} with a projection",
                    () => kind.Make(new RecurrentOptions { ProjectionSize = 2 }),
                    "Only an LSTM has a projection",
                    kind.Name
                ),
                Refusal.Of<ArgumentException>(
                    $"{kind.Name} with a clip",
                    () => kind.Make(new RecurrentOptions { CellClip = new CellClip(-1f, 1f) }),
                    "Only an LSTM has a cell state",
                    kind.Name
                ),
            }
        ),
        .. new (RecurrentKind Kind, Func<RecurrentOptions, Layer> Make)[]
        {
            (RecurrentKind.Lstm, o => new Lstm(3, 4, o)),
            (RecurrentKind.Gru, o => new Gru(3, 4, o)),
        }.Select(gated =>
            Refusal.Of<ArgumentException>(
                $"{gated.Kind} within the circle",
                () =>
                    gated.Make(
                        new RecurrentOptions
                        {
                            Initialization = RecurrentInitialization.NormalWithinCircle,
                        }
                    ),
                "Only an RNN begins NormalWithinCircle",
                $"{gated.Kind}"
            )
        ),
        Refusal.Of<ArgumentOutOfRangeException>(
            "an activation that there is not",
            () => new Rnn(3, 4, (RnnActivation)7),
            "7",
            "Tanh, Relu or Linear"
        ),
        .. new[] { -1, 0, 4, 5 }.Select(size =>
            Refusal.Of<ArgumentOutOfRangeException>(
                $"a projection of {size} of 4",
                () => new Lstm(3, 4, new RecurrentOptions { ProjectionSize = size }),
                "1 to 3",
                $"{size}",
                "leave it out for no projection"
            )
        ),
        Refusal.Of<ArgumentOutOfRangeException>(
            "a projection of one unit",
            () => new Lstm(3, 1, new RecurrentOptions { ProjectionSize = 1 }),
            "nothing to project"
        ),
        .. new[]
        {
            (1f, -1f),
            (float.NaN, 1f),
            (-1f, float.NaN),
            (float.NegativeInfinity, 1f),
            (0f, float.PositiveInfinity),
        }.Select(bounds =>
            Refusal.Of<ArgumentOutOfRangeException>(
                $"a clip of {bounds.Item1} to {bounds.Item2}",
                () =>
                    new Lstm(
                        3,
                        4,
                        new RecurrentOptions { CellClip = new CellClip(bounds.Item1, bounds.Item2) }
                    ),
                "finite",
                "Min not above Max"
            )
        ),
        Refusal.Of<ArgumentOutOfRangeException>(
            "a bias that is none of the four",
            () => new Gru(3, 4, new RecurrentOptions { Bias = (RecurrentBias)7 }),
            "7",
            "NoBias, SingleInputBias, DoubleBias, SingleRecurrentBias"
        ),
    ];

    [TestCaseSource(nameof(Refusals))]
    public void Options_that_cannot_be_say_what_is_allowed(Refusal refusal) => refusal.Check();

    [Test]
    public void Bounds_may_be_equal()
    {
        using var model = new Lstm(
            3,
            4,
            new RecurrentOptions { CellClip = new CellClip(0.5f, 0.5f) }
        );
        Assert.That(model.Options.CellClip!.Max, Is.EqualTo(0.5f));
    }
}
