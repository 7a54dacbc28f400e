namespace Sequor.Layers;

/// <summary>
/// Linear recurrent units as Orvieto et al. (2023) stack them: a linear encoder, then blocks. Pooling and a linear
/// decoder are layers of their own.
/// </summary>
public sealed class Lru : Sequential
{
    /// <summary>An LRU network.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="modelSize">Channels between blocks, at least 1.</param>
    /// <param name="stateSize">Complex states of each block, at least 1.</param>
    /// <param name="blocks">Blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="dropout">At least 0, below 1.</param>
    /// <param name="ring">Where the eigenvalues begin.</param>
    /// <exception cref="ArgumentException">A size, the probability or the ring is out of range.</exception>
    public Lru(
        int inputSize,
        int modelSize,
        int stateSize,
        int blocks,
        float dropout = 0f,
        LruRing? ring = null
    )
        : this(
            inputSize,
            modelSize,
            stateSize,
            blocks,
            new LruOptions { Dropout = dropout, Ring = ring ?? new LruRing() }
        ) { }

    /// <summary>An LRU network with options.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="modelSize">Channels between blocks, at least 1.</param>
    /// <param name="stateSize">Complex states of each block, at least 1.</param>
    /// <param name="blocks">Blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="options">Norm, dropout, ring.</param>
    /// <exception cref="ArgumentException">A size or an option is out of range.</exception>
    public Lru(int inputSize, int modelSize, int stateSize, int blocks, LruOptions options)
        : base(Layers(inputSize, modelSize, stateSize, blocks, options)) { }

    /// <summary>
    /// The parameters that minimal-LRU, an unofficial implementation, trains at a smaller rate and without weight decay, in all
    /// LRU blocks of a model: nu_log, theta_log, gamma_log and B. All others decay, biases and norms as well.
    /// </summary>
    /// <param name="rateFactor">What the learning rate is multiplied by; the paper has 0.1, 0.25 and 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public static ParameterGroup Recurrence(float rateFactor) =>
        new(
            named =>
                RecurrenceNames.Any(name =>
                    named.Parameter.Name.StartsWith(name, StringComparison.Ordinal)
                ),
            rateFactor,
            decays: false
        );

    private static readonly string[] RecurrenceNames =
    [
        "nu_log",
        "theta_log",
        "gamma_log",
        "B_re",
        "B_im",
    ];

    private static Layer[] Layers(
        int inputSize,
        int modelSize,
        int stateSize,
        int blocks,
        LruOptions options
    )
    {
        RequireLayers(blocks);
        RequirePositive(modelSize);
        var layers = new Layer[blocks + 1];
        layers[0] = new Linear(inputSize, modelSize);
        for (int i = 1; i <= blocks; i++)
            layers[i] = new LruBlock(modelSize, stateSize, options);
        return layers;
    }
}
