namespace Sequor.Layers;

/// <summary>Stochastic gradient descent, with momentum if that is above 0: m = momentum m + g, p -= rate m.</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">The learning rate, finite and at least 0.</param>
/// <param name="momentum">The momentum: at least 0, below 1.</param>
/// <param name="groups">Parameters that are trained at another rate; null for none.</param>
public sealed class Sgd(
    Plan plan,
    float learningRate,
    float momentum = 0f,
    IReadOnlyList<ParameterGroup>? groups = null
)
    : FusedOptimizer(
        plan,
        learningRate,
        new UpdateRule { Beta1 = RequireFraction(momentum), Weight = momentum > 0 ? 1f : 0f },
        groups,
        meanName: "momentum"
    )
{
    /// <inheritdoc/>
    public override string Name => "sgd";

    private protected override string RuleSettings => Text($"momentum {Rule.Beta1}");
}
