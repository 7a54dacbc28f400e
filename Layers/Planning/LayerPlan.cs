namespace Sequor.Layers;

/// <summary>
/// A layer prepared for its largest shape, with its share of a plan's memory. Its passes queue operations on the backend and allocate
/// nothing. They must queue the same operations for all values of a shape, since they are rehearsed without memory when the plan is made
/// and may be recorded as a graph.
/// </summary>
public abstract class LayerPlan : IDisposable
{
    /// <summary>
    /// Computes the output of an input [T, B, C] within the plan's limits, or of packed rows [N, 1, C]. The output lies in memory of the
    /// plan.
    /// </summary>
    /// <param name="x">The input. Its values stay until the backward pass is done, so the layer need not copy them.</param>
    /// <returns>The output, in a slot of <see cref="PlanBuilder.Output"/>, or a view of the input.</returns>
    public abstract Tensor Forward(Tensor x);

    /// <summary>
    /// Adds to the parameters' gradients and returns the gradient of the input, which is empty if the plan does not need it.
    /// </summary>
    /// <param name="dy">
    /// The gradient of the output. If it has fewer steps than the output, it is the gradient of the last steps, and that of the others is
    /// zero. It may be overwritten.
    /// </param>
    public abstract Tensor Backward(Tensor dy);

    /// <summary>
    /// Whether the backward pass reads the output, or the output is a view of the input. Otherwise the layer's container may write over it.
    /// </summary>
    internal virtual bool NeedsOutput => true;

    /// <summary>The outputs of the last forward pass with the names of their layers, in the order of computation.</summary>
    internal virtual IEnumerable<(string Name, Tensor Output)> Outputs => [];

    /// <summary>Frees what the layer allocated besides its slots.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
