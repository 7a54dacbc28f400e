namespace Sequor.Layers.Cuda;

/// <summary>Memory that lasts as long as candidates are compared, and random values for it.</summary>
internal sealed class TuningMemory(CudaBackend backend) : IDisposable
{
    private const ulong Seed = 0x7475_6e65;

    // Odd, so that no row of a matrix is like the next one.
    private const int Period = 65521;

    private const int MostCopied = 1 << 30;

    private readonly List<Storage> _taken = [];
    private ulong _drawn;

    /// <summary>Memory whose values are undefined.</summary>
    /// <exception cref="DeviceMemoryException">There is not so much.</exception>
    public Tensor Room(Shape shape)
    {
        Storage storage = backend.Allocate(Math.Max(1, shape.Count), MemoryCategory.Workspace);
        _taken.Add(storage);
        return new Tensor(storage, 0, shape);
    }

    /// <summary>A row of scratch.</summary>
    public Tensor Block(long count) => Room(Shape.Block(Math.Max(1, count)));

    /// <summary>Values between -scale and scale.</summary>
    public Tensor Random(Shape shape, double scale) =>
        Fill(shape, random => (float)((2 * random.NextDouble() - 1) * scale));

    /// <summary>Values of -2, -1, 1 and 2, whose products and sums are exact in every arithmetic.</summary>
    public Tensor Whole(Shape shape) =>
        Fill(shape, random => (random.Next(2) + 1) * (random.Next(2) == 0 ? -1f : 1f));

    /// <summary>Frees one before the others.</summary>
    public void Free(Tensor tensor)
    {
        _taken.Remove(tensor.Storage);
        tensor.Storage.Dispose();
    }

    public void Dispose()
    {
        foreach (Storage storage in _taken)
            storage.Dispose();
    }

    // A part is drawn, and copied as often as there is room.
    private Tensor Fill(Shape shape, Func<Random, float> draw)
    {
        Tensor tensor = Room(shape);
        var random = new Random((int)(Seed + _drawn++));
        float[] values = new float[Math.Min(Period, tensor.Count)];
        foreach (ref float value in values.AsSpan())
            value = draw(random);
        backend.Upload(values, Part(tensor, 0, values.Length));
        for (long done = values.Length; done < tensor.Count; )
        {
            long count = Math.Min(Math.Min(done, MostCopied), tensor.Count - done);
            backend.Copy(Part(tensor, 0, count), Part(tensor, done, count));
            done += count;
        }
        return tensor;
    }

    private static Tensor Part(Tensor tensor, long first, long count) =>
        new(tensor.Storage, tensor.Offset + first, new Shape(checked((int)count)));
}
