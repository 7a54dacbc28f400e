namespace Sequor.Layers;

/// <summary>
/// A block of floats in a backend's memory. A block that the backend allocated is freed by Dispose or, if it is garbage-collected
/// without that, by the backend's next call. Memory that was wrapped belongs to the caller and is not freed; memory that other code
/// lent (<see cref="DlPack.Import"/>) is given back in the same way as memory is freed.
/// </summary>
/// <remarks>
/// What was handed to other code (<see cref="DlPack.Export"/>) stays until that code has given it back as well: Dispose ends the use here,
/// and the memory goes with the last of them.
/// </remarks>
public sealed class Storage : IDisposable
{
    private readonly bool _owned;

    // Zero once the owner has disposed the block.
    private nint _address;

    // The owner, and everybody whom the memory was handed to.
    private int _holds = 1;

    internal Storage(
        Backend backend,
        nint address,
        long count,
        MemoryCategory category,
        bool owned,
        object? block = null,
        DlPackLease? lease = null
    )
    {
        Backend = backend;
        BlockAddress = _address = address;
        Lease = lease;
        Count = count;
        Category = category;
        _owned = owned;
        Block = block;
        if (owned)
            Owner = backend.AllocatesFor;
        else if (lease is null)
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

    /// <summary>By way of which the backend copies values in beside its other work (<see cref="Backend.StageUploads"/>).</summary>
    internal IDisposable? Staging { get; set; }

    /// <summary>The use of other code's memory, which ends with the block; null for memory of the backend, and for what was wrapped.</summary>
    internal DlPackLease? Lease { get; }

    /// <summary>Whether the backend allocated it, and is told when it goes (<see cref="Backend.Free"/>).</summary>
    internal bool IsOwned => _owned;

    /// <summary>Whether whoever frees the memory waits for its holders: not where it was wrapped.</summary>
    internal bool CanBeHeld => _owned || Lease is not null;

    /// <summary>Whether a caller may not write to it, as other code lent it to be read.</summary>
    internal bool IsReadOnly { get; init; }

    /// <summary>The memory's address, also after Dispose, for whoever frees it.</summary>
    internal nint BlockAddress { get; }

    internal bool IsFreed => _address == 0;

    /// <summary>
    /// How many floats at its beginning were loaded together with something that a plan keeps about them; 0 once all of them have been
    /// overwritten.
    /// </summary>
    internal long LoadedCount { get; set; }

    /// <summary>How often a caller has written to the block by <see cref="Tensor.Write"/> or <see cref="Tensor.CopyTo"/>.</summary>
    internal int Writes { get; private set; }

    /// <summary>
    /// How often anything has written to the block, planned operations apart. What was made of its values holds as long as this stays.
    /// Not counted is what other code writes by an address.
    /// </summary>
    internal long Changes { get; private set; }

    /// <summary>Notes that values are written, by whom ever.</summary>
    internal void NoteChange() => Changes++;

    /// <summary>Whether this is a plan's input in whose place the plan has put something else since it was asked for or written.</summary>
    internal bool IsReplaced { get; set; }

    /// <summary>Notes that a caller wrote values, to which what was known about the earlier ones does not apply.</summary>
    internal void NoteWrite(long offset, long count)
    {
        Writes++;
        NoteChange();
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
        _address = 0;
        GC.SuppressFinalize(this);
        if (!CanBeHeld)
            (Block as IDisposable)?.Dispose();
        else if (Interlocked.Decrement(ref _holds) == 0)
            Backend.Return(this, forgotten: false);
    }

    /// <summary>Keeps the memory until the matching <see cref="Drop"/>, whatever its owner does.</summary>
    internal void Hold()
    {
        _ = Address;
        Interlocked.Increment(ref _holds);
    }

    /// <summary>
    /// Ends a <see cref="Hold"/>, on any thread. If the owner's use has ended already, the backend's next call frees the memory.
    /// </summary>
    internal void Drop()
    {
        if (Interlocked.Decrement(ref _holds) == 0)
            Backend.Forgotten(this);
    }

    /// <summary>Refuses a caller's write to memory that was lent to be read.</summary>
    /// <exception cref="InvalidOperationException">It was.</exception>
    internal void RequireWritable()
    {
        if (IsReadOnly)
            throw new InvalidOperationException(
                "The tensor is read-only: its producer said so, or it was taken with DlPackAccess.Read. Take it with DlPackAccess.Write, or copy it first."
            );
    }
}
