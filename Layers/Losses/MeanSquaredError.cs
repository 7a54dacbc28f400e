namespace Sequor.Layers;

/// <summary>
/// The squared error of [T, B, C], averaged over the C channels, and over the rows with the mask's weights. Where all rows weigh the same,
/// it is PyTorch's MSELoss. Targets are [T, B, C].
/// </summary>
/// <param name="plan">The plan whose output is compared with targets.</param>
public sealed class MeanSquaredError(Plan plan) : Loss(plan, ignores: false, checks: false)
{
    /// <inheritdoc/>
    protected override Shape TargetShape(Shape output) => output;

    /// <inheritdoc/>
    protected override void Judge(Tensor output, Tensor targets, Tensor weights) =>
        Plan.Backend.MeanSquaredError(output, targets, weights, Gradient, Value);
}
