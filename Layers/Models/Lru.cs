namespace Sequor.Layers;

/// <summary>
/// Linear recurrent units as Orvieto et al. (2023) stack them: a linear encoder, then blocks. Pooling and the linear decoder are separate
/// layers.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var lru = new Lru(inputSize: 2, modelSize: 32, stateSize: 32, blocks: 2);
/// using var model = new Sequential(lru, new Last(32), new Linear(32, 1));
/// using Plan plan = model.Plan(backend, maxLength: 100, maxBatch: 8, Mode.Training);
/// // The recurrence at a quarter of the rate, and without decay, as the paper trains it.
/// using var adam = new AdamW(
///     plan,
///     learningRate: 2e-3f,
///     weightDecay: 0.05f,
///     groups: [Lru.Recurrence(rateFactor: 0.25f)]
/// );
/// </code>
/// </example>
public sealed class Lru : Sequential
{
    /// <summary>Makes an LRU network.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="modelSize">The number of channels between blocks, at least 1.</param>
    /// <param name="stateSize">The number of complex states of each block, at least 1.</param>
    /// <param name="blocks">The number of blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="dropout">The probability of dropout: at least 0, below 1.</param>
    /// <param name="ring">The ring in which the eigenvalues begin.</param>
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

    /// <summary>Makes an LRU network with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="modelSize">The number of channels between blocks, at least 1.</param>
    /// <param name="stateSize">The number of complex states of each block, at least 1.</param>
    /// <param name="blocks">The number of blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="options">Norm, directions, dropout, ring and rung.</param>
    /// <exception cref="ArgumentException">A size or an option is out of range.</exception>
    public Lru(int inputSize, int modelSize, int stateSize, int blocks, LruOptions options)
        : base(Layers(inputSize, modelSize, stateSize, blocks, options)) { }

    /// <summary>
    /// The parameters, in all LRU blocks of a model, that minimal-LRU, an unofficial implementation, trains at a smaller rate and without
    /// weight decay: nu_log, theta_log, gamma_log and B, or what stands for the first three on other rungs. All others decay, including
    /// biases and norms.
    /// </summary>
    /// <param name="rateFactor">The factor of the learning rate; the paper uses 0.1, 0.25 and 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public static ParameterGroup Recurrence(float rateFactor) =>
        new(named => RecurrenceNames.Contains(named.Parameter.Name), rateFactor, decays: false);

    private static readonly string[] RecurrenceNames =
    [
        "nu_log",
        "theta_log",
        "gamma_log",
        // Those of other rungs.
        "nu",
        "theta",
        "Lambda_re",
        "Lambda_im",
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
