namespace Sequor.Layers;

/// <summary>
/// A rule that a backend knows: norm, clipping and update of all parameters are one operation. Learning rate and step count live
/// where the step runs, and nothing waits for it.
/// </summary>
public abstract class FusedOptimizer : Optimizer
{
    private readonly Storage? _segments;

    private protected FusedOptimizer(
        Plan plan,
        float learningRate,
        IReadOnlyList<string> state,
        IReadOnlyList<ParameterGroup>? groups
    )
        : base(plan, learningRate, state, clips: false)
    {
        using OwnerScope inside = plan.Backend.Enter("new Optimizer");
        try
        {
            Groups = new GroupedParameters(plan.Store, groups ?? []);
            if (plan.Backend.PlaceSegments(Groups.Segments) is { } placed)
                _segments = Own(placed);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The rule's numbers, and the parameters of each group.</summary>
    public sealed override string Settings => RuleSettings + Groups.Text;

    // Floats in the shortest form that reads back as the same bits.
    private protected abstract string RuleSettings { get; }

    /// <summary>Which parameters change at another rate, or do not decay.</summary>
    internal GroupedParameters Groups { get; }

    /// <summary>What the backend is asked for.</summary>
    internal abstract OptimizerUpdate Rule();

    /// <inheritdoc/>
    protected sealed override void Update() =>
        Plan.Backend.Optimize(Rule() with { PlacedSegments = _segments });
}
