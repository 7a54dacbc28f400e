using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>A model of some architecture with everything that a training step needs, large enough that threads share the work.</summary>
internal sealed class TrainingRun : IDisposable
{
    public static readonly string[] Architectures =
    [
        "tanh",
        "relu",
        "linear rnn",
        "lstm",
        "gru",
        "lstm of two layers",
        "tcn",
        "gated tcn",
        "lstm of both directions",
        "lru",
        "batch normed lru",
        "batch postnormed lru",
        "diagonal lru",
        "s5",
        "s4d",
        "dss",
        "pooled gru",
        "averaged tcn",
        "embedded gru",
        "tied gru",
        "residual lstm",
        "gru in blocks",
    ];

    private const int Length = 40;
    private const int Batch = 16;
    private const int Inputs = 6;
    private const int Outputs = 5;

    // With so few classes, the positions are added up in several pieces, and some classes in more than one piece.
    private const int Classes = 7;

    private readonly Layer _model;
    private readonly float[] _x;
    private readonly float[] _targets;
    private readonly float[] _mask;

    public TrainingRun(string architecture, Backend backend, ulong seed = 5)
    {
        _model = Model(architecture);
        _x = _model.InputClasses is { } classes
            ? new Draw(21).Classes(Length * Batch, classes)
            : new Draw(21).Uniform(Length * Batch * Inputs);
        Plan = _model.Plan(backend, Length, Batch, Mode.Training, new PlanOptions { Seed = seed });
        bool regression =
            architecture is "relu" || architecture.EndsWith("lru", StringComparison.Ordinal);
        Loss = regression ? new MeanSquaredError(Plan) : new SoftmaxCrossEntropy(Plan);
        Optimizer = architecture switch
        {
            "tanh" or "relu" => new Sgd(Plan, 0.05f, 0.9f),
            "gru" or "pooled gru" => new RmsProp(Plan, 0.002f),
            "batch normed lru" => new AdamW(Plan, 0.002f, 0.05f, groups: [Lru.Recurrence(0.25f)]),
            _ => new Adam(Plan, 0.002f),
        };
        var draw = new Draw(22);
        long rows = Plan.MaxOutput.Rows;
        _targets = regression
            ? draw.Uniform(Plan.MaxOutput.Count)
            : [.. Enumerable.Range(0, (int)rows).Select(_ => (float)draw.Next(Outputs))];
        _mask = regression ? [] : draw.Uniform(rows, 0, 1);
    }

    public Plan Plan { get; }
    public Loss Loss { get; }
    public Optimizer Optimizer { get; }

    public void Step()
    {
        Plan.Forward(_x, Length, Batch);
        Plan.Backward(Loss.Compute(_targets, _mask));
        Optimizer.Step(1f);
    }

    private static Sequential Model(string architecture) =>
        architecture switch
        {
            "tanh" => new Sequential(new Rnn(Inputs, 40), new Linear(40, Outputs)),
            "relu" => new Sequential(new Rnn(Inputs, 40, relu: true), new Linear(40, Outputs)),
            "linear rnn" => new Sequential(
                new Rnn(
                    Inputs,
                    40,
                    new RecurrentOptions { Bidirectional = true },
                    RnnActivation.Linear
                ),
                new Linear(80, Outputs)
            ),
            "lstm" => new Sequential(new Lstm(Inputs, 40), new Linear(40, Outputs)),
            "gru" => new Sequential(
                new Gru(Inputs, 40),
                new LayerNorm(40),
                new Linear(40, Outputs)
            ),
            "lstm of two layers" => new Sequential(
                new Lstm(Inputs, 24, 2),
                new Dropout(24, 0.2f),
                new Linear(24, Outputs)
            ),
            "tcn" => new Sequential(new Tcn(Inputs, [40, 40], 3, 0.1f), new Linear(40, Outputs)),
            "gated tcn" => new Sequential(
                new Tcn(Inputs, [40, 40], 3, 0.1f, TcnActivation.Gated),
                new Linear(40, Outputs)
            ),
            "lstm of both directions" => new Sequential(
                new Lstm(Inputs, 20, new RecurrentOptions { Bidirectional = true }),
                new BothEnds(40),
                new Linear(40, Outputs)
            ),
            "lru" => new Sequential(new Lru(Inputs, 40, 33, 2, 0.1f), new Linear(40, Outputs)),
            "batch normed lru" => new Sequential(
                new BatchNorm(Inputs),
                new Lru(
                    Inputs,
                    40,
                    33,
                    2,
                    new LruOptions { Norm = NormKind.Batch, Dropout = 0.1f }
                ),
                new Linear(40, Outputs)
            ),
            "batch postnormed lru" => new Sequential(
                new Lru(
                    Inputs,
                    40,
                    33,
                    2,
                    new LruOptions { Norm = NormKind.Batch, Prenorm = false }
                ),
                new Linear(40, Outputs)
            ),
            "diagonal lru" => new Sequential(
                new Lru(
                    Inputs,
                    40,
                    33,
                    2,
                    new LruOptions { Rung = LruRung.Diagonal, Dropout = 0.1f }
                ),
                new Linear(40, Outputs)
            ),
            "s5" => new Sequential(
                new S5(Inputs, 40, 33, 2, new S5Options { Bidirectional = true, Dropout = 0.1f }),
                new Linear(40, Outputs)
            ),
            "s4d" => new Sequential(
                new Linear(Inputs, 40),
                new SequenceBlock(
                    new S4D(40, 9, new S4DOptions { Bidirectional = true }),
                    new SequenceBlockOptions { Norm = NormKind.Batch, Dropout = 0.1f }
                ),
                new Linear(40, Outputs)
            ),
            "dss" => new Sequential(
                new Linear(Inputs, 40),
                new SequenceBlock(
                    new Dss(40, 9),
                    new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                ),
                new Linear(40, Outputs)
            ),
            "pooled gru" => new Sequential(
                new Gru(Inputs, 40),
                new Last(40),
                new Linear(40, Outputs)
            ),
            "averaged tcn" => new Sequential(
                new Tcn(Inputs, [40], 3),
                new Mean(40),
                new Linear(40, Outputs)
            ),
            "residual lstm" => new Sequential(
                new Linear(Inputs, 24),
                new Residual(new Lstm(24, 24)),
                new Residual(new Sequential(new LayerNorm(24), new Linear(24, 24))),
                new Linear(24, Outputs)
            ),
            "gru in blocks" => new Sequential(
                new Linear(Inputs, 40),
                new SequenceBlock(
                    new Gru(40, 40),
                    new SequenceBlockOptions { Dropout = 0.1f, Mixing = BlockMixing.HalfGlu }
                ),
                new SequenceBlock(
                    new Gru(40, 40),
                    new SequenceBlockOptions { Dropout = 0.1f, SharedDropout = true }
                ),
                new Linear(40, Outputs)
            ),
            "embedded gru" => new Sequential(
                new Embedding(Classes, 17, paddingIndex: 2),
                new Gru(17, 40),
                new Linear(40, Outputs)
            ),
            "tied gru" => Tied(),
            _ => throw new ArgumentException(architecture, nameof(architecture)),
        };

    private static Sequential Tied()
    {
        var embedding = new Embedding(Classes, 17, scale: 0.1f, uniform: true);
        return new(embedding, new Gru(17, 40), new Linear(40, 17), new TiedLinear(embedding));
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        Loss.Dispose();
        Plan.Dispose();
        _model.Dispose();
    }
}
