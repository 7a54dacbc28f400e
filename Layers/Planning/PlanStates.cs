namespace Sequor.Layers;

/// <summary>The states of all recurrent layers of a plan that was made with <see cref="PlanOptions.States"/>.</summary>
public sealed class PlanStates
{
    private readonly RecurrentStates[] _layers;

    internal PlanStates(Layer model, IReadOnlyList<RecurrentStates> layers)
    {
        _layers = [.. layers];
        if (_layers.Length == 0)
        {
            throw new ArgumentException(
                "States need a recurrent layer in the model: an Rnn, Lstm or Gru.",
                nameof(model)
            );
        }
        foreach (RecurrentStates layer in _layers)
            layer.Name = NameOf(layer.Layer, model, "") ?? "";
    }

    /// <summary>The states of each recurrent layer, in the order of computation.</summary>
    public IReadOnlyList<RecurrentStates> Layers => _layers;

    /// <summary>The states of a recurrent layer by the layer's name, as in its parameters' full names.</summary>
    /// <param name="layer">The name; "" for a model that is a recurrent layer itself.</param>
    /// <exception cref="ArgumentException">No recurrent layer has this name.</exception>
    public RecurrentStates this[string layer]
    {
        get
        {
            foreach (RecurrentStates states in _layers)
            {
                if (states.Name == layer)
                    return states;
            }
            throw new ArgumentException(
                $"No recurrent layer '{layer}'; there are: {string.Join(", ", _layers.Select(l => $"'{l.Name}'"))}.",
                nameof(layer)
            );
        }
    }

    /// <summary>
    /// Makes the final states of the last Forward the initial states of the next, which then continues where this one ended. No gradient
    /// passes from one to the other: this is truncated backpropagation through time. In training, Backward must run first.
    /// </summary>
    /// <exception cref="InvalidOperationException">No forward pass came before.</exception>
    /// <exception cref="NotSupportedException">A layer is bidirectional.</exception>
    public void CarryOver()
    {
        Backend backend = _layers[0].Backend;
        using OwnerScope inside = backend.Enter("PlanStates.CarryOver");
        foreach (RecurrentStates layer in _layers)
        {
            if (layer.Layer.Options.Bidirectional)
            {
                throw new NotSupportedException(
                    $"The states of layer '{layer.Name}' cannot be carried over: its reverse direction begins at the end of the sequence."
                );
            }
        }
        if (_layers[0].Final.Hidden.IsEmpty)
            throw new InvalidOperationException("There are no states to carry before a Forward.");
        var call = new StepCall(StepCallKind.CarryOver, this, _layers[0].Final.Hidden);
        bool queue = !backend.PutsOff(call, out _);
        foreach (RecurrentStates layer in _layers)
            layer.CarryOver(queue);
        if (queue)
            backend.Queued(call);
    }

    /// <summary>Sets all initial states to zero, for a batch of any size.</summary>
    public void Reset()
    {
        Backend backend = _layers[0].Backend;
        using OwnerScope inside = backend.Enter("PlanStates.Reset");
        var call = new StepCall(StepCallKind.Reset, this);
        bool queue = !backend.PutsOff(call, out _);
        foreach (RecurrentStates layer in _layers)
            layer.Reset(queue);
        if (queue)
            backend.Queued(call);
    }

    /// <summary>Sets all initial states to zero once the plan has allocated them.</summary>
    internal void Clear()
    {
        foreach (RecurrentStates layer in _layers)
            layer.Reset(queue: true);
    }

    internal void RequireBatch(int batch)
    {
        foreach (RecurrentStates layer in _layers)
            layer.RequireBatch(batch);
    }

    internal void BeginForward(int batch, bool queue)
    {
        foreach (RecurrentStates layer in _layers)
            layer.BeginForward(batch, queue);
    }

    internal void BeginBackward()
    {
        foreach (RecurrentStates layer in _layers)
            layer.BeginBackward();
    }

    internal void RequireUnchanged()
    {
        foreach (RecurrentStates layer in _layers)
        {
            if (layer.IsChanged)
            {
                throw new InvalidOperationException(
                    $"Backward needs the initial states that Forward began from; those of layer '{layer.Name}' have been replaced since."
                );
            }
        }
    }

    private static string? NameOf(Layer wanted, Layer layer, string path)
    {
        if (ReferenceEquals(wanted, layer))
            return path;
        foreach ((string name, Layer child) in layer.Children)
        {
            if (NameOf(wanted, child, path.Length == 0 ? name : $"{path}.{name}") is { } found)
                return found;
        }
        return null;
    }
}
