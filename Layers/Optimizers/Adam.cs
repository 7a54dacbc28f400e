using System.Globalization;

namespace Sequor.Layers;

/// <summary>Adam with bias correction, as PyTorch: p -= rate m' / (sqrt(v') + epsilon).</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="beta1">Smoothing of the mean: at least 0, below 1.</param>
/// <param name="beta2">Smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Above 0.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class Adam(
    Plan plan,
    float learningRate,
    float beta1 = 0.9f,
    float beta2 = 0.999f,
    float epsilon = 1e-8f,
    IReadOnlyList<ParameterGroup>? groups = null
) : FusedOptimizer(plan, learningRate, ["mean", "mean_square"], groups)
{
    private readonly float _beta1 = RequireFraction(beta1);
    private readonly float _beta2 = RequireFraction(beta2);
    private readonly float _epsilon = RequirePositive(epsilon);

    /// <inheritdoc/>
    public override string Name => "adam";

    private protected override string RuleSettings =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"beta1 {_beta1}, beta2 {_beta2}, epsilon {_epsilon}"
        );

    internal override OptimizerUpdate Rule() =>
        new()
        {
            Rule = OptimizerRule.Adam,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Moment(0),
            Second = Moment(1),
            State = State,
            Segments = Groups.Segments,
            Beta1 = _beta1,
            Beta2 = _beta2,
            Epsilon = _epsilon,
        };
}
