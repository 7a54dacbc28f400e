using System.Globalization;

namespace Sequor.Layers;

/// <summary>Stochastic gradient descent, with momentum where it is above 0: m = momentum m + g, p -= rate m.</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="momentum">At least 0, below 1.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class Sgd(
    Plan plan,
    float learningRate,
    float momentum = 0f,
    IReadOnlyList<ParameterGroup>? groups = null
) : FusedOptimizer(plan, learningRate, momentum > 0 ? ["momentum"] : [], groups)
{
    private readonly float _momentum = RequireFraction(momentum);

    /// <inheritdoc/>
    public override string Name => "sgd";

    private protected override string RuleSettings =>
        string.Create(CultureInfo.InvariantCulture, $"momentum {_momentum}");

    internal override OptimizerUpdate Rule() =>
        new()
        {
            Rule = OptimizerRule.Sgd,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = _momentum > 0 ? Moment(0) : default,
            State = State,
            Segments = Groups.Segments,
            Beta1 = _momentum,
        };
}
