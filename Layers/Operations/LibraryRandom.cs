namespace Sequor.Layers;

/// <summary>
/// The states of random numbers that a backend's library draws by itself. They lie in the device's memory and only the library understands
/// them, so they are saved and restored as bytes.
/// </summary>
internal abstract class LibraryRandom
{
    /// <summary>Names the library, its version and the states' size. States may be restored only where the names are equal.</summary>
    public abstract string Name { get; }

    /// <summary>The size of the states, in bytes.</summary>
    public abstract long ByteCount { get; }

    /// <summary>Reads the states, after waiting for earlier work with them.</summary>
    public abstract byte[] Read();

    /// <summary>Restores states that <see cref="Read"/> returned.</summary>
    public abstract void Write(ReadOnlySpan<byte> states);

    /// <summary>Seeds the states for a step. The same seed and step give the same numbers.</summary>
    public abstract void Begin(ulong step);
}
