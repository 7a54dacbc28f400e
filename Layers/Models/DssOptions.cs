namespace Sequor.Layers;

/// <summary>How a <see cref="Dss"/> weighs its states.</summary>
public enum DssKernel
{
    /// <summary>By a softmax over the steps of the sequence, which the paper's results are of.</summary>
    Softmax,

    /// <summary>By holding the input for a step, with Re Lambda = -exp(.).</summary>
    Exp,
}

/// <summary>What a <see cref="Dss"/> has besides its sizes.</summary>
public sealed record DssOptions
{
    /// <summary>How states are weighed.</summary>
    public DssKernel Kernel { get; init; } = DssKernel.Softmax;

    /// <summary>
    /// Whether a second W reads the same recurrence from each sequence's end; both outputs are added. Both include the step itself, as the
    /// two directions of an S5 do; in the authors' code the second one begins with the step after it, and the rest is D's.
    /// </summary>
    public bool Bidirectional { get; init; }

    /// <summary>The least dt at first: above 0. Its logarithm is drawn uniformly.</summary>
    public float MinStep { get; init; } = 1e-3f;

    /// <summary>The largest dt at first: at least <see cref="MinStep"/>, finite.</summary>
    public float MaxStep { get; init; } = 0.1f;

    /// <summary>
    /// The steps that the softmax is over. Without it, it is over the steps of each batch, those of its longest sequence, as in the
    /// authors' code; what a sequence gives then depends on the length of the batch, and a stream, which has no length, is refused. With
    /// it, sequences of any length are weighed alike, and can be streamed. <see cref="DssKernel.Exp"/> does not ask.
    /// </summary>
    public int? Length { get; init; }
}
