namespace Sequor.VirtualGpu;

/// <summary>FNV-1a (Fowler, Noll, Vo), 64 bits: to see whether memory still holds what it held.</summary>
internal static class ContentHash
{
    private const ulong Begin = 0xcbf29ce484222325;
    private const ulong Prime = 0x100000001b3;

    public static long Of(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Begin;
        foreach (byte b in bytes)
            hash = (hash ^ b) * Prime;
        return (long)hash;
    }

    /// <summary>Values that are floats, by their bits; no values hash as well.</summary>
    public static long Of(ReadOnlySpan<double> values)
    {
        ulong hash = Begin;
        foreach (double value in values)
            hash = (hash ^ BitConverter.SingleToUInt32Bits((float)value)) * Prime;
        return (long)hash;
    }
}
