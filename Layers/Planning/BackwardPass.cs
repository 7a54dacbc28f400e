namespace Sequor.Layers;

/// <summary>The way of a gradient through a plan: through all layers, and between the caller's layout and that of packed rows.</summary>
/// <param name="backend">Where it runs.</param>
/// <param name="root">The model's plan.</param>
/// <param name="flow">Where the gradient travels.</param>
/// <param name="layout">How batches of differing lengths lie; null where there are none.</param>
/// <param name="packsOutput">What comes out of the model lies as the layout says.</param>
/// <param name="inputGradient">The gradient by the input is wanted.</param>
internal sealed class BackwardPass(
    Backend backend,
    PlannedLayer root,
    GradientFlow flow,
    SequenceLayout? layout,
    bool packsOutput,
    bool inputGradient
)
{
    /// <summary>Adds to the parameters' gradients, and gives the one by the input; empty where it is not wanted.</summary>
    /// <param name="dy">The gradient by the output. It may be overwritten.</param>
    /// <param name="input">The caller's input, [T, B, C] or packed rows.</param>
    /// <param name="pads">The caller's input and output have rows for padding.</param>
    public Tensor Run(Tensor dy, Shape input, bool pads)
    {
        if (packsOutput)
            dy = TakeIn(dy, pads);
        Tensor dx = root.Backward(dy);
        if (!inputGradient)
            return default;
        // Below the pooling of the last step it may be that of the last steps only.
        dx = flow.Whole(dx, layout is { IsPacked: true } ? layout.Rows : input.First);
        if (!pads)
            return dx;
        Tensor padded = flow.Other(dx, input);
        backend.Unpack(dx, layout!, padded);
        return padded;
    }

    // Where lengths may differ, the gradient always begins in the flow, so that it comes by the places that the plan was
    // sized for.
    private Tensor TakeIn(Tensor dy, bool pads)
    {
        Tensor taken = flow.Other(
            dy,
            pads ? new Shape(layout!.Rows, 1, dy.Shape.Columns) : dy.Shape
        );
        if (pads)
            backend.Pack(dy, layout!, taken);
        else
            backend.Copy(dy, taken);
        return taken;
    }
}
