namespace Sequor.Layers.Cuda;

/// <summary>A small model whose training step a GPU has to do as the CPU does.</summary>
/// <param name="Name">The architecture's name in commands and reports.</param>
/// <param name="Create">Makes the model, of <see cref="Inputs"/> numbers a step and one output a sequence.</param>
internal sealed record SelfCheckModel(string Name, Func<Sequential> Create)
{
    /// <summary>Numbers that come in a step.</summary>
    public const int Inputs = 3;

    private const int Width = 10;

    /// <summary>One for each architecture that the papers compare: together they run every kernel that their steps have.</summary>
    public static IReadOnlyList<SelfCheckModel> All { get; } =
    [
        new("rnn", () => Of(new Rnn(Inputs, Width), new Last(Width))),
        new("lstm", () => Of(new Lstm(Inputs, Width), new Last(Width))),
        new("gru", () => Of(new Gru(Inputs, Width), new Last(Width))),
        new("tcn", () => Of(new Tcn(Inputs, [Width, Width, Width], kernel: 3), new Last(Width))),
        new("lru", () => Of(new Lru(Inputs, Width, stateSize: 7, blocks: 2), new Mean(Width))),
    ];

    private static Sequential Of(Layer body, Layer pool) => new(body, pool, new Linear(Width, 1));
}
