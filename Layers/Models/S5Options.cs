namespace Sequor.Layers;

/// <summary>
/// What the blocks of an S5 have in common besides their sizes. The defaults are those of its code (lindermanlab/S5), but for dropout and
/// directions, which its experiments choose.
/// </summary>
public sealed record S5Options
{
    /// <summary>How the continuous system is sampled.</summary>
    public Discretization Discretization { get; init; }

    /// <summary>
    /// J, the number of HiPPO-LegS matrices whose eigenvalues the states begin with, at least 1; each has as many of the states, which J
    /// must divide.
    /// </summary>
    public int Blocks { get; init; } = 1;

    /// <summary>The least time step of a state at the beginning: above 0.</summary>
    public float MinStep { get; init; } = 1e-3f;

    /// <summary>The largest time step of a state at the beginning: finite, and at least the least.</summary>
    public float MaxStep { get; init; } = 0.1f;

    /// <summary>The kind of normalisation.</summary>
    public NormKind Norm { get; init; } = NormKind.Batch;

    /// <summary>
    /// Whether the norm comes before the recurrence, x + block(norm(x)); otherwise it comes after the sum, norm(x + block(x)).
    /// </summary>
    public bool Prenorm { get; init; } = true;

    /// <summary>How far each batch moves the running statistics of a batch norm: above 0, at most 1.</summary>
    public float Momentum { get; init; } = 0.05f;

    /// <summary>Whether the recurrence also runs from each sequence's end; the output then mixes the states of both directions.</summary>
    public bool Bidirectional { get; init; }

    /// <summary>The probability of dropout after the GELU and after the mixing: at least 0, below 1.</summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Whether dropout draws one mask of the channels for each sequence, which all its steps share, as S5's code does; otherwise each value
    /// is drawn by itself.
    /// </summary>
    public bool SharedDropout { get; init; } = true;

    /// <summary>How a block mixes the channels after the GELU.</summary>
    public BlockMixing Mixing { get; init; } = BlockMixing.HalfGlu;

    internal static void Validate(S5Options options, int states)
    {
        if (!Enum.IsDefined(options.Discretization))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Discretization,
                "The discretization must be ZeroOrderHold or Bilinear."
            );
        if (options.Blocks < 1)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Blocks,
                "There must be at least 1 HiPPO block."
            );
        if (states > 0 && states % options.Blocks != 0)
            throw new ArgumentException(
                $"{Amount.Of(states, "state")} cannot be shared among {Amount.Of(options.Blocks, "HiPPO block")}; the number of blocks must divide that of states.",
                nameof(options)
            );
        StateSpaceStart.RequireSteps(options.MinStep, options.MaxStep, nameof(options));
    }
}
