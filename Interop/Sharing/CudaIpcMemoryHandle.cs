using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The driver's handle of device memory for other processes: 64 bytes, to be sent as they are. Whoever has it can use the memory.
/// </summary>
public readonly unsafe struct CudaIpcMemoryHandle : IEquatable<CudaIpcMemoryHandle>
{
    /// <summary>The size of a handle in bytes.</summary>
    public const int Size = (int)CudaDriver.CU_IPC_HANDLE_SIZE;

    private readonly CUipcMemHandle _handle;

    internal CudaIpcMemoryHandle(CUipcMemHandle handle) => _handle = handle;

    /// <summary>Takes a handle as it was received.</summary>
    /// <param name="bytes">64 bytes.</param>
    /// <exception cref="ArgumentException">There are more or fewer bytes, or all are 0.</exception>
    public CudaIpcMemoryHandle(ReadOnlySpan<byte> bytes)
    {
        IpcBytes.Require(bytes, nameof(bytes));
        fixed (byte* to = _handle.reserved)
            bytes.CopyTo(new Span<byte>(to, Size));
    }

    internal CUipcMemHandle Handle => _handle;

    /// <summary>The bytes to send.</summary>
    public byte[] ToArray()
    {
        CUipcMemHandle copy = _handle;
        return new ReadOnlySpan<byte>(copy.reserved, Size).ToArray();
    }

    /// <inheritdoc/>
    public bool Equals(CudaIpcMemoryHandle other) =>
        ToArray().AsSpan().SequenceEqual(other.ToArray());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CudaIpcMemoryHandle other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => IpcBytes.Hash(ToArray());

    /// <summary>Whether two handles are of the same memory.</summary>
    public static bool operator ==(CudaIpcMemoryHandle left, CudaIpcMemoryHandle right) =>
        left.Equals(right);

    /// <summary>Whether two handles are of different memory.</summary>
    public static bool operator !=(CudaIpcMemoryHandle left, CudaIpcMemoryHandle right) =>
        !left.Equals(right);
}
