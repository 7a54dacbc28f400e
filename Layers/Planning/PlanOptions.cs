namespace Sequor.Layers;

/// <summary>What a plan can do besides running the model; what is not asked for takes no memory.</summary>
public sealed record PlanOptions
{
    /// <summary>In training the gradient by the input is computed as well: <see cref="Plan.InputGradient"/>.</summary>
    public bool InputGradient { get; init; }

    /// <summary>Seed of dropout, and of the parameters where they do not exist yet.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Sequences of a batch may differ in length.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>
    /// Initial and final states of recurrent layers, and in training their gradients, are at hand: <see cref="Plan.States"/>.
    /// </summary>
    public bool States { get; init; }
}
