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
)
    : FusedOptimizer(
        plan,
        learningRate,
        new UpdateRule { Beta2 = RequireFraction(smoothing), Epsilon = RequirePositive(epsilon) },
        groups
    )
{
    /// <inheritdoc/>
    public override string Name => "rmsprop";

    private protected override string RuleSettings =>
        Text($"smoothing {Rule.Beta2}, epsilon {Rule.Epsilon}");
}
