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
)
    : FusedOptimizer(
        plan,
        learningRate,
        new UpdateRule
        {
            Beta1 = RequireFraction(beta1),
            Weight = 1f - beta1,
            Beta2 = RequireFraction(beta2),
            Epsilon = RequirePositive(epsilon),
            Corrected = true,
        },
        groups
    )
{
    /// <inheritdoc/>
    public override string Name => "adam";

    private protected override string RuleSettings =>
        Text($"beta1 {Rule.Beta1}, beta2 {Rule.Beta2}, epsilon {Rule.Epsilon}");
}
