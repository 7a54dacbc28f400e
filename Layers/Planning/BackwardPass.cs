namespace Sequor.Layers;

/// <summary>
/// The backward pass of a plan. It takes the gradient of the output through all layers, and converts between the caller's layout and that
/// of packed rows.
/// </summary>
/// <param name="backend">The backend that it runs on.</param>
/// <param name="root">The model's plan.</param>
/// <param name="preparations">What goes back from what the layers have prepared of their parameters.</param>
/// <param name="flow">The two places in memory between which gradients alternate.</param>
/// <param name="layout">How packed batches lie in memory; null if all sequences have as many steps as the input.</param>
/// <param name="packsOutput">Whether the model's output has packed rows.</param>
/// <param name="overOutput">Whether the gradient of the output may be written over the output.</param>
/// <param name="inputGradient">Whether the gradient of the input is wanted.</param>
internal sealed class BackwardPass(
    Backend backend,
    PlannedLayer root,
    Preparations preparations,
    GradientFlow flow,
    SequenceLayout? layout,
    bool packsOutput,
    bool overOutput,
    bool inputGradient
)
{
    /// <summary>Adds to the parameters' gradients and returns the gradient of the input, which is empty if it is not wanted.</summary>
    /// <param name="dy">The gradient of the output. It may be overwritten.</param>
    /// <param name="input">The caller's input, [T, B, C] or packed rows.</param>
    /// <param name="pads">Whether the caller's input and output have rows of padding.</param>
    /// <param name="zeros">Whether the parameters' gradients are zeros.</param>
    public Tensor Run(Tensor dy, Shape input, bool pads, bool zeros = false)
    {
        flow.BeginPass(zeros);
        if (packsOutput)
            dy = TakeIn(dy, pads);
        Tensor dx = root.Backward(dy);
        preparations.EndBackward();
        if (!inputGradient)
            return default;
        // A model that pools to the last step may return the gradient of the last steps only.
        dx = flow.Whole(dx, layout is { IsPacked: true } ? layout.Rows : input.First);
        if (!pads)
            return dx;
        Tensor padded = flow.Other(dx, input);
        backend.Unpack(dx, layout!, padded);
        return padded;
    }

    // If lengths may differ, the gradient is always copied first, into the flow or over the model's output, so that it takes the same places
    // as in the rehearsal by which the plan's memory was sized.
    private Tensor TakeIn(Tensor dy, bool pads)
    {
        Shape shape = pads ? new Shape(layout!.Rows, 1, dy.Shape.Columns) : dy.Shape;
        Tensor taken = overOutput ? root.Output.View(shape) : flow.Other(dy, shape);
        if (pads)
            backend.Pack(dy, layout!, taken);
        else if (dy.Storage != taken.Storage || dy.Offset != taken.Offset)
            backend.Copy(dy, taken);
        return taken;
    }
}
