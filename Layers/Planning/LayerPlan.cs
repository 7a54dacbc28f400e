namespace Sequor.Layers;

/// <summary>A layer prepared for its largest shape, with its share of a plan's memory.</summary>
internal abstract class LayerPlan : IDisposable
{
    /// <summary>
    /// The output for an input [T, B, C] within the plan's limits, or for packed rows [N, 1, C]; in memory of the plan.
    /// </summary>
    public abstract Tensor Forward(Tensor x);

    /// <summary>
    /// Adds to the parameters' gradients and returns the gradient by the input, empty where the plan does without.
    /// </summary>
    /// <param name="dy">
    /// Gradient by the output. Where it has fewer steps than the output, it is that of the last ones, and the others'
    /// is zero. It may be overwritten.
    /// </param>
    public abstract Tensor Backward(Tensor dy);

    /// <summary>The outputs of the last forward pass with the names of their layers, in the order computed.</summary>
    public virtual IEnumerable<(string Name, Tensor Output)> Outputs => [];

    public virtual void Dispose() { }
}
