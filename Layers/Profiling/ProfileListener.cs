namespace Sequor.Layers;

/// <summary>
/// Is told of a profiled plan's steps, layers and operations while the host queues them, and of their times when these are read. Override
/// what you want to know. The calls come on the thread that runs the step and allocate nothing; what they are given is valid within the
/// call alone. They must not use the backend. An exception leaves the step as one of the step's own does.
/// </summary>
public abstract class ProfileListener
{
    /// <summary>A step begins.</summary>
    /// <param name="number">Its number since the profile was started, from 1.</param>
    protected internal virtual void StepBegan(long number) { }

    /// <summary>A step has been queued. On a CPU it is done.</summary>
    /// <param name="number">Its number.</param>
    protected internal virtual void StepEnded(long number) { }

    /// <summary>A layer's pass begins; layers within it come before its end. A graph tells this when it is recorded, not when it runs.</summary>
    /// <param name="layer">The layer's full name; "" for the model.</param>
    /// <param name="kind">Its type.</param>
    /// <param name="pass">Forward or Backward.</param>
    protected internal virtual void LayerBegan(string layer, string kind, ProfilePass pass) { }

    /// <summary>The layer's pass has been queued.</summary>
    /// <param name="layer">The layer's full name.</param>
    /// <param name="kind">Its type.</param>
    protected internal virtual void LayerEnded(string layer, string kind) { }

    /// <summary>An operation begins. A graph tells this when it is recorded, not when it runs.</summary>
    /// <param name="layer">As <see cref="ProfiledOperation.Layer"/>.</param>
    /// <param name="operation">What is computed.</param>
    /// <param name="pass">The part of the step.</param>
    /// <param name="shapes">The shapes of its operands and results.</param>
    protected virtual void OperationBegan(
        string layer,
        string operation,
        ProfilePass pass,
        ReadOnlySpan<Shape> shapes
    ) { }

    /// <summary>The operation has been queued.</summary>
    /// <param name="layer">As <see cref="ProfiledOperation.Layer"/>.</param>
    /// <param name="operation">What is computed.</param>
    protected internal virtual void OperationEnded(string layer, string operation) { }

    /// <summary>The times of the last step, told by <see cref="Profile.Tell"/>.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="nanoseconds">How long it took: the sum of its rows.</param>
    /// <param name="rows">The operations and the time between them, in queue order.</param>
    protected internal virtual void StepTimed(
        long number,
        long nanoseconds,
        ReadOnlySpan<ProfiledRow> rows
    ) { }

    internal void OperationBegan(
        string layer,
        string operation,
        ProfilePass pass,
        ReadOnlySpan<Operand> operands
    )
    {
        Span<Shape> shapes = stackalloc Shape[Math.Min(operands.Length, 64)];
        for (int i = 0; i < shapes.Length; i++)
            shapes[i] = operands[i].Shape;
        OperationBegan(layer, operation, pass, shapes);
    }
}

/// <summary>A row of a profiled step, as <see cref="ProfiledOperation"/> without its shapes: a value, so telling it allocates nothing.</summary>
/// <param name="Layer">As <see cref="ProfiledOperation.Layer"/>.</param>
/// <param name="Kind">As <see cref="ProfiledOperation.Kind"/>.</param>
/// <param name="Operation">As <see cref="ProfiledOperation.Operation"/>.</param>
/// <param name="Pass">The part of the step.</param>
/// <param name="StartNanoseconds">When it began, after the step's begin.</param>
/// <param name="Nanoseconds">How long it took.</param>
/// <param name="BytesMoved">As <see cref="ProfiledOperation.BytesMoved"/>.</param>
/// <param name="Flops">As <see cref="ProfiledOperation.Flops"/>.</param>
/// <param name="Launches">As <see cref="ProfiledOperation.Launches"/>.</param>
public readonly record struct ProfiledRow(
    string Layer,
    string Kind,
    string Operation,
    ProfilePass Pass,
    long StartNanoseconds,
    long Nanoseconds,
    long? BytesMoved,
    long? Flops,
    int? Launches
)
{
    // The operation's index among those of the step; -1 for the time between two.
    internal int Index { get; init; } = -1;
}
