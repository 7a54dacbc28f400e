namespace Sequor.Layers;

/// <summary>
/// A block of floats in a backend's memory. A block that the backend allocated is freed by Dispose or, if it is garbage-collected
/// without that, by the backend's next call. Memory that was wrapped belongs to the caller and is not freed.
/// </summary>
public sealed class Storage : IDisposable
{
    private readonly bool _owned;
    private nint _address;

    internal Storage(
        Backend backend,
        nint address,
        long count,
        MemoryCategory category,
        bool owned,
        object? block = null
    )
    {
        Backend = backend;
        _address = address;
        Count = count;
        Category = category;
        _owned = owned;
        Block = block;
        if (owned)
            Owner = backend.AllocatesFor;
        else
            GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Hands a block that was collected without Dispose to its backend, whose next call frees it, since the finalizer thread may not enter
    /// the backend.
    /// </summary>
    ~Storage()
    {
        if (_address != 0)
            Backend.Forgotten(this);
    }

    /// <summary>The backend whose memory this is.</summary>
    public Backend Backend { get; }

    /// <summary>The size in floats.</summary>
    public long Count { get; }

    /// <summary>The category under which the ledger counts it.</summary>
    public MemoryCategory Category { get; }

    /// <summary>Sees the block's first values as a tensor, which frees nothing and must not outlive the block.</summary>
    /// <param name="shape">The sizes.</param>
    /// <exception cref="ArgumentException">The shape has more elements than the block.</exception>
    public Tensor View(Shape shape) =>
        shape.Count <= Count
            ? new Tensor(this, 0, shape)
            : throw new ArgumentException(
                $"A view of {shape} does not fit in a block of {Amount.Of(Count, "float")}.",
                nameof(shape)
            );

    /// <summary>Whom the block was allocated for, where that is known.</summary>
    internal MemoryOwner? Owner { get; }

    /// <summary>What the backend needs to know about the block besides its address.</summary>
    internal object? Block { get; }

    internal bool IsFreed => _address == 0;

    /// <summary>
    /// How many floats at its beginning were loaded together with something that a plan keeps about them; 0 once all of them have been
    /// overwritten.
    /// </summary>
    internal long LoadedCount { get; set; }

    /// <summary>How often a caller has written to the block by <see cref="Tensor.Write"/> or <see cref="Tensor.CopyTo"/>.</summary>
    internal int Writes { get; private set; }

    /// <summary>Whether this is a plan's input in whose place the plan has put something else since it was asked for or written.</summary>
    internal bool IsReplaced { get; set; }

    /// <summary>Notes that a caller wrote values, to which what was known about the earlier ones does not apply.</summary>
    internal void NoteWrite(long offset, long count)
    {
        Writes++;
        IsReplaced = false;
        if (offset == 0 && count >= LoadedCount)
            LoadedCount = 0;
    }

    /// <summary>The block's address, in the backend's address space.</summary>
    /// <exception cref="ObjectDisposedException">The block has been freed.</exception>
    // This is kept small so that it is inlined into the operations that use it.
    internal nint Address => _address != 0 ? _address : throw NoAddress();

    private InvalidOperationException NoAddress() =>
        Backend is RehearsalBackend
            ? new InvalidOperationException(
                "A tensor has no address while its plan is made: code that takes addresses goes through TensorOperations.Run."
            )
            : new ObjectDisposedException(GetType().FullName);

    /// <summary>The next block in the backend's list of blocks that were collected without Dispose.</summary>
    internal Storage? Next { get; set; }

    /// <summary>Frees an owned block; a second call does nothing.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in the backend; nothing was freed.</exception>
    public void Dispose()
    {
        if (_address == 0)
            return;
        using OwnerScope inside = Backend.Enter("Storage.Dispose");
        if (_address == 0)
            return;
        if (_owned)
            Backend.Free(this, forgotten: false);
        _address = 0;
        GC.SuppressFinalize(this);
    }
}
