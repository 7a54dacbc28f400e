namespace Sequor.Layers;

/// <summary>
/// The squared error of [T, B, C], averaged over the C channels, and over the rows with the mask's weights. Where all rows weigh the same,
/// it is PyTorch's MSELoss. Targets are [T, B, C].
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var linear = new Linear(1, 1, bias: false);
/// using Plan plan = linear.Plan(backend, maxLength: 2, maxBatch: 1, Mode.Training);
/// plan.Parameter("weight").Write([2]);
/// using var loss = new MeanSquaredError(plan);
/// plan.Forward([1, 3], length: 2, batch: 1); // 2, 6
/// plan.Backward(loss.Compute([1, 3])); // errors 1, 3
/// float mean = loss.ReadValue(); // (1 + 9) / 2
/// </code>
/// </example>
/// <param name="plan">The plan whose output is compared with targets.</param>
public sealed class MeanSquaredError(Plan plan) : Loss(plan, ignores: false, checks: false)
{
    /// <inheritdoc/>
    protected override Shape TargetShape(Shape output) => output;

    /// <inheritdoc/>
    protected override void Judge(Tensor output, Tensor targets, Tensor weights) =>
        Plan.Backend.MeanSquaredError(output, targets, weights, Gradient, Value);
}
