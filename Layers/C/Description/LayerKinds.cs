using Sequor.Layers;

namespace Sequor.C;

/// <summary>All kinds of layers that descriptions can name, with their keys as docs/c.md lists them.</summary>
internal static class LayerKinds
{
    private const string S5Keys =
        " discretization? hippo_blocks? min_step? max_step? norm? prenorm? momentum? bidirectional? dropout? shared_dropout? mixing?";
    private const string RecurrentKeys =
        "input? hidden layers? bidirectional? bias? dropout? initialization?";

    /// <summary>The kinds, in the order in which they are listed.</summary>
    public static IReadOnlyList<LayerKind> All { get; } =
    [
        new(
            "rnn",
            RecurrentKeys + " activation?",
            (f, before) =>
                new Rnn(
                    Size(f, "input", before),
                    f.Int("hidden"),
                    Options(f),
                    f.Find("activation")
                        ?.Word(
                            ("tanh", RnnActivation.Tanh),
                            ("relu", RnnActivation.Relu),
                            ("linear", RnnActivation.Linear)
                        )
                        ?? RnnActivation.Tanh
                )
        ),
        new(
            "lstm",
            RecurrentKeys + " projection? cell_clip?",
            (f, before) =>
                new Lstm(
                    Size(f, "input", before),
                    f.Int("hidden"),
                    Options(f) with
                    {
                        ProjectionSize = f.Find("projection")?.Int(),
                        CellClip = f.Find("cell_clip") is { } clip ? Clip(clip) : null,
                    }
                )
        ),
        new(
            "gru",
            RecurrentKeys,
            (f, before) => new Gru(Size(f, "input", before), f.Int("hidden"), Options(f))
        ),
        new(
            "tcn",
            "input? widths kernel dropout? activation?",
            (f, before) =>
                new Tcn(
                    Size(f, "input", before),
                    [.. f.Require("widths").Elements("whole numbers").Select(e => e.Int())],
                    f.Int("kernel"),
                    f.Float("dropout", 0f),
                    Activation(f)
                )
        ),
        new(
            "tcn_block",
            "input? output kernel dilation? dropout? activation?",
            (f, before) =>
                new TcnBlock(
                    Size(f, "input", before),
                    f.Int("output"),
                    f.Int("kernel"),
                    f.Int("dilation", 1),
                    f.Float("dropout", 0f),
                    Activation(f)
                )
        ),
        new(
            "lru",
            "input? model state blocks? norm? prenorm? momentum? bidirectional? dropout? shared_dropout? ring? rung?",
            (f, before) =>
                new Lru(
                    Size(f, "input", before),
                    f.Int("model"),
                    f.Int("state"),
                    f.Int("blocks", 1),
                    LruOptions(f)
                )
        ),
        new(
            "lru_block",
            "model? state norm? prenorm? momentum? bidirectional? dropout? shared_dropout? ring? rung?",
            (f, before) => new LruBlock(Size(f, "model", before), f.Int("state"), LruOptions(f))
        ),
        new(
            "sequence_block",
            "core norm? prenorm? momentum? dropout? shared_dropout? mixing?",
            (f, before) =>
                new SequenceBlock(
                    LayerDescription.Layer(f.Require("core"), before),
                    new SequenceBlockOptions
                    {
                        Norm = Norm(f, NormKind.Layer),
                        Prenorm = f.Bool("prenorm", true),
                        Momentum = f.Float("momentum", 0.01f),
                        Dropout = f.Float("dropout", 0f),
                        SharedDropout = f.Bool("shared_dropout", false),
                        Mixing = Mixing(f, BlockMixing.Glu),
                    }
                )
        ),
        new(
            "s5",
            "input? model state blocks?" + S5Keys,
            (f, before) =>
                new S5(
                    Size(f, "input", before),
                    f.Int("model"),
                    f.Int("state"),
                    f.Int("blocks", 1),
                    S5Options(f)
                )
        ),
        new(
            "s5_block",
            "model? state" + S5Keys,
            (f, before) => new S5Block(Size(f, "model", before), f.Int("state"), S5Options(f))
        ),
        new(
            "s4d",
            "model? state? initialization? discretization? bidirectional? min_step? max_step?",
            (f, before) =>
                new S4D(
                    Size(f, "model", before),
                    f.Int("state", 32),
                    new S4DOptions
                    {
                        Initialization =
                            f.Find("initialization")
                                ?.Word(
                                    ("inv", S4DInitialization.Inv),
                                    ("lin", S4DInitialization.Lin),
                                    ("legs", S4DInitialization.LegS),
                                    ("real", S4DInitialization.Real)
                                )
                            ?? S4DInitialization.Inv,
                        Discretization = Rule(f),
                        Bidirectional = f.Bool("bidirectional", false),
                        MinStep = f.Float("min_step", 1e-3f),
                        MaxStep = f.Float("max_step", 0.1f),
                    }
                )
        ),
        new(
            "dss",
            "model? state? kernel? bidirectional? min_step? max_step? length?",
            (f, before) =>
                new Dss(
                    Size(f, "model", before),
                    f.Int("state", 64),
                    new DssOptions
                    {
                        Kernel =
                            f.Find("kernel")
                                ?.Word(("softmax", DssKernel.Softmax), ("exp", DssKernel.Exp))
                            ?? DssKernel.Softmax,
                        Bidirectional = f.Bool("bidirectional", false),
                        MinStep = f.Float("min_step", 1e-3f),
                        MaxStep = f.Float("max_step", 0.1f),
                        Length = f.Find("length")?.Int(),
                    }
                )
        ),
        new(
            "embedding",
            "count size padding_index? scale? uniform?",
            (f, before) =>
                before.Add(
                    new Embedding(
                        f.Int("count"),
                        f.Int("size"),
                        f.Find("padding_index")?.Int(),
                        f.Float("scale", 1f),
                        f.Bool("uniform", false)
                    )
                )
        ),
        new(
            "linear",
            "inputs? outputs bias?",
            (f, before) =>
                new Linear(Size(f, "inputs", before), f.Int("outputs"), f.Bool("bias", true))
        ),
        new(
            "tied_linear",
            "bias?",
            (f, before) => new TiedLinear(before.OnlyEmbedding(f.Place), f.Bool("bias", true))
        ),
        new(
            "layer_norm",
            "size? epsilon?",
            (f, before) => new LayerNorm(Size(f, "size", before), f.Float("epsilon", 1e-5f))
        ),
        new(
            "batch_norm",
            "size? momentum? epsilon?",
            (f, before) =>
                new BatchNorm(
                    Size(f, "size", before),
                    f.Float("momentum", 0.1f),
                    f.Float("epsilon", 1e-5f)
                )
        ),
        new(
            "dropout",
            "size? probability",
            (f, before) => new Dropout(Size(f, "size", before), f.Require("probability").Float())
        ),
        new(
            "feed_through",
            "body",
            (f, before) => new FeedThrough(LayerDescription.Layer(f.Require("body"), before))
        ),
        new("both_ends", "size?", (f, before) => new BothEnds(Size(f, "size", before))),
        new("last", "size?", (f, before) => new Last(Size(f, "size", before))),
        new("mean", "size?", (f, before) => new Mean(Size(f, "size", before))),
        new("sequential", "layers", (f, before) => LayerDescription.Sequence(f, before)),
        new(
            "residual",
            "body",
            (f, before) => new Residual(LayerDescription.Layer(f.Require("body"), before))
        ),
        new(
            "branches",
            "layers join?",
            (f, before) =>
                new Branches(
                    f.Find("join")
                        ?.Word(("add", BranchJoin.Add), ("concatenate", BranchJoin.Concatenate))
                        ?? BranchJoin.Add,
                    [
                        .. f.Require("layers")
                            .Elements("layers")
                            .Select(e => LayerDescription.Layer(e, before)),
                    ]
                )
        ),
    ];

