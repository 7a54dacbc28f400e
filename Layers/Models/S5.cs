namespace Sequor.Layers;

/// <summary>
/// An S5 as its authors stack it (Smith, Warrington and Linderman 2023): a linear encoder, then blocks. Pooling and the linear decoder are
/// separate layers.
/// </summary>
public sealed class S5 : Sequential
{
    /// <summary>Makes an S5 with the usual options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="modelSize">The number of channels between blocks, at least 1.</param>
    /// <param name="stateSize">The number of complex states of each block, at least 1: half of the paper's P.</param>
    /// <param name="blocks">The number of blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public S5(int inputSize, int modelSize, int stateSize, int blocks)
        : this(inputSize, modelSize, stateSize, blocks, new S5Options()) { }

    /// <summary>Makes an S5 with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="modelSize">The number of channels between blocks, at least 1.</param>
    /// <param name="stateSize">The number of complex states of each block, at least 1: half of the paper's P.</param>
    /// <param name="blocks">The number of blocks, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="options">Sampling, HiPPO blocks, time steps, norm, directions, dropout and mixing.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the HiPPO blocks do not divide the states.
    /// </exception>
    public S5(int inputSize, int modelSize, int stateSize, int blocks, S5Options options)
        : base(Layers(inputSize, modelSize, stateSize, blocks, options)) { }

    /// <summary>
    /// The parameters, in all S5 blocks of a model, that S5's code trains at the rate of the state space model and without weight decay:
    /// Lambda, log_step, B and the norms. All others have the base rate, and decay.
    /// </summary>
    /// <param name="rateFactor">The factor of the learning rate: the code's ssm_lr_base / (lr_factor ssm_lr_base), such as 0.25.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public static ParameterGroup Recurrence(float rateFactor) =>
        new(
            named =>
                RecurrenceNames.Contains(named.Parameter.Name)
                || named.Name.Split('.') is [.., "norm", _],
            rateFactor,
            decays: false
        );

    private static readonly string[] RecurrenceNames =
    [
        "Lambda_re",
        "Lambda_im",
        "log_step",
        "B_re",
        "B_im",
    ];

    private static Layer[] Layers(
        int inputSize,
        int modelSize,
        int stateSize,
        int blocks,
        S5Options options
    )
    {
        RequireLayers(blocks);
        RequirePositive(modelSize);
        var layers = new Layer[blocks + 1];
        layers[0] = new Linear(inputSize, modelSize);
        for (int i = 1; i <= blocks; i++)
            layers[i] = new S5Block(modelSize, stateSize, options);
        return layers;
    }
}
