using Sequor.Native;
using static Sequor.Native.CUexternalMemoryHandleType;

namespace Sequor.Interop;

/// <summary>Another API's handle of memory, and its kind.</summary>
public readonly record struct ExternalMemoryHandle
{
    private ExternalMemoryHandle(CUexternalMemoryHandleType kind, nint value, string? name = null)
    {
        Kind = kind;
        Value = value;
        Name = name;
    }

    /// <summary>The handle's kind; 0 for no handle.</summary>
    public CUexternalMemoryHandleType Kind { get; }

    /// <summary>The file descriptor or Windows handle; 0 where a name is given.</summary>
    public nint Value { get; }

    /// <summary>The object's name; null where a handle is given.</summary>
    public string? Name { get; }

    /// <summary>A file descriptor, such as VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT gives. Not on Windows.</summary>
    public static ExternalMemoryHandle FileDescriptor(int descriptor) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD, descriptor);

    /// <summary>An NT handle, such as VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT gives. On Windows alone.</summary>
    public static ExternalMemoryHandle Win32(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32, handle);

    /// <summary>The name of an NT object. On Windows alone.</summary>
    public static ExternalMemoryHandle Win32(string name) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32, 0, name);

    /// <summary>
    /// A handle that all processes share, such as VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_KMT_BIT gives. On Windows alone.
    /// </summary>
    public static ExternalMemoryHandle Win32Kmt(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_KMT, handle);

    /// <summary>The shared NT handle of an ID3D12Heap. On Windows alone.</summary>
    public static ExternalMemoryHandle Direct3D12Heap(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D12_HEAP, handle);

    /// <summary>The shared NT handle of an ID3D12Resource. On Windows alone.</summary>
    public static ExternalMemoryHandle Direct3D12Resource(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D12_RESOURCE, handle);

    /// <summary>The shared NT handle of an ID3D11Resource. On Windows alone.</summary>
    public static ExternalMemoryHandle Direct3D11Resource(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D11_RESOURCE, handle);

    /// <summary>The handle of an ID3D11Resource that all processes share. On Windows alone.</summary>
    public static ExternalMemoryHandle Direct3D11ResourceKmt(nint handle) =>
        new(CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D11_RESOURCE_KMT, handle);

    /// <summary>Whether the driver wants to be told that the memory is of one resource alone.</summary>
    internal bool IsResource =>
        Kind
            is CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D12_RESOURCE
                or CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D11_RESOURCE
                or CU_EXTERNAL_MEMORY_HANDLE_TYPE_D3D11_RESOURCE_KMT;

    /// <summary>What the driver is told.</summary>
    /// <param name="name">The name's address, null for none.</param>
    /// <param name="bytes">The size of the memory.</param>
    /// <param name="dedicated">Whether it is of one resource alone.</param>
    internal unsafe CUDA_EXTERNAL_MEMORY_HANDLE_DESC Describe(
        char* name,
        long bytes,
        bool dedicated
    )
    {
        CUDA_EXTERNAL_MEMORY_HANDLE_DESC said = default;
        said.type = Kind;
        if (Kind == CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD)
            said.fd = (int)Value;
        else
        {
            said.handle = (void*)Value;
            said.name = name;
        }
        said.size = (ulong)bytes;
        said.flags = dedicated || IsResource ? (uint)CudaDriver.CUDA_EXTERNAL_MEMORY_DEDICATED : 0;
        return said;
    }

    /// <summary>Throws if it is no handle, or none of this system.</summary>
    internal void Require(bool windows, string argument) =>
        ExternalHandle.Require(
            (int)Kind,
            Kind == CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD,
            Value,
            Name,
            windows,
            argument
        );
}