    // What is left out is what the layer before gives.
    private static int Size(Fields fields, string key, Before before) =>
        fields.Find(key)?.Int() ?? before.Channels ?? fields.Int(key);

    private static RecurrentOptions Options(Fields f) =>
        new()
        {
            Layers = f.Int("layers", 1),
            Bidirectional = f.Bool("bidirectional", false),
            Bias =
                f.Find("bias")
                    ?.Word(
                        ("none", RecurrentBias.NoBias),
                        ("input", RecurrentBias.SingleInputBias),
                        ("both", RecurrentBias.DoubleBias),
                        ("recurrent", RecurrentBias.SingleRecurrentBias)
                    )
                ?? RecurrentBias.DoubleBias,
            Dropout = f.Float("dropout", 0f),
            Initialization =
                f.Find("initialization")
                    ?.Word(
                        ("uniform", RecurrentInitialization.Uniform),
                        ("normal", RecurrentInitialization.Normal),
                        ("normal_within_circle", RecurrentInitialization.NormalWithinCircle)
                    )
                ?? RecurrentInitialization.Uniform,
        };

    private static CellClip Clip(Place place)
    {
        Place[] bounds = place.Elements("two numbers, the least and the largest value");
        return bounds.Length == 2
            ? new CellClip(bounds[0].Float(), bounds[1].Float())
            : throw place.Refusal(
                $"{bounds.Length} numbers were given; allowed: two, the least and the largest value"
            );
    }

