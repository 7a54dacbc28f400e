using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>An optimizer of the catalogue: how it is made with its usual constants.</summary>
public abstract class OptimizerEntry : IEntry
{
    private protected OptimizerEntry() { }

    /// <summary>Its name: that of the optimizers it makes.</summary>
    public abstract string Name { get; }

    /// <summary>What help tells of it, beside the name; null for nothing.</summary>
    public virtual string? Note => null;

    /// <summary>The weight decay where none is asked for; null for a rule that has none.</summary>
    public virtual float? Decay => null;

    /// <summary>Makes the optimizer of a plan.</summary>
    /// <param name="plan">A training plan.</param>
    /// <param name="rate">The learning rate: finite, at least 0.</param>
    /// <param name="decay">The weight decay; null for the usual one.</param>
    /// <param name="groups">Parameters that change at another rate or do not decay; null for none.</param>
    /// <exception cref="ArgumentException">A number is out of range, or a weight decay is asked of a rule that has none.</exception>
    public Optimizer Create(
        Plan plan,
        float rate,
        float? decay = null,
        IReadOnlyList<ParameterGroup>? groups = null
    ) =>
        decay is null || Decay is not null
            ? Make(plan, rate, decay ?? Decay ?? 0, groups)
            : throw new ArgumentException($"{Name} has no weight decay.", nameof(decay));

    private protected abstract Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    );

    /// <inheritdoc/>
    public override string ToString() => Name;
}
