namespace Sequor.Layers;

/// <summary>
/// The eigenvalues that an <see cref="S4D"/> begins with, for n = 0 .. N - 1 and 2N eigenvalues with their conjugates; all but
/// <see cref="Real"/> have real part -1/2. Source: Gu et al. 2022 (S4D), section 4.
/// </summary>
public enum S4DInitialization
{
    /// <summary>Inverse: Im = (2N / pi) (2N / (2n + 1) - 1).</summary>
    Inv,

    /// <summary>Linear: Im = pi n.</summary>
    Lin,

    /// <summary>
    /// Those of the normal part of HiPPO-LegS of size 2N. C is drawn with the size of HiPPO's B along each eigenvector, as B is part of C
    /// here; its phase makes no difference to a C that is drawn alike in all directions.
    /// </summary>
    LegS,

    /// <summary>-(n + 1), without an imaginary part at first.</summary>
    Real,
}

/// <summary>What an <see cref="S4D"/> has besides its sizes.</summary>
public sealed record S4DOptions
{
    /// <summary>The first eigenvalues.</summary>
    public S4DInitialization Initialization { get; init; } = S4DInitialization.Inv;

    /// <summary>How time becomes steps.</summary>
    public Discretization Discretization { get; init; } = Discretization.ZeroOrderHold;

    /// <summary>
    /// Whether a second C reads the same recurrence from each sequence's end; both outputs are added. Both include the step itself, as the
    /// two directions of an S5 do; in the authors' code the second one begins with the step after it, and the rest is D's.
    /// </summary>
    public bool Bidirectional { get; init; }

    /// <summary>The least dt at first: above 0. Its logarithm is drawn uniformly.</summary>
    public float MinStep { get; init; } = 1e-3f;

    /// <summary>The largest dt at first: at least <see cref="MinStep"/>, finite.</summary>
    public float MaxStep { get; init; } = 0.1f;
}
