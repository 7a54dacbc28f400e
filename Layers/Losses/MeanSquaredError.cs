namespace Sequor.Layers;

/// <summary>
/// Squared error of [T, B, C], averaged over the C channels and with the mask's weights over the rows: PyTorch's MSELoss where
/// all rows weigh the same.
/// </summary>
/// <param name="plan">The plan whose output is judged.</param>
public sealed class MeanSquaredError(Plan plan) : Loss(plan, ignores: false, checks: false)
{
    /// <inheritdoc/>
    protected override Shape TargetShape(Shape output) => output;

    /// <inheritdoc/>
    protected override void Judge(Tensor output, Tensor targets, Tensor weights) =>
        Plan.Backend.MeanSquaredError(output, targets, weights, Gradient, Value);
}
