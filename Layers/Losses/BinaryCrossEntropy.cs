namespace Sequor.Layers;

/// <summary>
/// The cross-entropy of independent yes-or-no answers, whose logits are the output's channels: summed over the K channels of a row, in
/// nats, and averaged over the rows of [T, B, K] with the mask's weights. For a piano roll these are nats for each frame. Targets [T, B, K]
/// are in [0, 1].
/// </summary>
/// <remarks>It is computed from the logits, so none is too large: an answer's probability never becomes 0.</remarks>
/// <param name="plan">The plan whose output is the logits.</param>
public sealed class BinaryCrossEntropy(Plan plan) : Loss(plan, ignores: false, checks: true)
{
    /// <inheritdoc/>
    protected override Shape TargetShape(Shape output) => output;

    private protected override int FirstOdd(ReadOnlySpan<float> targets, int from, Shape output)
    {
        for (int i = from; i < targets.Length; i++)
        {
            if (!(targets[i] >= 0 && targets[i] <= 1))
                return i;
        }
        return -1;
    }

    private protected override string Allowed(Shape output) => "from 0 to 1";

    /// <inheritdoc/>
    protected override void Judge(Tensor output, Tensor targets, Tensor weights) =>
        Plan.Backend.BinaryCrossEntropy(output, targets, weights, Gradient, Value);
}
