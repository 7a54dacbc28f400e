using System.Globalization;

namespace Sequor.Layers;

/// <summary>RMSProp: v = a v + (1 - a) g^2, p -= rate g / (sqrt(v) + epsilon).</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="smoothing">a: at least 0, below 1.</param>
/// <param name="epsilon">Above 0.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class RmsProp(
    Plan plan,
    float learningRate,
    float smoothing = 0.99f,
    float epsilon = 1e-8f,
    IReadOnlyList<ParameterGroup>? groups = null
) : FusedOptimizer(plan, learningRate, ["mean_square"], groups)
{
    private readonly float _smoothing = RequireFraction(smoothing);
    private readonly float _epsilon = RequirePositive(epsilon);

    /// <inheritdoc/>
    public override string Name => "rmsprop";

    private protected override string RuleSettings =>
        string.Create(CultureInfo.InvariantCulture, $"smoothing {_smoothing}, epsilon {_epsilon}");

    internal override OptimizerUpdate Rule() =>
        new()
        {
            Rule = OptimizerRule.RmsProp,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Moment(0),
            State = State,
            Segments = Groups.Segments,
            Beta1 = _smoothing,
            Epsilon = _epsilon,
        };
}
