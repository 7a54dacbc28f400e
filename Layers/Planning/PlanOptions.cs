namespace Sequor.Layers;

/// <summary>What a plan can do besides running the model. Options that are not set take no memory.</summary>
public sealed record PlanOptions
{
    /// <summary>Whether training also computes the gradient of the input, <see cref="Plan.InputGradient"/>.</summary>
    public bool InputGradient { get; init; }

    /// <summary>The seed of dropout and, if the model has no values yet, of its parameters.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether the sequences of a batch may differ in length.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>
    /// Whether the initial and final states of recurrent layers, and in training their gradients, can be read and written:
    /// <see cref="Plan.States"/>.
    /// </summary>
    public bool States { get; init; }
}
