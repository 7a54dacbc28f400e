namespace Sequor.Layers;

/// <summary>
/// Random numbers that a backend's library draws by itself, from states in the device's memory that only it understands: they
/// are kept as they are.
/// </summary>
internal abstract class LibraryRandom
{
    /// <summary>Whose states they are, in which version and how large: those of the same name can be put back.</summary>
    public abstract string Name { get; }

    /// <summary>Bytes of the states.</summary>
    public abstract long ByteCount { get; }

    /// <summary>The states; waits for earlier work with them.</summary>
    public abstract byte[] Read();

    /// <summary>Puts states back.</summary>
    public abstract void Write(ReadOnlySpan<byte> states);

    /// <summary>Begins other numbers, which are the same for the same seed and step.</summary>
    public abstract void Begin(ulong step);
}
