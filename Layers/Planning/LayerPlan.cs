namespace Sequor.Layers;

/// <summary>
/// A layer prepared for its largest shape, with its share of a plan's memory. Its passes queue operations on the backend and allocate
/// nothing. They must queue the same operations for all values of a shape, as they are rehearsed without memory when the plan is
/// made, and may be recorded as a graph.
/// </summary>
public abstract class LayerPlan : IDisposable
{
    /// <summary>
    /// Computes the output for an input [T, B, C] within the plan's limits, or for packed rows [N, 1, C]. The output lies in memory of
    /// the plan.
    /// </summary>
    /// <param name="x">The input. It stays as it is until the backward pass is done, so it need not be kept.</param>
    /// <returns>The output, in a slot of <see cref="PlanBuilder.Output"/>, or a view of the input.</returns>
    public abstract Tensor Forward(Tensor x);

    /// <summary>
    /// Adds to the parameters' gradients and returns the gradient by the input, which is empty if the plan does not need it.
    /// </summary>
    /// <param name="dy">
    /// Gradient by the output. If it has fewer steps than the output, it is that of the last steps, and the gradient of the other
    /// steps is zero. It may be overwritten.
    /// </param>
    public abstract Tensor Backward(Tensor dy);

    /// <summary>The outputs of the last forward pass with the names of their layers, in the order computed.</summary>
    internal virtual IEnumerable<(string Name, Tensor Output)> Outputs => [];

    /// <summary>Frees what the layer allocated beside its slots.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
