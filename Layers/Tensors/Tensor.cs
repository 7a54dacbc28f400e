namespace Sequor.Layers;

/// <summary>
/// A contiguous row-major view of float32 values in a backend's memory. A value: making a view allocates
/// nothing, and its <see cref="Storage"/> must outlive it.
/// </summary>
public readonly struct Tensor
{
    internal Tensor(Storage storage, long offset, Shape shape)
    {
        Storage = storage;
        Offset = offset;
        Shape = shape;
    }

    /// <summary>The block that this is a view of.</summary>
    public Storage Storage { get; }

    internal long Offset { get; }

    /// <summary>The sizes, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>True for <c>default(Tensor)</c>, which stands for "none".</summary>
    public bool IsEmpty => Storage is null;

    /// <summary>The backend that holds the values.</summary>
    public Backend Backend => Storage.Backend;

    /// <summary>Number of values.</summary>
    public long Count => Shape.Count;

    /// <summary>
    /// Where the first value lies, for other code: in host memory, or on the GPU, where the backend's stream has to have done
    /// what writes it.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The block was freed.</exception>
    public nint Address => Storage.Address + (nint)(Offset * sizeof(float));

    /// <summary>The first values under another shape of at most as many elements.</summary>
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

    /// <summary>Steps <paramref name="first"/> .. first + count - 1 of the outermost dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The steps reach beyond the tensor.</exception>
    public Tensor Slice(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (long)first + count,
            Shape.First,
            nameof(count)
        );
        long step = Shape.First == 0 ? 0 : Count / Shape.First;
        Shape shape = Shape.Rank switch
        {
            1 => new Shape(count),
            2 => new Shape(count, Shape[1]),
            _ => new Shape(count, Shape[1], Shape[2]),
        };
        return new Tensor(Storage, Offset + first * step, shape);
    }

    /// <summary>Rows of a tensor seen as a matrix [<see cref="Shape.Rows"/>, <see cref="Shape.Columns"/>].</summary>
    internal Tensor RowRange(long first, long count) =>
        new(Storage, Offset + first * Shape.Columns, new Shape(checked((int)count), Shape.Columns));

    /// <summary>Copies values in, waiting for earlier work on the tensor.</summary>
    /// <param name="values">As many values as the tensor has.</param>
    /// <exception cref="ArgumentException">The number of values differs.</exception>
    public void Write(ReadOnlySpan<float> values)
    {
        RequireCount(values.Length);
        Backend.Upload(values, this);
    }

    /// <summary>Copies values out, waiting for earlier work on the tensor.</summary>
    /// <param name="values">Room for as many values as the tensor has.</param>
    /// <exception cref="ArgumentException">The number of values differs.</exception>
    public void Read(Span<float> values)
    {
        RequireCount(values.Length);
        Backend.Download(this, values);
    }

    /// <summary>Copies the values to another tensor of the backend, in the order of its work; returns before it is done.</summary>
    /// <param name="destination">As many values, elsewhere.</param>
    /// <exception cref="ArgumentException">It is of another backend, or the number of values differs.</exception>
    public void CopyTo(Tensor destination)
    {
        if (destination.IsEmpty || destination.Backend != Backend)
            throw new ArgumentException(
                "The destination lies on another backend.",
                nameof(destination)
            );
        destination.RequireCount(checked((int)Count));
        Backend.CopyCalled(this, destination);
    }

    /// <summary>A copy of the values.</summary>
    public float[] ToArray()
    {
        float[] values = new float[Count];
        Read(values);
        return values;
    }

    private void RequireCount(int count)
    {
        if (count != Count)
            throw new ArgumentException($"A tensor of {Shape} has {Count} values, not {count}.");
    }
}
