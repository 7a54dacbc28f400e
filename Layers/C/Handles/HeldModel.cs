using Sequor.Layers;

namespace Sequor.C;

/// <summary>A model that a caller holds, and its parameters and buffers by number and by name.</summary>
internal sealed class HeldModel
{
    private readonly Dictionary<string, Parameter> _byName;

    /// <summary>Holds a model.</summary>
    public HeldModel(Layer model)
    {
        Model = model;
        NamedParameter[] trained = [.. model.NamedParameters()];
        Values = [.. trained, .. model.NamedBuffers()];
        Trained = trained.Length;
        _byName = Values.ToDictionary(v => v.Name, v => v.Parameter, StringComparer.Ordinal);
    }

    /// <summary>The model.</summary>
    public Layer Model { get; }

    /// <summary>All parameters, then all buffers.</summary>
    public IReadOnlyList<NamedParameter> Values { get; }

    /// <summary>How many of the values are parameters.</summary>
    public int Trained { get; }

    /// <summary>A value's place in the backend's memory.</summary>
    /// <exception cref="RefusedException">There is no such value, or the model is on no backend yet.</exception>
    public Tensor Find(string name)
    {
        Model.RequireLive();
        if (!_byName.TryGetValue(name, out Parameter? parameter))
            throw new RefusedException(
                Status.Argument,
                $"The model has no value '{Printable.Shortened(name)}'; there are {(Values.Count == 0 ? "none" : string.Join(", ", Values.Select(v => v.Name)))}."
            );
        return parameter.Owner is { } store
            ? store.View(parameter)
            : throw new RefusedException(
                Status.State,
                "The model is on no backend yet: sequor_model_initialize, sequor_model_load or sequor_plan_create puts it on one."
            );
    }
}
