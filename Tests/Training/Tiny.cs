using Sequor.Layers;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>Small models for piano rolls, and their training.</summary>
internal static class Tiny
{
    public static Sequential Model(string arch, float dropout = 0f) =>
        arch switch
        {
            "tcn" => new(new Tcn(88, [9, 9], 2, dropout), new Linear(9, 88)),
            "gru" => new(new Gru(88, 8), new Dropout(8, dropout), new Linear(8, 88)),
            "lstm" => new(new Lstm(88, 8), new Dropout(8, dropout), new Linear(8, 88)),
            "rnn" => new(new Rnn(88, 8), new Dropout(8, dropout), new Linear(8, 88)),
            "lru" => new(new Lru(88, 8, 6, 1, dropout), new Linear(8, 88)),
            "batch lru" => new(
                new Lru(88, 8, 6, 1, new LruOptions { Norm = NormKind.Batch, Dropout = dropout }),
                new Linear(8, 88)
            ),
            _ => throw new ArgumentException(arch, nameof(arch)),
        };

    /// <summary>A song a step.</summary>
    public static TrainingOptions Options { get; } =
        new()
        {
            Batch = 1,
            EvaluationBatch = 8,
            Epochs = 100,
        };

    /// <summary>A trainer of the songs.</summary>
    public static Trainer Trainer(
        Layer model,
        TrainingOptions options,
        int threads = 2,
        MusicDataset? data = null,
        Func<Plan, Optimizer>? optimizer = null
    )
    {
        data ??= Songs.Load();
        return new Trainer(
            model,
            data.Train,
            data.Valid,
            Backends.Get(256, threads),
            optimizer ?? (plan => new Adam(plan, 0.01f)),
            options
        );
    }
}
