namespace Sequor.Layers;

// Guards a model against use by two threads at once. A model has an owner of its own besides its backend's, as it may not be on a backend
// yet, and two threads may make its first plan for two different backends.
public abstract partial class Layer
{
    private readonly OwnerWord _owner;

    /// <summary>Makes a layer that has no values yet.</summary>
    protected Layer() => _owner = new OwnerWord(Refusal);

    /// <summary>Lets the calling thread into the model until the scope is disposed.</summary>
    internal OwnerScope Enter(string entry) => _owner.Enter(entry);

    /// <summary>Does the same for the backend that the values are on, or are to be on; does nothing if there is none.</summary>
    internal OwnerScope EnterBackend(string entry, Backend? first = null)
    {
        // A part of a model is on the backend of the model.
        ParameterStore? store = _store ?? NamedParameters().FirstOrDefault().Parameter?.Owner;
        Backend? backend = store?.Backend ?? first;
        return backend is null ? default : backend.Enter(entry);
    }

    private string Refusal(string entry, string other) =>
        $"{entry} was called while another thread is in {other} of the same {GetType().Name}, and changed nothing. "
        + "A model is for one thread at a time: threads may use it one after the other, "
        + "and those that work at the same time need a model and a backend each.";
}
