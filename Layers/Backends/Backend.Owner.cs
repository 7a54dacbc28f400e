namespace Sequor.Layers;

// Keeps track of which thread is inside the backend, and of the blocks of memory that were collected without being freed.
public abstract partial class Backend
{
    private readonly OwnerWord _owner;
    private readonly MemoryLedger _memory = new();
    private readonly Action _freeForgotten;

    // The first of a list of blocks that were garbage-collected without Dispose and wait to be freed.
    private Storage? _forgotten;
    private volatile bool _closed;

    private protected Backend()
    {
        _owner = new OwnerWord(Refusal);
        _freeForgotten = FreeForgotten;
    }

    /// <summary>The ledger as it is, to be read from any thread; what was forgotten is still in it.</summary>
    internal MemoryLedger Ledger => _memory;

    /// <summary>
    /// Closes a backend that was collected without Dispose. Blocks that are collected later are freed at once, since no further call would
    /// free them.
    /// </summary>
    ~Backend()
    {
        Close();
        Dispose(false);
    }

    /// <summary>The bytes allocated by this backend, by category. It may be read from any thread.</summary>
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
    /// Lets the calling thread into the backend until the scope is disposed. Every public call that uses the backend does this first. A
    /// call within another call of the same thread is already inside and costs nothing.
    /// </summary>
    /// <param name="entry">The public type and member, for messages, such as Plan.Forward.</param>
    /// <exception cref="InvalidOperationException">Another thread is inside.</exception>
    internal OwnerScope Enter(string entry)
    {
        OwnerScope inside = _owner.Enter(entry);
        // Only the outermost call frees them, as an inner one's caller may still work on memory that nothing refers to any more.
        if (inside.IsOutermost && Volatile.Read(ref _forgotten) is not null)
            FreeForgotten();
        return inside;
    }

    /// <summary>
    /// Takes a block that was garbage-collected without Dispose; called on the finalizer thread. The next call frees it, as no thread works
    /// on it then. A backend that has been disposed frees it at once.
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

    /// <summary>Frees an owned block and removes it from the ledger. It throws nothing.</summary>
    /// <param name="storage">The block.</param>
    /// <param name="forgotten">Whether the block came from <see cref="Forgotten"/>, when other code may be capturing a stream.</param>
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
