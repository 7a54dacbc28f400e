using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Models that contain layers side by side.</summary>
internal static class ContainerCases
{
    public static readonly Dictionary<string, Func<Layer>> Models = new()
    {
        ["residual alone"] = () => new Residual(new Linear(3, 3)),
        ["residual of nothing"] = () =>
            new Sequential(new Linear(3, 3), new Residual(new Dropout(3, 0))),
        ["residual of several layers"] = () =>
            new Sequential(
                new Linear(3, 4),
                new Residual(new Sequential(new LayerNorm(4), new Gru(4, 5), new Linear(5, 4))),
                new Linear(4, 2)
            ),
        ["residual in residual under the last step"] = () =>
            new Sequential(
                new Residual(
                    new Sequential(
                        new Linear(3, 4),
                        new Residual(new Lstm(4, 4)),
                        new Lru(4, 3, 2, 1)
                    )
                ),
                new Last(3),
                new Linear(3, 2)
            ),
        ["residual above an embedding"] = () =>
            new Sequential(new Embedding(5, 4), new Residual(new Tcn(4, [4, 4], 2))),
        ["branches alone"] = () => new Branches(new Linear(3, 2), new Linear(3, 2, bias: false)),
        ["one branch"] = () => new Branches(new Linear(3, 2)),
        ["branches of every family"] = () =>
            new Sequential(
                new Linear(3, 4),
                new Branches(
                    new Gru(4, 3),
                    new Tcn(4, [3], 2),
                    new Sequential(new LayerNorm(4), new Lru(4, 3, 2, 1)),
                    new Linear(4, 3)
                ),
                new LayerNorm(3)
            ),
        ["concatenated branches alone"] = () =>
            new Branches(BranchJoin.Concatenate, new Linear(3, 2), new Dropout(3, 0f)),
        ["one concatenated branch that does nothing"] = () =>
            new Sequential(
                new Linear(3, 2),
                new Branches(BranchJoin.Concatenate, new Dropout(2, 0f))
            ),
        ["concatenated branches of every family"] = () =>
            new Sequential(
                new Linear(3, 4),
                new Branches(
                    BranchJoin.Concatenate,
                    new Gru(4, 3),
                    new Tcn(4, [1], 2),
                    new Dropout(4, 0f),
                    new Sequential(new LayerNorm(4), new Lru(4, 5, 2, 1))
                ),
                new Linear(13, 2),
                new Last(2)
            ),
        ["concatenated branches that pool"] = () =>
            new Sequential(
                new Gru(3, 4),
                new Branches(
                    BranchJoin.Concatenate,
                    new Last(4),
                    new Mean(4),
                    new Sequential(new Lstm(4, 3), new Last(3))
                ),
                new Linear(11, 2)
            ),
        ["branches that pool"] = () =>
            new Sequential(
                new Gru(3, 4),
                new Branches(
                    new Sequential(new Last(4), new Linear(4, 3)),
                    new Sequential(new Mean(4), new Linear(4, 3)),
                    new Sequential(new Lstm(4, 3), new Last(3))
                ),
                new Linear(3, 2)
            ),
        ["branches under the last step"] = () =>
            new Sequential(
                new Linear(3, 4),
                new Branches(new LayerNorm(4), new Linear(4, 4), new Rnn(4, 4)),
                new Last(4),
                new Linear(4, 2)
            ),
        ["branches of embeddings"] = () =>
            new Sequential(
                new Branches(new Embedding(6, 3), new Embedding(5, 3)),
                new Residual(new Branches(new Linear(3, 3), new Residual(new Gru(3, 3))))
            ),
    };

    /// <summary>Each model with several steps and sequences, with one step, and with one sequence.</summary>
    public static GradientCase[] Cases(string name) =>
        [
            new(name, Models[name], 6, 3),
            new(name, Models[name], 1, 2),
            new(name, Models[name], 4, 1),
        ];
}
