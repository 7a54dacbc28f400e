using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Layers that cannot be: each message names what was given and what is allowed.</summary>
public sealed class LayerErrorTests
{
    private static readonly Refusal[] Refusals =
    [
        Size("linear from nothing", () => new Linear(0, 1), "inputSize", "0", "1"),
        Size("linear to less than nothing", () => new Linear(1, -2), "outputSize", "-2", "1"),
        Size("rnn from nothing", () => new Rnn(0, 1), "inputSize", "0", "1"),
        Size("lstm without units", () => new Lstm(1, 0), "hiddenSize", "0", "1"),
        Size("gru without layers", () => new Gru(1, 1, 0), "layers", "0", "1"),
        Size("layer norm of nothing", () => new LayerNorm(0), "size", "0", "1"),
        Size("layer norm with epsilon 0", () => new LayerNorm(3, 0f), "epsilon", "0", "above 0"),
        Size("layer norm with epsilon NaN", () => new LayerNorm(3, float.NaN), "NaN", "finite"),
        Size("batch norm of nothing", () => new BatchNorm(0), "size", "0", "1"),
        Size("batch norm of momentum 0", () => new BatchNorm(3, 0f), "momentum", "0", "above 0"),
        Size("batch norm of momentum 2", () => new BatchNorm(3, 2f), "momentum", "2", "at most 1"),
        Size("batch norm of momentum NaN", () => new BatchNorm(3, float.NaN), "NaN", "at most 1"),
        Size("batch norm of epsilon 0", () => new BatchNorm(3, 0.1f, 0f), "epsilon", "0", "above"),
        Size(
            "batch norm of endless epsilon",
            () => new BatchNorm(3, 0.1f, float.PositiveInfinity),
            "epsilon",
            "finite"
        ),
        Size("dropout of nothing", () => new Dropout(0, 0.5f), "size", "0", "1"),
        Size("dropout of all", () => new Dropout(3, 1f), "probability", "1", "below 1"),
        Size("dropout below 0", () => new Dropout(3, -0.1f), "probability", "-0.1", "at least 0"),
        Size("dropout of NaN", () => new Dropout(3, float.NaN), "NaN", "at least 0"),
        Size("last of nothing", () => new Last(0), "size", "0", "1"),
        Size("mean of nothing", () => new Mean(0), "size", "0", "1"),
        Size("tcn block from nothing", () => new TcnBlock(0, 1, 1, 1), "inputSize", "0", "1"),
        Size("tcn block without taps", () => new TcnBlock(1, 1, 0, 1), "kernel", "0", "1"),
        Size("tcn block of dilation 0", () => new TcnBlock(1, 1, 1, 0), "dilation", "0", "1"),
        Size("tcn with dropout of all", () => new Tcn(1, [1], 1, 1f), "dropout", "1", "below 1"),
        Size("tcn with a level of width 0", () => new Tcn(1, [1, 0], 1), "outputSize", "0", "1"),
        Refusal.Of<ArgumentException>(
            "tcn without levels",
            () => new Tcn(1, [], 1),
            "1 to 30",
            "0"
        ),
        Refusal.Of<ArgumentException>(
            "tcn of 31 levels",
            () => new Tcn(1, [.. Enumerable.Repeat(1, 31)], 1),
            "1 to 30",
            "31"
        ),
        Refusal.Of<ArgumentNullException>(
            "tcn without widths",
            () => new Tcn(1, null!, 1),
            "widths"
        ),
        Size("lru block of nothing", () => new LruBlock(0, 1), "modelSize", "0", "1"),
        Size("lru block without states", () => new LruBlock(1, 0), "stateSize", "0", "1"),
        Size(
            "lru with dropout of all",
            () => new LruBlock(1, 1, new LruOptions { Dropout = 1f }),
            "dropout",
            "below 1"
        ),
        Size(
            "lru with an unknown norm",
            () => new LruBlock(1, 1, new LruOptions { Norm = (NormKind)7 }),
            "7",
            "Layer or Batch"
        ),
        Size(
            "lru with momentum 0",
            () => new Lru(1, 1, 1, 1, new LruOptions { Norm = NormKind.Batch, Momentum = 0f }),
            "momentum",
            "above 0"
        ),
        Refusal.Of<ArgumentException>(
            "lru with no ring",
            () => new Lru(1, 1, 1, 1, new LruOptions { Ring = default }),
            "0 <= min < max <= 1"
        ),
        Refusal.Of<ArgumentNullException>(
            "lru without options",
            () => new Lru(1, 1, 1, 1, null!),
            "options"
        ),
        Size("both ends of an odd number", () => new BothEnds(3), "size", "3", "even"),
        Size("both ends of nothing", () => new BothEnds(0), "size", "0"),
        Size(
            "tcn of an unknown activation",
            () => new Tcn(1, [1], 1, activation: (TcnActivation)7),
            "activation",
            "7",
            "Relu or Gated"
        ),
        Size(
            "network that begins in an unknown way",
            () =>
                new Gru(1, 1, new RecurrentOptions { Initialization = (RecurrentInitialization)7 }),
            "7",
            "Uniform, Normal, NormalWithinCircle"
        ),
        Size(
            "block with dropout of all",
            () => new SequenceBlock(new Rnn(1, 1), new SequenceBlockOptions { Dropout = 1f }),
            "dropout",
            "below 1"
        ),
        Size(
            "block with an unknown norm",
            () => new SequenceBlock(new Rnn(1, 1), new SequenceBlockOptions { Norm = (NormKind)7 }),
            "7",
            "Layer or Batch"
        ),
        Size(
            "block with an unknown mixing",
            () =>
                new SequenceBlock(
                    new Rnn(1, 1),
                    new SequenceBlockOptions { Mixing = (BlockMixing)7 }
                ),
            "7",
            "Glu, HalfGlu, Linear or None"
        ),
        Refusal.Of<ArgumentNullException>(
            "block without a core",
            () => new SequenceBlock(null!, new SequenceBlockOptions()),
            "core"
        ),
        Refusal.Of<ArgumentNullException>(
            "block without options",
            () => new SequenceBlock(new Rnn(1, 1), null!),
            "options"
        ),
        Size(
            "lru of an unknown rung",
            () => new LruBlock(1, 1, new LruOptions { Rung = (LruRung)9 }),
            "9",
            "Lru, Diagonal, Polar, Stable or Ring"
        ),
        Size("s5 block of nothing", () => new S5Block(0, 1), "modelSize", "0", "1"),
        Size("s5 block without states", () => new S5Block(1, 0), "stateSize", "0", "1"),
        Size("s5 without blocks", () => new S5(1, 1, 1, 0), "blocks", "0", "1"),
        Size(
            "s5 without hippo blocks",
            () => new S5Block(1, 1, new S5Options { Blocks = 0 }),
            "0",
            "at least 1"
        ),
        Size(
            "s5 of an unknown discretization",
            () => new S5Block(1, 1, new S5Options { Discretization = (Discretization)7 }),
            "7",
            "ZeroOrderHold or Bilinear"
        ),
        Size(
            "s5 of an unknown mixing",
            () => new S5Block(1, 1, new S5Options { Mixing = (BlockMixing)7 }),
            "7",
            "Glu, HalfGlu, Linear or None"
        ),
        Size(
            "s5 with dropout of all",
            () => new S5Block(1, 1, new S5Options { Dropout = 1f }),
            "dropout",
            "below 1"
        ),
        Refusal.Of<ArgumentException>(
            "s5 whose hippo blocks do not fit",
            () => new S5Block(1, 5, new S5Options { Blocks = 2 }),
            "5 states",
            "2 HiPPO blocks",
            "divide"
        ),
        Refusal.Of<ArgumentException>(
            "s5 of steps turned around",
            () => new S5Block(1, 1, new S5Options { MinStep = 0.2f }),
            "0 < min <= max",
            "0.2"
        ),
        Refusal.Of<ArgumentException>(
            "s5 of endless steps",
            () => new S5Block(1, 1, new S5Options { MaxStep = float.PositiveInfinity }),
            "0 < min <= max"
        ),
        Refusal.Of<ArgumentNullException>(
            "s5 without options",
            () => new S5Block(1, 1, null!),
            "options"
        ),
        Size("s4d of nothing", () => new S4D(0), "modelSize", "0", "1"),
        Size("s4d without states", () => new S4D(1, 0), "stateSize", "0", "1"),
        Size("dss of nothing", () => new Dss(0), "modelSize", "0", "1"),
        Size("dss without states", () => new Dss(1, 0), "stateSize", "0", "1"),
        Size("lru without blocks", () => new Lru(1, 1, 1, 0), "blocks", "0", "1"),
        Refusal.Of<ArgumentException>(
            "ring turned inside out",
            () => new LruBlock(1, 1, ring: new LruRing(0.9, 0.8)),
            "0 <= min < max <= 1",
            "0.9",
            "0.8"
        ),
        Refusal.Of<ArgumentException>(
            "ring beyond 1",
            () => new LruBlock(1, 1, ring: new LruRing(0.5, 1.001)),
            "0 <= min < max <= 1",
            "0.5"
        ),
        Refusal.Of<ArgumentException>(
            "ring of phase 7",
            () => new LruBlock(1, 1, ring: new LruRing(0.5, 0.9, 7)),
            "above 0 and at most 2 pi",
            "7"
        ),
        Refusal.Of<ArgumentException>(
            "a layer at two places",
            () =>
            {
                var gru = new Gru(4, 4);
                _ = new Sequential(gru, new Linear(4, 4), gru);
            },
            "The Gru at 2 is the one at 0"
        ),
        Refusal.Of<ArgumentException>(
            "a layer here and in a layer",
            () =>
            {
                var norm = new BatchNorm(4);
                _ = new Sequential(norm, new Sequential(new Linear(4, 4), norm));
            },
            "The BatchNorm at 1.1 is the one at 0"
        ),
        Refusal.Of<ArgumentException>(
            "a layer in two layers",
            () =>
            {
                var linear = new Linear(4, 4);
                _ = new Sequential(
                    new Sequential(new Tcn(4, [4], 2), linear),
                    new Sequential(new Sequential(linear))
                );
            },
            "The Linear at 1.0.0 is the one at 0.1"
        ),
        Refusal.Of<ArgumentException>(
            "layers of layers at two places",
            () =>
            {
                var tcn = new Tcn(4, [4], 2);
                _ = new Sequential(tcn, tcn);
            },
            "The Tcn at 1 is the one at 0"
        ),
        Refusal.Of<ArgumentException>("no layers", () => new Sequential(), "at least one"),
        Refusal.Of<ArgumentNullException>("null layers", () => new Sequential(null!), "layers"),
        Refusal.Of<ArgumentException>(
            "a layer that is null",
            () => new Sequential(new Linear(1, 1), null!),
            "Layer 1"
        ),
        Refusal.Of<ArgumentException>(
            "sizes that do not meet",
            () => new Sequential(new Linear(2, 3), new Last(3), new Linear(4, 5)),
            "Layer 2",
            "4",
            "layer 1",
            "3"
        ),
    ];

    private static Refusal Size(string name, Func<Layer> make, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>(name, () => make(), says);

    [TestCaseSource(nameof(Refusals))]
    public void A_layer_that_cannot_be_is_refused(Refusal refusal) => refusal.Check();
}
