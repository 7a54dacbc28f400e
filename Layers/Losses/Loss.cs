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
    private readonly (Storage Storage, long First)? _borrowed;
    private Shape _loaded;
    private bool _masked;
    private bool _disposed;

    private protected Loss(Plan plan, bool masks)
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireLive();
        Plan = plan;
        Backend backend = plan.Backend;
        try
        {
            _targets = backend.Allocate(
                TargetShape(plan.MaxOutput).Count,
                MemoryCategory.InputOutput
            );
            _value = backend.Allocate(1, MemoryCategory.InputOutput);
            if (masks)
                _mask = backend.Allocate(plan.MaxOutput.Rows, MemoryCategory.InputOutput);
            if (plan.Mode == Mode.Training)
            {
                _borrowed = plan.Borrow(plan.MaxOutput.Count);
                if (_borrowed is null)
                    _gradient = backend.Allocate(plan.MaxOutput.Count, MemoryCategory.Workspace);
            }
            backend.Fill(Value, 0f);
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>The plan whose output is judged.</summary>
    public Plan Plan { get; }

    private protected Tensor Value => new(_value, 0, new Shape(1));

    /// <summary>
    /// Gradient of the loss by the plan's output, after <see cref="Compute()"/> and until the plan runs again, backward or
    /// forward; empty in evaluation.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The loss was disposed.</exception>
    public Tensor Gradient
    {
        get
        {
            RequireLive();
            return _borrowed is { } place
                    ? new Tensor(place.Storage, place.First, Plan.Output.Shape)
                : _gradient is not null ? new Tensor(_gradient, 0, Plan.Output.Shape)
                : default;
        }
    }

    /// <summary>Compares the plan's output with targets: the loss, and in training its gradient.</summary>
    /// <param name="targets">One value an element (squared error, keys) or a row (classes) of the output.</param>
    /// <param name="mask">A weight for each row, or nothing where all count; not for the squared error.</param>
    /// <returns>The gradient by the output, for <see cref="Plan.Backward"/>; empty in evaluation.</returns>
    /// <exception cref="ArgumentException">The number of targets or weights, or a target, does not fit the output.</exception>
    /// <exception cref="InvalidOperationException">There was no Forward before.</exception>
    public Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        Place(RequireOutput().Shape, targets, mask);
        return Compute();
    }

    /// <summary>
    /// Copies targets in for the input that the plan was last asked for (<see cref="Plan.Input"/>), before or after Forward:
    /// what a step does outside of the work that a <see cref="StepGraph"/> records.
    /// </summary>
    /// <param name="targets">As of <see cref="Compute(ReadOnlySpan{float}, ReadOnlySpan{float})"/>.</param>
    /// <param name="mask">As there.</param>
    /// <exception cref="ArgumentException">The number of targets or weights, or a target, does not fit the output.</exception>
    /// <exception cref="InvalidOperationException">The plan was asked for no input yet.</exception>
    public void Load(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default) =>
        Place(Plan.CurrentOutput, targets, mask);

    /// <summary>Compares the plan's output with the targets that were loaded.</summary>
    /// <returns>The gradient by the output, for <see cref="Plan.Backward"/>; empty in evaluation.</returns>
    /// <exception cref="InvalidOperationException">There was no Forward before, or the targets are those of another shape.</exception>
    public Tensor Compute()
    {
        RequireLive();
        Tensor output = RequireOutput();
        if (output.Shape != _loaded)
            throw new InvalidOperationException(
                $"The targets were loaded for an output {_loaded}, and it is {output.Shape}."
            );
        Judge(
            output,
            new Tensor(_targets, 0, TargetShape(output.Shape)),
            _masked
                ? new Tensor(_mask!, 0, new Shape(output.Shape.First, output.Shape[1]))
                : default
        );
        if (_borrowed is not null)
            Plan.FillSpare();
        return Gradient;
    }

    /// <summary>What shape the targets of an output have.</summary>
    private protected abstract Shape TargetShape(Shape output);

    /// <summary>Raises an error for targets that no output can have.</summary>
    private protected abstract void RequireValid(ReadOnlySpan<float> targets, Shape output);

    /// <summary>Queues loss and gradient.</summary>
    private protected abstract void Judge(Tensor output, Tensor targets, Tensor mask);

    private void Place(Shape output, ReadOnlySpan<float> targets, ReadOnlySpan<float> mask)
    {
        RequireLive();
        Shape wanted = TargetShape(output);
        if (_mask is null && !mask.IsEmpty)
            throw new ArgumentException("The squared error takes no mask.", nameof(mask));
        if (targets.Length != wanted.Count || (!mask.IsEmpty && mask.Length != output.Rows))
        {
            throw new ArgumentException(
                $"The output {output} wants {wanted.Count} targets"
                    + (
                        _mask is null
                            ? $", not {targets.Length}."
                            : $" and {output.Rows} weights or none; there are {targets.Length} and {mask.Length}."
                    ),
                nameof(targets)
            );
        }
        RequireValid(targets, output);
        new Tensor(_targets, 0, wanted).Write(targets);
        _masked = Plan.IsWeighted = !mask.IsEmpty;
        if (_masked)
            new Tensor(_mask!, 0, new Shape(output.First, output[1])).Write(mask);
        _loaded = output;
    }

    private Tensor RequireOutput() =>
        Plan.Output.IsEmpty
            ? throw new InvalidOperationException("A loss needs a Forward before it.")
            : Plan.Output;

    /// <summary>Reads the last loss back, which waits for the work before it.</summary>
    public float Read()
    {
        RequireLive();
        Span<float> value = stackalloc float[1];
        Value.Read(value);
        return value[0];
    }

    /// <summary>Puts the last loss into a tensor of one value, without waiting for it.</summary>
    internal void CopyTo(Tensor destination) => Plan.Backend.Copy(Value, destination);

    /// <summary>Frees the loss's memory; a second call does nothing.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Free();
        GC.SuppressFinalize(this);
    }

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Plan.RequireLive();
    }

    // Also what there is of a loss that could not be made.
    private void Free()
    {
        _targets?.Dispose();
        _value?.Dispose();
        _mask?.Dispose();
        _gradient?.Dispose();
        if (_borrowed is not null)
            Plan.GiveBack();
    }
}

