namespace Sequor.Layers;

/// <summary>
/// Cross-entropy of independent yes-or-no answers, whose logits are the output's channels: summed over the K channels of a
/// row, in nats a row, and averaged with the mask's weights over the rows of [T, B, K]. Of a piano roll: nats a frame.
/// </summary>
/// <remarks>Computed from logits, so that none is too large: an answer's probability never becomes 0.</remarks>
/// <param name="plan">The plan whose output are the logits.</param>
public sealed class BinaryCrossEntropy(Plan plan)
    : Loss(plan, (plan ?? throw new ArgumentNullException(nameof(plan))).MaxOutput, isMasked: true)
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">
    /// The number of targets or weights does not fit the output, or a target is not in [0, 1].
    /// </exception>
    /// <exception cref="InvalidOperationException">There was no Forward before.</exception>
    public override Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        Tensor output = Plan.Output;
        if (output.IsEmpty)
            throw new InvalidOperationException("A loss needs a Forward before it.");
        long rows = output.Shape.Rows;
        if (targets.Length != output.Count || (!mask.IsEmpty && mask.Length != rows))
        {
            throw new ArgumentException(
                $"The output {output.Shape} wants {output.Count} targets and {rows} weights or none; "
                    + $"there are {targets.Length} and {mask.Length}."
            );
        }
        foreach (float target in targets)
        {
            if (!(target >= 0 && target <= 1))
                throw new ArgumentException(
                    $"A target must be from 0 to 1, not {target}.",
                    nameof(targets)
                );
        }
        Tensor wanted = Targets(output.Shape);
        wanted.Write(targets);
        Tensor weights = default;
        if (!mask.IsEmpty)
        {
            weights = Mask(new Shape(output.Shape.First, output.Shape[1]));
            weights.Write(mask);
        }
        Plan.Backend.BinaryCrossEntropy(output, wanted, weights, Gradient, Value);
        return Gradient;
    }
}
