namespace Sequor.Layers;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as in PyTorch and Optax: p -= rate (m' / (sqrt(v') + epsilon) + decay p).
/// Clipping affects the gradients, not the decay.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
/// using Plan plan = model.Plan(backend, maxLength: 10, maxBatch: 2, Mode.Training);
/// var biases = new ParameterGroup(
///     named => named.Parameter.Name.StartsWith("bias", StringComparison.Ordinal),
///     rateFactor: 1f,
///     decays: false
/// );
/// using var adam = new AdamW(plan, learningRate: 1e-3f, weightDecay: 0.01f, groups: [biases]);
/// </code>
/// </example>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">The learning rate, finite and at least 0.</param>
/// <param name="weightDecay">The weight decay, finite and at least 0.</param>
/// <param name="beta1">The smoothing of the mean: at least 0, below 1.</param>
/// <param name="beta2">The smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Added to the square root; above 0.</param>
/// <param name="groups">Parameters that are trained at another rate or do not decay; null for none.</param>
public sealed class AdamW(
    Plan plan,
    float learningRate,
    float weightDecay = 0.01f,
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
            Decay = RequireDecay(weightDecay),
        },
        groups
    )
{
    /// <inheritdoc/>
    public override string Name => "adamw";

    private protected override string RuleSettings =>
        Text($"beta1 {Rule.Beta1}, beta2 {Rule.Beta2}, epsilon {Rule.Epsilon}, decay {Rule.Decay}");

    private static float RequireDecay(float weightDecay) =>
        weightDecay >= 0 && float.IsFinite(weightDecay)
            ? weightDecay
            : throw new ArgumentOutOfRangeException(
                nameof(weightDecay),
                weightDecay,
                "A weight decay must be finite and at least 0."
            );
}
