namespace Sequor.Layers;

/// <summary>
/// Adam with bias correction (Kingma and Ba 2015), as in PyTorch: p -= rate m' / (sqrt(v') + epsilon), where m' and v' are the corrected
/// means of the gradients and of their squares.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var linear = new Linear(1, 1);
/// using Plan plan = linear.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Training);
/// using var loss = new MeanSquaredError(plan);
/// using var adam = new Adam(plan, learningRate: 0.1f) { MaxGradientNorm = 1f };
/// for (int i = 0; i &lt; 200; i++)
/// {
///     adam.LearningRate = 0.1f / (1 + i / 50); // a schedule of your own
///     plan.Forward([1], length: 1, batch: 1);
///     plan.Backward(loss.Compute([5]));
///     adam.Step();
/// }
/// float error = loss.ReadValue();
/// </code>
/// </example>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">The learning rate, finite and at least 0.</param>
/// <param name="beta1">The smoothing of the mean: at least 0, below 1.</param>
/// <param name="beta2">The smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Added to the square root; above 0.</param>
/// <param name="groups">Parameters that are trained at another rate; null for none.</param>
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
