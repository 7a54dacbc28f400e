namespace Sequor.Layers;

// Who is inside, and what was forgotten.
public abstract partial class Backend
{
    private readonly OwnerWord _owner;
    private readonly MemoryLedger _memory = new();
    private readonly Action _freeForgotten;

    // The first of the blocks that the collector found forgotten.
    private Storage? _forgotten;
    private volatile bool _closed;

    private protected Backend()
    {
        _owner = new OwnerWord(Refusal);
        _freeForgotten = FreeForgotten;
    }

    /// <summary>Blocks that are forgotten from now on have no call to wait for.</summary>
    ~Backend()
    {
        Close();
        Dispose(false);
    }

    /// <summary>Bytes allocated by this backend, by category. May be read from any thread.</summary>
    public MemoryLedger Memory
    {
        get
        {
            if (Volatile.Read(ref _forgotten) is not null)
                _owner.WhileFree(_freeForgotten);
            return _memory;
        }
    }

    /// <summary>
    /// Lets the calling thread into the backend until the scope is disposed: what every public call that uses it does first. A
    /// call within another one of the same thread takes nothing.
    /// </summary>
    /// <param name="entry">Type and member, as Plan.Forward.</param>
    /// <exception cref="InvalidOperationException">Another thread is inside.</exception>
    internal OwnerScope Enter(string entry)
    {
        OwnerScope inside = _owner.Enter(entry);
        // Within a call they stay: it may be at work on what nothing holds any more.
        if (inside.IsOutermost && Volatile.Read(ref _forgotten) is not null)
            FreeForgotten();
        return inside;
    }

    /// <summary>
    /// Takes a block that was forgotten, from the collector's thread. It is freed by the next call, as no thread is at work on
    /// it then; or at once where none will come.
    /// </summary>
    internal void Forgotten(Storage storage)
    {
        do
        {
            storage.Next = Volatile.Read(ref _forgotten);
        } while (
            Interlocked.CompareExchange(ref _forgotten, storage, storage.Next) != storage.Next
        );
        if (_closed)
            _owner.WhileFree(_freeForgotten);
    }

    /// <summary>Gives an owned block back and takes it off the ledger. Throws nothing.</summary>
    /// <param name="storage">The block.</param>
    /// <param name="forgotten">It is one of <see cref="Forgotten"/>: a capture by other code may be under way.</param>
    internal abstract void Free(Storage storage, bool forgotten);

    private void FreeForgotten()
    {
        Storage? next = Interlocked.Exchange(ref _forgotten, null);
        for (; next is not null; next = next.Next)
            Free(next, forgotten: true);
    }

    private void Close()
    {
        _closed = true;
        FreeForgotten();
    }

    private string Refusal(string entry, string other) =>
        $"{entry} was called while another thread is in {other} on the same backend ({Info.Description}), and changed nothing. "
        + "A backend and its models, plans, tensors, losses and optimizers are for one thread at a time: "
        + "threads may use them one after the other, and those that work at the same time need a backend and a model each.";
}