/// <summary>Mean squared error over all elements of the output.</summary>
/// <param name="plan">The plan whose output is judged.</param>
public sealed class MeanSquaredError(Plan plan) : Loss(plan, masks: false)
{
    private protected override Shape TargetShape(Shape output) => output;

    private protected override void RequireValid(ReadOnlySpan<float> targets, Shape output) { }

    private protected override void Judge(Tensor output, Tensor targets, Tensor mask) =>
        Plan.Backend.MeanSquaredError(output, targets, Gradient, Value);
}

/// <summary>
/// Cross-entropy of a softmax over the output's channels, in nats a row, averaged with the mask's weights over the rows of
/// [T, B, K].
/// </summary>
/// <param name="plan">The plan whose output are the logits.</param>
public sealed class SoftmaxCrossEntropy(Plan plan) : Loss(plan, masks: true)
{
    private protected override Shape TargetShape(Shape output) => new(output.First, output[1]);

    private protected override void RequireValid(ReadOnlySpan<float> targets, Shape output)
    {
        int classes = output.Columns;
        foreach (float target in targets)
        {
            if (!(target >= 0 && target < classes && target == MathF.Floor(target)))
                throw new ArgumentException(
                    $"A class must be a whole number from 0 to {classes - 1}, not {target}.",
                    nameof(targets)
                );
        }
    }

    private protected override void Judge(Tensor output, Tensor targets, Tensor mask) =>
        Plan.Backend.SoftmaxCrossEntropy(output, targets, mask, Gradient, Value);
}
