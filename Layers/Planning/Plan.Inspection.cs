namespace Sequor.Layers;

// Access to parameters, buffers and gradients by name, and a search for values that are not finite.
public sealed partial class Plan
{
    /// <summary>A parameter of the model, by its full name.</summary>
    /// <exception cref="ArgumentException">No parameter has this name.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public Tensor Parameter(string name)
    {
        RequireLive();
        return Store.View(Find(name));
    }

    /// <summary>A buffer of the model, such as a running mean, by its full name.</summary>
    /// <exception cref="ArgumentException">No buffer has this name.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public Tensor Buffer(string name)
    {
        RequireLive();
        return Store.View(Find(name, Store.Buffers, "buffer"));
    }

    /// <summary>The gradient of a parameter, by its full name.</summary>
    /// <exception cref="ArgumentException">No parameter has this name.</exception>
    /// <exception cref="InvalidOperationException">The plan is not for training.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public Tensor Gradient(string name)
    {
        RequireLive();
        Parameter parameter = Find(name);
        return Gradients.IsEmpty
            ? throw new InvalidOperationException("Gradients need a plan made for Mode.Training.")
            : ParameterStore.View(Gradients.Storage, parameter);
    }

    /// <summary>
    /// Describes the first tensor of the last forward pass that holds a value that is not finite, or null if there is none. The input comes
    /// first (where the model begins with an <see cref="Embedding"/>, any value that is not a class counts), then for each layer its
    /// parameters and its output, then the gradients. It reads everything back, so it is for finding out what went wrong and not for every
    /// step.
    /// </summary>
    public string? FirstNonFinite()
    {
        using OwnerScope inside = Backend.Enter("Plan.FirstNonFinite");
        RequireLive();
        if (OddInput() is { } odd)
            return odd;
        if (!_x.IsEmpty && Model.InputClasses is null && !IsFinite(_x))
            return $"input {_x.Shape}";
        NamedParameter[] state = [.. Store.All()];
        // Where a loss has written its gradient over the output, a row that had NaN or an infinity for a class has NaN in it.
        foreach ((string layer, Tensor output) in _replayed ?? _root.Outputs)
        {
            foreach (NamedParameter named in state.Where(p => Belongs(p, layer)))
            {
                if (!IsFinite(Store.View(named.Parameter)))
                    return Describe(named);
            }
            if (!IsFinite(output))
                return $"output of layer {layer} {output.Shape}";
        }
        foreach (NamedParameter named in state)
        {
            if (!IsFinite(Store.View(named.Parameter)))
                return Describe(named);
        }
        if (!_output.IsEmpty && !IsFinite(_output))
            return $"output {_output.Shape}";
        foreach (NamedParameter named in Store.Named)
        {
            if (
                !Gradients.IsEmpty
                && !IsFinite(ParameterStore.View(Gradients.Storage, named.Parameter))
            )
                return $"gradient of {named.Name} {named.Parameter.Shape}";
        }
        return null;
    }

    private string Describe(NamedParameter named) =>
        $"{(Store.Buffers.Contains(named) ? "buffer" : "parameter")} {named.Name} {named.Parameter.Shape}";

    private static bool Belongs(NamedParameter parameter, string layer) =>
        parameter.Name.StartsWith(layer + ".", StringComparison.Ordinal);

    private static bool IsFinite(Tensor tensor)
    {
        foreach (float value in tensor.ToArray())
        {
            if (!float.IsFinite(value))
                return false;
        }
        return true;
    }

    private Parameter Find(string name) => Find(name, Store.Named, "parameter");

    private static Parameter Find(string name, IReadOnlyList<NamedParameter> all, string what)
    {
        foreach (NamedParameter named in all)
        {
            if (named.Name == name)
                return named.Parameter;
        }
        string there = all.Count == 0 ? "none" : string.Join(", ", all.Select(p => p.Name));
        throw new ArgumentException($"No {what} '{name}'; there are: {there}.", nameof(name));
    }
}
