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
        _freeForgotten = () => FreeForgotten(lent: false);
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
            FreeIfNobodyIsInside();
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
            FreeForgotten(lent: true);
        return inside;
    }

    /// <summary>
    /// Takes a block that was garbage-collected without Dispose, or that other code gave back after its owner; called on any thread. The
    /// next call frees it, as no thread works on it then. A backend that has been disposed frees it at once.
    /// </summary>
    internal void Forgotten(Storage storage)
    {
        if (_closed && storage.Lease is not null)
        {
            GiveBack(storage);
            return;
        }
        Push(storage);
        if (_closed)
            FreeIfNobodyIsInside();
    }

    /// <summary>Frees a block that nobody holds any more, or gives it back to whoever lent it.</summary>
    internal void Return(Storage storage, bool forgotten)
    {
        if (storage.Lease is null)
            Free(storage, forgotten);
        else if (EndsUse(storage.Lease))
            GiveBack(storage);
        else
            Push(storage);
    }

    private void Push(Storage storage)
    {
        do
        {
            storage.Next = Volatile.Read(ref _forgotten);
        } while (
            Interlocked.CompareExchange(ref _forgotten, storage, storage.Next) != storage.Next
        );
    }

    private void FreeIfNobodyIsInside()
    {
        if (Volatile.Read(ref _forgotten) is not null)
            _owner.WhileFree(_freeForgotten);
    }

    private void GiveBack(Storage storage)
    {
        (storage.Block as IDisposable)?.Dispose();
        storage.Lease!.End();
        Interlocked.Decrement(ref _lent);
    }

    /// <summary>Frees an owned block and removes it from the ledger. It throws nothing.</summary>
    /// <param name="storage">The block.</param>
    /// <param name="forgotten">Whether the block came from <see cref="Forgotten"/>, when other code may be capturing a stream.</param>
    internal abstract void Free(Storage storage, bool forgotten);

    // Whoever lent memory runs code of its own when it gets it back, which may wait for another thread. So that is not done while other
    // threads wait for this one, as they do within WhileFree.
    private void FreeForgotten(bool lent)
    {
        Storage? next = Interlocked.Exchange(ref _forgotten, null);
        while (next is not null)
        {
            Storage? after = next.Next;
            if (lent || next.Lease is null)
                Return(next, forgotten: true);
            else
                Push(next);
            next = after;
        }
    }

    private void Close()
    {
        EndAllUse();
        _closed = true;
        FreeForgotten(lent: true);
    }

    private string Refusal(string entry, string other) =>
        $"{entry} was called while another thread is in {other} on the same backend ({Info.Description}), and changed nothing. "
        + "A backend and its models, plans, tensors, losses and optimizers are for one thread at a time: "
        + "threads may use them one after the other, and those that work at the same time need a backend and a model each.";
}
