namespace Sequor.Interop;

/// <summary>Checks parts of memory that is not this process's own.</summary>
internal static class SharedRange
{
    /// <summary>Throws if elements do not lie in the memory, or not aligned; its size in bytes is null where it is not known.</summary>
    public static long Require<T>(long length, long byteOffset, long? size)
        where T : unmanaged
    {
        long bytes = DeviceSpan.Bytes<T>(length);
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        if (size is { } all && (byteOffset > all || bytes > all - byteOffset))
            throw new ArgumentOutOfRangeException(
                byteOffset > all ? nameof(byteOffset) : nameof(length),
                byteOffset > all ? byteOffset : length,
                $"{bytes} bytes from byte {byteOffset} on are not within the memory's {all} bytes."
            );
        int alignment = DeviceBuffer<T>.Alignment;
        if (byteOffset % alignment != 0)
            throw new ArgumentException(
                $"The offset {byteOffset} is not a multiple of {alignment}.",
                nameof(byteOffset)
            );
        return bytes;
    }
}
