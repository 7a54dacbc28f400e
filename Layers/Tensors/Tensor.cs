namespace Sequor.Layers;

/// <summary>
/// A contiguous row-major view of float32 values in a backend's memory. It is a value, so making a view allocates nothing. Its memory, a
/// plan's or a <see cref="Storage"/>, must outlive it.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using Storage storage = backend.Allocate(count: 2 * 3, MemoryCategory.InputOutput);
/// Tensor tensor = storage.View(new Shape(2, 3));
/// tensor.Write([1, 2, 3, 4, 5, 6]);
/// Tensor row = tensor.Slice(first: 1, count: 1); // the same memory
/// row.Write([7, 8, 9]);
/// float[] values = tensor.ToArray(); // 1, 2, 3, 7, 8, 9
/// </code>
/// </example>
public readonly struct Tensor
{
    internal Tensor(Storage storage, long offset, Shape shape)
    {
        Storage = storage;
        Offset = offset;
        Shape = shape;
    }

    /// <summary>The block that this is a view of. Whoever allocated the block frees it, not whoever is given a tensor.</summary>
    internal Storage Storage { get; }

    internal long Offset { get; }

    /// <summary>The sizes, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>True for <c>default(Tensor)</c>, which means that there is no tensor.</summary>
    public bool IsEmpty => Storage is null;

    /// <summary>The backend that holds the values.</summary>
    /// <exception cref="InvalidOperationException">The tensor is empty (<see cref="IsEmpty"/>).</exception>
    public Backend Backend => (Storage ?? throw None()).Backend;

    /// <summary>The number of values.</summary>
    public long Count => Shape.Count;

    /// <summary>
    /// The address of the first value, for other code. It is in host memory, or on a GPU, where the backend's stream must first have
    /// finished the work that writes it.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The block has been freed.</exception>
    /// <exception cref="InvalidOperationException">The tensor is empty (<see cref="IsEmpty"/>).</exception>
    public nint Address => (Storage ?? throw None()).Address + (nint)(Offset * sizeof(float));

    /// <summary>Sees the first values in another shape, which has at most as many elements.</summary>
    /// <exception cref="ArgumentException">The shape has more elements than this tensor.</exception>
    public Tensor View(Shape shape)
    {
        if (shape.Count > Count)
            throw new ArgumentException(
                $"A view of {shape} does not fit in a tensor of {Shape}.",
                nameof(shape)
            );
        return new Tensor(Storage, Offset, shape);
    }

    /// <summary>The steps <paramref name="first"/> .. first + count - 1 of the outermost dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The steps are not all within the tensor.</exception>
    public Tensor Slice(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (long)first + count,
            Shape.First,
            nameof(count)
        );
        (Shape shape, long step) = Shape.Rank switch
        {
            1 => (new Shape(count), 1L),
            2 => (new Shape(count, Shape[1]), Shape[1]),
            _ => (new Shape(count, Shape[1], Shape[2]), (long)Shape[1] * Shape[2]),
        };
        return new Tensor(Storage, Offset + first * step, shape);
    }

    /// <summary>A range of rows of the tensor seen as a matrix [<see cref="Shape.Rows"/>, <see cref="Shape.Columns"/>].</summary>
    internal Tensor RowRange(long first, long count) =>
        new(Storage, Offset + first * Shape.Columns, new Shape(checked((int)count), Shape.Columns));

    /// <summary>Copies values in, after waiting for earlier work on the tensor.</summary>
    /// <param name="values">As many values as the tensor has.</param>
    /// <exception cref="ArgumentException">The number of values differs.</exception>
    /// <exception cref="InvalidOperationException">
    /// Another thread is in the backend, or the tensor is other code's and may only be read.
    /// </exception>
    public void Write(ReadOnlySpan<float> values)
    {
        RequireLive();
        RequireCount(values.Length);
        Storage.RequireWritable();
        using OwnerScope inside = Backend.Enter("Tensor.Write");
        Backend.Upload(values, this);
        Storage.NoteWrite(Offset, Count);
    }

    /// <summary>Copies values out, after waiting for earlier work on the tensor.</summary>
    /// <param name="values">Gets as many values as the tensor has.</param>
    /// <exception cref="ArgumentException">The number of values differs.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in the backend.</exception>
    public void Read(Span<float> values)
    {
        RequireLive();
        RequireCount(values.Length);
        using OwnerScope inside = Backend.Enter("Tensor.Read");
        Backend.Download(this, values);
    }

    /// <summary>
    /// Queues a copy of the values to another tensor of the backend, in the order of its work, and returns before it is done.
    /// </summary>
    /// <param name="destination">A tensor of as many values; the two may overlap.</param>
    /// <exception cref="ArgumentException">
    /// The destination is on another backend, the number of values differs, or the two overlap so closely that a GPU cannot copy one to the
    /// other.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Another thread is in the backend, or the destination is other code's and may only be read.
    /// </exception>
    public void CopyTo(Tensor destination)
    {
        RequireLive();
        if (destination.IsEmpty || destination.Backend != Backend)
            throw new ArgumentException(
                "The destination lies on another backend.",
                nameof(destination)
            );
        destination.RequireCount(Count);
        destination.Storage.RequireWritable();
        using OwnerScope inside = Backend.Enter("Tensor.CopyTo");
        Backend.CopyCalled(this, destination);
    }

    /// <summary>Makes a copy of the values, after waiting for earlier work on the tensor.</summary>
    public float[] ToArray()
    {
        float[] values = new float[Count];
        Read(values);
        return values;
    }

    /// <summary>
    /// Makes a copy of the values as they are once the work queued so far is done, without blocking the calling thread. Work that is queued
    /// later may overwrite the tensor.
    /// </summary>
    /// <param name="cancellation">Ends the waiting, not the work.</param>
    /// <exception cref="InvalidOperationException">Another thread is in the backend, or a step is being captured.</exception>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    public Task<float[]> ToArrayAsync(CancellationToken cancellation = default)
    {
        RequireLive();
        using OwnerScope inside = Backend.Enter("Tensor.ToArrayAsync");
        return cancellation.IsCancellationRequested
            ? Task.FromCanceled<float[]>(cancellation)
            : Backend.DownloadAsync(this, cancellation);
    }

    /// <summary>Whether the two have a value at the same address of one backend, even in different storages.</summary>
    internal bool Overlaps(Tensor other)
    {
        if (IsEmpty || other.IsEmpty || Backend != other.Backend)
            return false;
        (nint from, nint to) = Range;
        (nint first, nint end) = other.Range;
        return from < end && first < to;
    }

    /// <summary>The addresses of the first value and of the end of the last one.</summary>
    internal (nint From, nint To) Range
    {
        get
        {
            nint from = Address;
            return (from, from + (nint)(Count * sizeof(float)));
        }
    }

    private static InvalidOperationException None() =>
        new(
            "There is no such tensor: it is empty, as of a gradient or a state that was not asked for."
        );

    // If the block has been freed, reading its address throws.
    private void RequireLive() => Backend.RequireLive();

    private void RequireCount(long count)
    {
        if (count != Count)
            throw new ArgumentException(
                $"A tensor of {Shape} has {Amount.Of(Count, "value")}, not {count}."
            );
    }
}
