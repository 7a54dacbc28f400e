using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Models of every kind, by name.</summary>
internal static class Models
{
    public static readonly string[] RecurrentKinds = ["tanh", "relu", "linear rnn", "lstm", "gru"];

    /// <summary>The kinds that use the batch's statistics in training, and running ones otherwise.</summary>
    public static readonly string[] BatchNormed =
    [
        "batch norm",
        "batch normed lru",
        "batch postnormed lru",
        "batch normed block",
        "batch normed s5",
    ];

    /// <summary>The kinds of layers that have parameters.</summary>
    public static readonly string[] Kinds =
    [
        .. RecurrentKinds,
        "lstm x2",
        "tcn",
        "tcn with skip",
        "gated tcn",
        "gated tcn with skip",
        "lru block",
        "lru",
        "postnorm lru",
        "block",
        "postnorm block",
        "feed through",
        "diagonal lru",
        "polar lru",
        "stable lru",
        "s5 block",
        "layer normed s5",
        "s4d",
        "s4d both ways",
        "dss",
        "layer norm",
        "linear",
        "linear without bias",
        .. BatchNormed,
    ];

    /// <summary>Makes a recurrent network.</summary>
    public static Layer Recurrent(string kind, int inputs, int hidden, int layers = 1) =>
        kind switch
        {
            "tanh" => new Rnn(inputs, hidden, layers),
            "relu" => new Rnn(inputs, hidden, layers, relu: true),
            "linear rnn" => new Rnn(
                inputs,
                hidden,
                new RecurrentOptions { Layers = layers },
                RnnActivation.Linear
            ),
            "lstm" => new Lstm(inputs, hidden, layers),
            "gru" => new Gru(inputs, hidden, layers),
            _ => throw new ArgumentException(kind, nameof(kind)),
        };

    /// <summary>Makes a small model with four output channels.</summary>
    public static Layer Small(string kind) =>
        kind switch
        {
            "lstm x2" => new Lstm(3, 4, 2),
            "tcn" => new Tcn(4, [4, 4], 3),
            "tcn with skip" => new Tcn(3, [5, 4], 2),
            "gated tcn" => new Tcn(4, [4, 4], 3, activation: TcnActivation.Gated),
            "gated tcn with skip" => new Tcn(3, [5, 4], 2, activation: TcnActivation.Gated),
            "feed through" => new FeedThrough(new Sequential(new Gru(4, 3), new Linear(3, 4))),
            "lru block" => new LruBlock(4, 3),
            "lru" => new Lru(3, 4, 5, 2),
            "postnorm lru" => new Lru(3, 4, 5, 2, new LruOptions { Prenorm = false }),
            "diagonal lru" => new Lru(3, 4, 5, 2, new LruOptions { Rung = LruRung.Diagonal }),
            "polar lru" => new Lru(3, 4, 5, 2, new LruOptions { Rung = LruRung.Polar }),
            "stable lru" => new LruBlock(4, 3, new LruOptions { Rung = LruRung.Stable }),
            "s5 block" => new S5Block(4, 3, new S5Options { Norm = NormKind.Layer }),
            "layer normed s5" => new S5(
                3,
                4,
                6,
                2,
                new S5Options
                {
                    Norm = NormKind.Layer,
                    Blocks = 2,
                    Discretization = Discretization.Bilinear,
                }
            ),
            "batch normed s5" => new S5(3, 4, 5, 2),
            "batch normed lru" => new Lru(3, 4, 5, 2, new LruOptions { Norm = NormKind.Batch }),
            "batch postnormed lru" => new Lru(
                3,
                4,
                5,
                2,
                new LruOptions { Norm = NormKind.Batch, Prenorm = false }
            ),
            "block" => new SequenceBlock(new Gru(4, 4), new SequenceBlockOptions()),
            "postnorm block" => new SequenceBlock(
                new Sequential(new Tcn(4, [5], 2), new Linear(5, 4)),
                new SequenceBlockOptions { Prenorm = false, Mixing = BlockMixing.HalfGlu }
            ),
            "batch normed block" => new SequenceBlock(
                new Rnn(4, 4),
                new SequenceBlockOptions { Norm = NormKind.Batch, Mixing = BlockMixing.Linear }
            ),
            "s4d" => new Sequential(new Linear(3, 4), new S4D(4, 3)),
            "s4d both ways" => new SequenceBlock(
                new S4D(
                    4,
                    2,
                    new S4DOptions
                    {
                        Bidirectional = true,
                        Discretization = Discretization.Bilinear,
                        Initialization = S4DInitialization.LegS,
                    }
                ),
                new SequenceBlockOptions()
            ),
            "dss" => new SequenceBlock(
                new Dss(4, 3),
                new SequenceBlockOptions { Mixing = BlockMixing.Linear }
            ),
            "batch norm" => new BatchNorm(4),
            "layer norm" => new LayerNorm(4),
            "linear" => new Linear(3, 4),
            "linear without bias" => new Linear(3, 4, bias: false),
            _ => Recurrent(kind, 3, 4),
        };
}
