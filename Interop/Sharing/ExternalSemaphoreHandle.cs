using Sequor.Native;
using static Sequor.Native.CUexternalSemaphoreHandleType;

namespace Sequor.Interop;

/// <summary>Another API's handle of a semaphore or fence, and its kind.</summary>
public readonly record struct ExternalSemaphoreHandle
{
    private ExternalSemaphoreHandle(
        CUexternalSemaphoreHandleType kind,
        nint value,
        string? name = null
    )
    {
        Kind = kind;
        Value = value;
        Name = name;
    }

    /// <summary>The handle's kind; 0 for no handle.</summary>
    public CUexternalSemaphoreHandleType Kind { get; }

    /// <summary>The file descriptor or Windows handle; 0 where a name is given.</summary>
    public nint Value { get; }

    /// <summary>The object's name; null where a handle is given.</summary>
    public string? Name { get; }

    /// <summary>
    /// Whether it counts: it is set to a value, and waited for until it has reached one. Otherwise it is signalled or not, and each signal
    /// ends one wait.
    /// </summary>
    public bool HasValue =>
        Kind
            is CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_D3D12_FENCE
                or CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_D3D11_FENCE
                or CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD
                or CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_WIN32;

    /// <summary>The file descriptor of a binary semaphore, such as Vulkan's. Not on Windows.</summary>
    public static ExternalSemaphoreHandle FileDescriptor(int descriptor) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD, descriptor);

    /// <summary>The file descriptor of a timeline semaphore, such as Vulkan's. Not on Windows.</summary>
    public static ExternalSemaphoreHandle TimelineFileDescriptor(int descriptor) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD, descriptor);

    /// <summary>The NT handle of a binary semaphore. On Windows alone.</summary>
    public static ExternalSemaphoreHandle Win32(nint handle) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32, handle);

    /// <summary>The name of a binary semaphore. On Windows alone.</summary>
    public static ExternalSemaphoreHandle Win32(string name) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32, 0, name);

    /// <summary>The handle of a binary semaphore that all processes share. On Windows alone.</summary>
    public static ExternalSemaphoreHandle Win32Kmt(nint handle) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32_KMT, handle);

    /// <summary>The NT handle of a timeline semaphore. On Windows alone.</summary>
    public static ExternalSemaphoreHandle TimelineWin32(nint handle) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_WIN32, handle);

    /// <summary>The shared NT handle of an ID3D12Fence. On Windows alone.</summary>
    public static ExternalSemaphoreHandle Direct3D12Fence(nint handle) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_D3D12_FENCE, handle);

    /// <summary>The shared NT handle of an ID3D11Fence. On Windows alone.</summary>
    public static ExternalSemaphoreHandle Direct3D11Fence(nint handle) =>
        new(CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_D3D11_FENCE, handle);

    private bool IsDescriptor =>
        Kind
            is CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD
                or CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD;

    /// <summary>Whether the device has to know timeline semaphores.</summary>
    internal bool IsTimeline =>
        Kind
            is CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD
                or CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_WIN32;

    /// <summary>What the driver is told.</summary>
    /// <param name="name">The name's address, null for none.</param>
    internal unsafe CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC Describe(char* name)
    {
        CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC said = default;
        said.type = Kind;
        if (IsDescriptor)
            said.fd = (int)Value;
        else
        {
            said.handle = (void*)Value;
            said.name = name;
        }
        return said;
    }

    /// <summary>Throws if it is no handle, or none of this system.</summary>
    internal void Require(bool windows, string argument) =>
        ExternalHandle.Require((int)Kind, IsDescriptor, Value, Name, windows, argument);
}
