using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The driver's handle of an event for other processes: 64 bytes, to be sent as they are.
/// </summary>
public readonly unsafe struct CudaIpcEventHandle : IEquatable<CudaIpcEventHandle>
{
    /// <summary>The size of a handle in bytes.</summary>
    public const int Size = (int)CudaDriver.CU_IPC_HANDLE_SIZE;

    private readonly CUipcEventHandle _handle;

    internal CudaIpcEventHandle(CUipcEventHandle handle) => _handle = handle;

    /// <summary>Takes a handle as it was received.</summary>
    /// <param name="bytes">64 bytes.</param>
    /// <exception cref="ArgumentException">There are more or fewer bytes, or all are 0.</exception>
    public CudaIpcEventHandle(ReadOnlySpan<byte> bytes)
    {
        IpcBytes.Require(bytes, nameof(bytes));
        fixed (byte* to = _handle.reserved)
            bytes.CopyTo(new Span<byte>(to, Size));
    }

    internal CUipcEventHandle Handle => _handle;

    /// <summary>The bytes to send.</summary>
    public byte[] ToArray()
    {
        CUipcEventHandle copy = _handle;
        return new ReadOnlySpan<byte>(copy.reserved, Size).ToArray();
    }

    /// <inheritdoc/>
    public bool Equals(CudaIpcEventHandle other) =>
        ToArray().AsSpan().SequenceEqual(other.ToArray());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CudaIpcEventHandle other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => IpcBytes.Hash(ToArray());

    /// <summary>Whether two handles are of the same event.</summary>
    public static bool operator ==(CudaIpcEventHandle left, CudaIpcEventHandle right) =>
        left.Equals(right);

    /// <summary>Whether two handles are of different events.</summary>
    public static bool operator !=(CudaIpcEventHandle left, CudaIpcEventHandle right) =>
        !left.Equals(right);
}
