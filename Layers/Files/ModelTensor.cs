namespace Sequor.Layers;

/// <summary>
/// A tensor that is saved with a model, under its name in the model. This says which tensors belong to a model, for every kind of file.
/// </summary>
internal readonly record struct ModelTensor(string Name, Parameter Parameter)
{
    public Shape Shape => Parameter.Shape;

    /// <summary>The tensor's values, where the model has them.</summary>
    /// <exception cref="ObjectDisposedException">The model is not, or no longer, on a backend.</exception>
    public Tensor Values =>
        Parameter.Owner is { } store
            ? store.View(Parameter)
            : throw new ObjectDisposedException(Name, "The model's parameters are freed.");

    /// <summary>The tensors of a layer itself, without its children's.</summary>
    public static IEnumerable<ModelTensor> Own(Layer layer) =>
        layer
            .Parameters.Concat(layer.Buffers)
            .Select(parameter => new ModelTensor(parameter.Name, parameter));

    /// <summary>The tensors of a layer and of everything below it, each layer's parameters before its buffers.</summary>
    public static IEnumerable<ModelTensor> All(Layer layer)
    {
        foreach (ModelTensor own in Own(layer))
            yield return own;
        foreach ((string name, Layer child) in layer.Children)
        {
            foreach (ModelTensor inner in All(child))
                yield return inner with
                {
                    Name = $"{name}.{inner.Name}",
                };
        }
    }
}