    private static TcnActivation Activation(Fields f) =>
        f.Find("activation")?.Word(("relu", TcnActivation.Relu), ("gated", TcnActivation.Gated))
        ?? TcnActivation.Relu;

    private static NormKind Norm(Fields f, NormKind usual) =>
        f.Find("norm")?.Word(("layer", NormKind.Layer), ("batch", NormKind.Batch)) ?? usual;

    private static BlockMixing Mixing(Fields f, BlockMixing usual) =>
        f.Find("mixing")
            ?.Word(
                ("glu", BlockMixing.Glu),
                ("half_glu", BlockMixing.HalfGlu),
                ("linear", BlockMixing.Linear),
                ("none", BlockMixing.None)
            )
        ?? usual;

    private static Discretization Rule(Fields f) =>
        f.Find("discretization")
            ?.Word(("zoh", Discretization.ZeroOrderHold), ("bilinear", Discretization.Bilinear))
        ?? Discretization.ZeroOrderHold;

    private static LruOptions LruOptions(Fields f) =>
        new()
        {
            Norm = Norm(f, NormKind.Layer),
            Prenorm = f.Bool("prenorm", true),
            Momentum = f.Float("momentum", 0.01f),
            Bidirectional = f.Bool("bidirectional", false),
            Dropout = f.Float("dropout", 0f),
            SharedDropout = f.Bool("shared_dropout", false),
            Ring = f.Find("ring") is { } ring ? Ring(ring) : new LruRing(),
            Rung =
                f.Find("rung")
                    ?.Word(
                        ("lru", LruRung.Lru),
                        ("diagonal", LruRung.Diagonal),
                        ("polar", LruRung.Polar),
                        ("stable", LruRung.Stable),
                        ("ring", LruRung.Ring)
                    )
                ?? LruRung.Lru,
        };

    private static S5Options S5Options(Fields f)
    {
        var usual = new S5Options();
        return new S5Options
        {
            Discretization = Rule(f),
            Blocks = f.Int("hippo_blocks", usual.Blocks),
            MinStep = f.Float("min_step", usual.MinStep),
            MaxStep = f.Float("max_step", usual.MaxStep),
            Norm = Norm(f, usual.Norm),
            Prenorm = f.Bool("prenorm", usual.Prenorm),
            Momentum = f.Float("momentum", usual.Momentum),
            Bidirectional = f.Bool("bidirectional", false),
            Dropout = f.Float("dropout", 0f),
            SharedDropout = f.Bool("shared_dropout", usual.SharedDropout),
            Mixing = Mixing(f, usual.Mixing),
        };
    }

    private static LruRing Ring(Place place)
    {
        var fields = new Fields(place, "a ring", "min_radius", "max_radius", "max_phase");
        var usual = new LruRing();
        return new LruRing(
            fields.Find("min_radius")?.Double() ?? usual.MinRadius,
            fields.Find("max_radius")?.Double() ?? usual.MaxRadius,
            fields.Find("max_phase")?.Double() ?? usual.MaxPhase
        );
    }
}
