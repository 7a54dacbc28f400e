namespace Sequor.Layers;

/// <summary>
/// A loss for a plan: holds the targets, the loss and, for a training plan, its gradient by the plan's output.
/// </summary>
public abstract class Loss : IDisposable
{
    private readonly Storage _targets;
    private readonly Storage? _gradient;
    private readonly Storage _value;
    private readonly Storage? _mask;

    /// <summary>Takes the loss's memory.</summary>
    /// <param name="plan">The plan whose output is judged.</param>
    /// <param name="maxTarget">Targets of the largest output.</param>
    /// <param name="isMasked">There may be a weight for each row of the output.</param>
    private protected Loss(Plan plan, Shape maxTarget, bool isMasked = false)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Plan = plan;
        Backend backend = plan.Backend;
        try
        {
            _targets = backend.Allocate(maxTarget.Count, MemoryCategory.InputOutput);
            _value = backend.Allocate(1, MemoryCategory.InputOutput);
            if (plan.Mode == Mode.Training)
                _gradient = backend.Allocate(plan.MaxOutput.Count, MemoryCategory.Workspace);
            if (isMasked)
                _mask = backend.Allocate(plan.MaxOutput.Rows, MemoryCategory.InputOutput);
            backend.Fill(Value, 0f);
        }
        catch
        {
            _targets?.Dispose();
            _value?.Dispose();
            _gradient?.Dispose();
            _mask?.Dispose();
            throw;
        }
    }

    /// <summary>The plan whose output is judged.</summary>
    public Plan Plan { get; }

    private protected Tensor Value => new(_value, 0, new Shape(1));

    /// <summary>Gradient of the loss by the plan's output, after <see cref="Compute"/>; empty in evaluation.</summary>
    public Tensor Gradient =>
        _gradient is null ? default : new Tensor(_gradient, 0, Plan.Output.Shape);

    private protected Tensor Targets(Shape shape) => new(_targets, 0, shape);

    private protected Tensor Mask(Shape shape) => new(_mask!, 0, shape);

    /// <summary>Compares the plan's output with targets: the loss, and in training its gradient.</summary>
    /// <param name="targets">One value an element (squared error, keys) or a row (classes) of the output.</param>
    /// <param name="mask">A weight for each row, or nothing where all count; not for the squared error.</param>
    /// <returns>The gradient by the output, for <see cref="Plan.Backward"/>; empty in evaluation.</returns>
    /// <exception cref="ArgumentException">The number of targets or weights, or a class, does not fit the output.</exception>
    public abstract Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default);

    /// <summary>Reads the last loss back, which waits for the work before it.</summary>
    public float Read()
    {
        Span<float> value = stackalloc float[1];
        Value.Read(value);
        return value[0];
    }

    /// <summary>Puts the last loss into a tensor of one value, without waiting for it.</summary>
    internal void CopyTo(Tensor destination) => Plan.Backend.Copy(Value, destination);

    /// <summary>Frees the loss's memory.</summary>
    public virtual void Dispose()
    {
        _targets.Dispose();
        _gradient?.Dispose();
        _value.Dispose();
        _mask?.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Mean squared error over all elements of the output.</summary>
/// <param name="plan">The plan whose output is judged.</param>
public sealed class MeanSquaredError(Plan plan)
    : Loss(plan, (plan ?? throw new ArgumentNullException(nameof(plan))).MaxOutput)
{
    /// <inheritdoc/>
    public override Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        Tensor output = Plan.Output;
        if (output.IsEmpty)
            throw new InvalidOperationException("A loss needs a Forward before it.");
        if (!mask.IsEmpty)
            throw new ArgumentException("The squared error takes no mask.", nameof(mask));
        if (targets.Length != output.Count)
        {
            throw new ArgumentException(
                $"The output {output.Shape} wants {output.Count} targets, not {targets.Length}.",
                nameof(targets)
            );
        }
        Tensor target = Targets(output.Shape);
        target.Write(targets);
        Plan.Backend.MeanSquaredError(output, target, Gradient, Value);
        return Gradient;
    }
}

/// <summary>
/// Cross-entropy of a softmax over the output's channels, in nats a row, averaged with the mask's weights over the rows of
/// [T, B, K].
/// </summary>
/// <param name="plan">The plan whose output are the logits.</param>
public sealed class SoftmaxCrossEntropy(Plan plan)
    : Loss(
        plan,
        Rows((plan ?? throw new ArgumentNullException(nameof(plan))).MaxOutput),
        isMasked: true
    )
{
    private static Shape Rows(Shape output) => new(output.First, output[1]);

    /// <inheritdoc/>
    public override Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        Tensor output = Plan.Output;
        if (output.IsEmpty)
            throw new InvalidOperationException("A loss needs a Forward before it.");
        Shape rows = Rows(output.Shape);
        if (targets.Length != rows.Count || (!mask.IsEmpty && mask.Length != rows.Count))
        {
            throw new ArgumentException(
                $"The output {output.Shape} wants {rows.Count} classes and as many weights or none; "
                    + $"there are {targets.Length} and {mask.Length}."
            );
        }
        int classes = output.Shape.Columns;
        foreach (float target in targets)
        {
            if (!(target >= 0 && target < classes && target == MathF.Floor(target)))
                throw new ArgumentException(
                    $"A class must be a whole number from 0 to {classes - 1}, not {target}.",
                    nameof(targets)
                );
        }
        Tensor labels = Targets(rows);
        labels.Write(targets);
        Tensor weights = default;
        if (!mask.IsEmpty)
        {
            weights = Mask(rows);
            weights.Write(mask);
        }
        Plan.Backend.SoftmaxCrossEntropy(output, labels, weights, Gradient, Value);
        return Gradient;
    }
}
