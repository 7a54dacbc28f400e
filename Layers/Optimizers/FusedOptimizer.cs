using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// A rule that the backend knows: norm, clipping and update of all parameters are one operation. Learning rate and step count lie in the
/// backend's memory, and nothing waits for the device.
/// </summary>
public abstract class FusedOptimizer : Optimizer
{
    private readonly Storage? _segments;

    /// <param name="plan">A training plan.</param>
    /// <param name="learningRate">The learning rate, finite and at least 0.</param>
    /// <param name="rule">How parameters follow gradients.</param>
    /// <param name="groups">Parameters that are trained at another rate; null for none.</param>
    /// <param name="meanName">The name in checkpoints of the mean, where the rule has one.</param>
    private protected FusedOptimizer(
        Plan plan,
        float learningRate,
        UpdateRule rule,
        IReadOnlyList<ParameterGroup>? groups,
        string meanName = "mean"
    )
        : base(plan, learningRate, Names(rule, meanName), clips: false)
    {
        Rule = rule;
        using OwnerScope inside = plan.Backend.Enter("new Optimizer");
        using Backend.OwnedScope owned = plan.Backend.AllocateFor(
            new MemoryOwner(plan.MemoryGroup, ProfiledOperation.OptimizerLayer)
        );
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

    // Floats are written in the shortest form that reads back as the same bits.
    private protected abstract string RuleSettings { get; }

    /// <summary>Which parameters are trained at another rate, or do not decay.</summary>
    internal GroupedParameters Groups { get; }

    /// <summary>How parameters follow gradients.</summary>
    internal UpdateRule Rule { get; }

    /// <summary>The operation for the backend, with the segments as the host has them.</summary>
    internal OptimizerUpdate Request() =>
        new()
        {
            Rule = Rule,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Rule.HasMean ? Moment(0) : default,
            Second = Rule.HasMeanSquare ? Moment(StateNames.Count - 1) : default,
            State = State,
            Segments = Groups.Segments,
        };

    /// <inheritdoc/>
    protected sealed override void Update() =>
        Plan.Backend.Optimize(Request() with { PlacedSegments = _segments });

    private protected static string Text(FormattableString settings) =>
        settings.ToString(CultureInfo.InvariantCulture);

    private static string[] Names(UpdateRule rule, string meanName)
    {
        rule.Require();
        return
        [
            .. rule.HasMean ? (string[])[meanName] : [],
            .. rule.HasMeanSquare ? (string[])["mean_square"] : [],
        ];
    }
}
