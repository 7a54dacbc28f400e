namespace Sequor.Interop;

/// <summary>What the two kinds of handles for other processes have in common: their bytes.</summary>
internal static class IpcBytes
{
    /// <summary>Throws if these are no bytes of a handle.</summary>
    public static void Require(ReadOnlySpan<byte> bytes, string argument)
    {
        if (bytes.Length != CudaIpcMemoryHandle.Size)
            throw new ArgumentException(
                $"A handle for other processes has {CudaIpcMemoryHandle.Size} bytes, not {bytes.Length}.",
                argument
            );
        if (!bytes.ContainsAnyExcept((byte)0))
            throw new ArgumentException("All bytes are 0, which is no handle.", argument);
    }

    public static int Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }
}
