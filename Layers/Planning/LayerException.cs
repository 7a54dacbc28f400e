namespace Sequor.Layers;

/// <summary>The call during which a layer failed.</summary>
public enum LayerPass
{
    /// <summary>It was planned: <see cref="Layer.CreatePlan"/>.</summary>
    Planning,

    /// <summary>Its forward pass ran, or was rehearsed while a plan was made.</summary>
    Forward,

    /// <summary>Its backward pass ran, or was rehearsed while a plan was made.</summary>
    Backward,
}

/// <summary>
/// A layer that is not Sequor's own threw an exception, or did something that layers may not do. <see cref="Exception.InnerException"/>
/// is the exception that it threw, or one that says what was wrong.
/// </summary>
/// <remarks>
/// A plan can be used on after a failed Forward or Backward; but a stream has to be Reset, or be given a state, and gradients that
/// were added to in part are not added to any more.
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

    /// <summary>The layer.</summary>
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
