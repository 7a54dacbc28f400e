namespace Sequor.Layers;

/// <summary>RMSProp, as in PyTorch: v = a v + (1 - a) g^2, p -= rate g / (sqrt(v) + epsilon).</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">The learning rate, finite and at least 0.</param>
/// <param name="smoothing">a, the smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Added to the square root; above 0.</param>
/// <param name="groups">Parameters that are trained at another rate; null for none.</param>
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
