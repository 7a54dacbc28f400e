using Sequor.Layers;

namespace Sequor.Tests.Plans;

/// <summary>Models that stream: every layer that does, and what it has several of.</summary>
internal static class StreamModels
{
    /// <summary>Steps that some of them are made for.</summary>
    public const int Steps = 23;

    /// <summary>Their channels in.</summary>
    public const int Inputs = 3;

    public static readonly (string Name, Func<Layer> Make)[] All =
    [
        ("rnn", () => new Rnn(Inputs, 7, 2)),
        ("relu", () => new Rnn(Inputs, 5, 1, relu: true)),
        (
            "linear",
            () => new Rnn(Inputs, 5, new RecurrentOptions { Layers = 2 }, RnnActivation.Linear)
        ),
        ("lstm", () => new Lstm(Inputs, 9, 3)),
        ("gru", () => new Gru(Inputs, 17, 2)),
        (
            "projected and clipped",
            () =>
                new Lstm(
                    Inputs,
                    9,
                    new RecurrentOptions
                    {
                        Layers = 2,
                        ProjectionSize = 4,
                        CellClip = new CellClip(-0.05f, 0.05f),
                    }
                )
        ),
        ("tcn", () => new Tcn(Inputs, [5, 5, 8], 3)),
        ("tcn kernel 1", () => new Tcn(Inputs, [4], 1)),
        ("gated tcn", () => new Tcn(Inputs, [5, 5, 8], 3, 0.3f, TcnActivation.Gated)),
        (
            "direct term",
            () => new FeedThrough(new Sequential(new Gru(Inputs, 5), new Linear(5, Inputs)))
        ),
        ("lru", () => new Lru(Inputs, 6, 5, 3)),
        ("postnorm lru", () => new Lru(Inputs, 6, 5, 3, new LruOptions { Prenorm = false })),
        (
            "blocks",
            () =>
                new Sequential(
                    new SequenceBlock(
                        new Sequential(new Gru(Inputs, 6), new Tcn(6, [5, Inputs], 2)),
                        new SequenceBlockOptions { Mixing = BlockMixing.HalfGlu, Dropout = 0.5f }
                    ),
                    new SequenceBlock(
                        new Rnn(Inputs, Inputs),
                        new SequenceBlockOptions { Prenorm = false, Mixing = BlockMixing.None }
                    )
                )
        ),
        ("s4d", () => new Sequential(new S4D(Inputs, 5), new S4D(Inputs, 1))),
        (
            "dss",
            () =>
                new Sequential(
                    new Dss(Inputs, 5, new DssOptions { Kernel = DssKernel.Exp }),
                    new Dss(Inputs, 3, new DssOptions { Length = Steps })
                )
        ),
        (
            "diagonal lru",
            () => new Lru(Inputs, 6, 5, 2, new LruOptions { Rung = LruRung.Diagonal })
        ),
        ("stable lru", () => new Lru(Inputs, 6, 5, 2, new LruOptions { Rung = LruRung.Stable })),
        ("s5", () => new S5(Inputs, 6, 5, 3)),
        (
            "bilinear s5",
            () =>
                new S5(
                    Inputs,
                    6,
                    4,
                    2,
                    new S5Options
                    {
                        Discretization = Discretization.Bilinear,
                        Norm = NormKind.Layer,
                        Blocks = 2,
                    }
                )
        ),
        ("linear layer", () => new Linear(Inputs, 37)),
        ("batch norm", () => new Sequential(new BatchNorm(Inputs), new Gru(Inputs, 4))),
        (
            "gated tcn in blocks",
            () =>
                new SequenceBlock(
                    new Tcn(Inputs, [6, Inputs], 2, activation: TcnActivation.Gated),
                    new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                )
        ),
        (
            "all",
            () =>
                new Sequential(
                    new Linear(Inputs, 4),
                    new LayerNorm(4),
                    new Tcn(4, [6, 6], 2),
                    new Dropout(6, 0.5f),
                    new Lru(6, 5, 3, 1),
                    new Gru(5, 8),
                    new Linear(8, 2)
                )
        ),
    ];
}
