using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch and Optax:
/// p -= rate (m' / (sqrt(v') + epsilon) + decay p). Clipping acts on the gradients alone.
/// </summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="weightDecay">Finite, at least 0.</param>
/// <param name="beta1">Smoothing of the mean: at least 0, below 1.</param>
/// <param name="beta2">Smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Above 0.</param>
/// <param name="groups">Parameters that change at another rate or do not decay; null for none.</param>
public sealed class AdamW(
    Plan plan,
    float learningRate,
    float weightDecay = 0.01f,
    float beta1 = 0.9f,
    float beta2 = 0.999f,
    float epsilon = 1e-8f,
    IReadOnlyList<ParameterGroup>? groups = null
) : FusedOptimizer(plan, learningRate, ["mean", "mean_square"], groups)
{
    private readonly float _decay = RequireDecay(weightDecay);
    private readonly float _beta1 = RequireFraction(beta1);
    private readonly float _beta2 = RequireFraction(beta2);
    private readonly float _epsilon = RequirePositive(epsilon);

    /// <inheritdoc/>
    public override string Name => "adamw";

    private protected override string RuleSettings =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"beta1 {_beta1}, beta2 {_beta2}, epsilon {_epsilon}, decay {_decay}"
        );

    internal override OptimizerUpdate Rule() =>
        new()
        {
            Rule = OptimizerRule.AdamW,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Moment(0),
            Second = Moment(1),
            State = State,
            Beta1 = _beta1,
            Beta2 = _beta2,
            Epsilon = _epsilon,
            Decay = _decay,
            Segments = Groups.Segments,
        };

    private static float RequireDecay(float weightDecay) =>
        weightDecay >= 0 && float.IsFinite(weightDecay)
            ? weightDecay
            : throw new ArgumentOutOfRangeException(
                nameof(weightDecay),
                weightDecay,
                "A weight decay must be finite and at least 0."
            );
}
