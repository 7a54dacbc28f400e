namespace Sequor.Layers;

// Which thread is inside a model. It has an owner's word of its own beside its backend's, as a model may be on no backend yet, and
// two threads may make its first plan for two different backends.
public abstract partial class Layer
{
    private readonly OwnerWord _owner;

    /// <summary>A layer without values yet.</summary>
    protected Layer() => _owner = new OwnerWord(Refusal);

    /// <summary>Lets the calling thread into the model until the scope is disposed.</summary>
    internal OwnerScope Enter(string entry) => _owner.Enter(entry);

    /// <summary>The same for the backend that its values are on, or are to be on; of neither, nothing.</summary>
    internal OwnerScope EnterBackend(string entry, Backend? first = null)
    {
        // Those of a part of a model are where the model is.
        ParameterStore? store = _store ?? NamedParameters().FirstOrDefault().Parameter?.Owner;
        Backend? backend = store?.Backend ?? first;
        return backend is null ? default : backend.Enter(entry);
    }

    private string Refusal(string entry, string other) =>
        $"{entry} was called while another thread is in {other} of the same {GetType().Name}, and changed nothing. "
        + "A model is for one thread at a time: threads may use it one after the other, "
        + "and those that work at the same time need a model and a backend each.";
}
