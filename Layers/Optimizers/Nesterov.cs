namespace Sequor.Layers;

/// <summary>
/// Gradient descent with Nesterov's momentum (Sutskever et al. 2013), as PyTorch's SGD with nesterov=True: m = momentum m + g, p -= rate
/// (momentum m + g).
/// </summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">The learning rate, finite and at least 0.</param>
/// <param name="momentum">The momentum: at least 0, below 1.</param>
/// <param name="groups">Parameters that are trained at another rate; null for none.</param>
public sealed class Nesterov(
    Plan plan,
    float learningRate,
    float momentum = 0.9f,
    IReadOnlyList<ParameterGroup>? groups = null
)
    : FusedOptimizer(
        plan,
        learningRate,
        new UpdateRule
        {
            Beta1 = RequireFraction(momentum),
            Weight = 1f,
            Ahead = true,
        },
        groups,
        meanName: "momentum"
    )
{
    /// <inheritdoc/>
    public override string Name => "nesterov";

    private protected override string RuleSettings => Text($"momentum {Rule.Beta1}");
}
