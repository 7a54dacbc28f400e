namespace Sequor.Interop;

/// <summary>What the handles of other APIs have in common.</summary>
internal static class ExternalHandle
{
    /// <summary>Throws if it is no handle, or none of the system.</summary>
    public static void Require(
        int kind,
        bool isDescriptor,
        nint value,
        string? name,
        bool windows,
        string argument
    )
    {
        if (kind == 0)
            throw new ArgumentException("There is no handle.", argument);
        if (isDescriptor && windows)
            throw new PlatformNotSupportedException(
                "Windows has no file descriptors to share; Windows handles are taken here."
            );
        if (!isDescriptor && !windows)
            throw new PlatformNotSupportedException(
                "Only Windows has Windows handles; file descriptors are taken here."
            );
        if (isDescriptor && value < 0)
            throw new ArgumentException($"{value} is no file descriptor.", argument);
        if (!isDescriptor && value is 0 or -1 && string.IsNullOrEmpty(name))
            throw new ArgumentException("The handle is null, and there is no name.", argument);
    }
}
