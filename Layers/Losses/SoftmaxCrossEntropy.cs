namespace Sequor.Layers;

/// <summary>
/// Cross-entropy of a softmax over the output's channels, in nats a row, averaged with the mask's weights over the rows of
/// [T, B, K]: PyTorch's CrossEntropyLoss. Targets are classes, one a row: whole numbers from 0 to K - 1.
/// </summary>
/// <remarks>Where no row counts the loss is 0; PyTorch's is NaN where all classes are ignored.</remarks>
/// <param name="plan">The plan whose output are the logits.</param>
/// <param name="ignoreIndex">
/// A class that stands for none, any whole number: its rows weigh nothing, whatever their mask, and have no gradient. Null for
/// no such class; PyTorch's is -100 where none is given.
/// </param>
public sealed class SoftmaxCrossEntropy(Plan plan, int? ignoreIndex = null)
    : Loss(plan, ignores: ignoreIndex is not null, checks: true)
{
    /// <summary>The class whose rows are ignored; null for none.</summary>
    public int? IgnoreIndex { get; } = ignoreIndex;

    /// <inheritdoc/>
    protected override Shape TargetShape(Shape output) => new(output.First, output[1]);

    private protected override int FirstOdd(ReadOnlySpan<float> targets, int from, Shape output)
    {
        int classes = output.Columns;
        for (int i = from; i < targets.Length; i++)
        {
            float target = targets[i];
            if (!(target >= 0 && target < classes && target == MathF.Floor(target)))
                return i;
        }
        return -1;
    }

    private protected override void Ignore(ReadOnlySpan<float> targets, Span<float> weights)
    {
        if (IgnoreIndex is not { } ignored)
            return;
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] == ignored)
                weights[i] = 0f;
        }
    }

    private protected override string Allowed(Shape output) =>
        $"a class, a whole number from 0 to {output.Columns - 1}"
        + (IgnoreIndex is { } ignored ? $", or {ignored}, which is ignored" : "");

    /// <inheritdoc/>
    protected override void Judge(Tensor output, Tensor targets, Tensor weights) =>
        Plan.Backend.SoftmaxCrossEntropy(output, targets, weights, Gradient, Value);
}
