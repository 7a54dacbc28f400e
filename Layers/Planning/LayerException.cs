namespace Sequor.Layers;

/// <summary>The call during which a layer failed.</summary>
public enum LayerPass
{
    /// <summary>The layer was planned: <see cref="Layer.CreatePlan"/>.</summary>
    Planning,

    /// <summary>Its forward pass ran, or was rehearsed while a plan was made.</summary>
    Forward,

    /// <summary>Its backward pass ran, or was rehearsed while a plan was made.</summary>
    Backward,
}

/// <summary>
/// A layer that is not Sequor's own threw an exception, or any layer broke a rule for layers. <see cref="Exception.InnerException"/> is the
/// exception that the layer threw, or one that says which rule was broken.
/// </summary>
/// <remarks>
/// A plan remains usable after a failed Forward or Backward. A stream must then be Reset or be given a state, and the next Backward must
/// replace the gradients, since some of them have been added to already.
/// </remarks>
public sealed class LayerException : Exception
{
    internal LayerException(Layer layer, string name, LayerPass pass, Shape input, Exception inner)
        : base(
            $"{Began(pass)} of {(name.Length == 0 ? "the model" : $"layer {name}")}, a {layer.GetType().Name}, failed for an input {input}. {inner.Message}",
            inner
        )
    {
        Layer = layer;
        Name = name;
        Pass = pass;
    }

    /// <summary>The layer that failed.</summary>
    public Layer Layer { get; }

    /// <summary>The layer's name in the model, with which its parameters' full names begin; "" for the model itself.</summary>
    public string Name { get; }

    /// <summary>The call during which it failed.</summary>
    public LayerPass Pass { get; }

    private static string Began(LayerPass pass) =>
        pass switch
        {
            LayerPass.Planning => "The planning",
            LayerPass.Forward => "The forward pass",
            _ => "The backward pass",
        };
}
