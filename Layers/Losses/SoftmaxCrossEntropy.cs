namespace Sequor.Layers;

/// <summary>
/// The cross-entropy of a softmax over the output's channels, in nats for each row, averaged over the rows of [T, B, K] with the mask's
/// weights. It is PyTorch's CrossEntropyLoss. Targets [T, B] are classes, one for each row: whole numbers from 0 to K - 1.
/// </summary>
/// <remarks>If no row counts, the loss is 0. PyTorch's is NaN if all classes are ignored.</remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Lstm(28, 64), new Last(64), new Linear(64, 10));
/// using Plan plan = model.Plan(backend, maxLength: 28, maxBatch: 2, Mode.Training);
/// using var loss = new SoftmaxCrossEntropy(plan);
/// plan.Forward(new float[28 * 2 * 28], length: 28, batch: 2);
/// plan.Backward(loss.Compute([3, 9])); // a class each, as whole numbers
/// float nats = loss.ReadValue(); // near ln 10 before training
/// </code>
/// </example>
/// <param name="plan">The plan whose output is the logits.</param>
/// <param name="ignoreIndex">
/// A whole number that stands for no class: its rows have weight 0, whatever their mask, and no gradient. Null for no such number;
/// PyTorch's default is -100.
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
