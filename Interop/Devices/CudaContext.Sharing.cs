namespace Sequor.Interop;

// Memory, events and semaphores of other contexts, processes and APIs, used in place.
public sealed partial class CudaContext
{
    /// <summary>
    /// Lets this context use all memory of another one directly, which is on another device, until the result and all that was made from
    /// it have been disposed. The other way is a call of its own. Copies (<see cref="DeviceSpan{T}.CopyFromPeer"/>) work without it, and
    /// are quicker with it.
    /// </summary>
    /// <param name="peer">The context that has the memory.</param>
    /// <exception cref="ArgumentException">It is this context, or one of other libraries.</exception>
    /// <exception cref="NotSupportedException">The devices do not reach each other's memory.</exception>
    /// <exception cref="CudaException">The driver does not allow it, such as with CUDA_ERROR_TOO_MANY_PEERS.</exception>
    /// <exception cref="ObjectDisposedException">A context was disposed.</exception>
    public CudaPeerAccess EnablePeerAccess(CudaContext peer) => CudaPeerAccess.Enable(this, peer);

    /// <summary>Opens memory that another process exported (<see cref="DeviceMemory.Export()"/>); its bytes are used in place.</summary>
    /// <param name="handle">The handle that the other process sent.</param>
    /// <remarks>
    /// The other process must keep the memory until this object and its buffers have been disposed; afterwards nothing is read from it,
    /// and nobody is warned. In a process one context of each device may have a device's memory open.
    /// </remarks>
    /// <exception cref="NotSupportedException">The device shares nothing with other processes.</exception>
    /// <exception cref="CudaException">
    /// The driver does not know the handle, or it is of this very process, or the memory was freed or cannot be reached from the device;
    /// the message says what may be.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaIpcMemory OpenMemory(CudaIpcMemoryHandle handle) => CudaIpcMemory.Open(this, handle);

    /// <summary>
    /// Opens an event that another process exported (<see cref="CudaEvent.Export"/>). Both may record it and wait for it. It must not be
    /// used after the other process has disposed it.
    /// </summary>
    /// <param name="handle">The handle that the other process sent.</param>
    /// <exception cref="NotSupportedException">The device shares nothing with other processes.</exception>
    /// <exception cref="CudaException">The driver does not know the handle, or it is of this very process.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaEvent OpenEvent(CudaIpcEventHandle handle) => CudaEvent.Open(this, handle);

    /// <summary>Takes in memory that another API allocated on the device, such as Vulkan or Direct3D, to use it in place.</summary>
    /// <param name="handle">
    /// The other API's handle. A file descriptor is the driver's from here on, and must not be used or closed; if this throws, it is still
    /// the caller's. A Windows handle stays the caller's, who may close it.
    /// </param>
    /// <param name="bytes">The size of the memory as the other API allocated it, above 0.</param>
    /// <param name="dedicated">
    /// Whether the memory is of one resource alone, such as a dedicated allocation of Vulkan; Direct3D's resources always are.
    /// </param>
    /// <exception cref="ArgumentException">The handle is none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size is not above 0.</exception>
    /// <exception cref="PlatformNotSupportedException">The system has no handles of this kind.</exception>
    /// <exception cref="CudaException">The driver does not take it.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaExternalMemory ImportMemory(
        ExternalMemoryHandle handle,
        long bytes,
        bool dedicated = false
    ) => CudaExternalMemory.Import(this, handle, bytes, dedicated);

    /// <summary>Takes in a semaphore or fence of another API, such as Vulkan or Direct3D, for streams to wait for and to signal.</summary>
    /// <param name="handle">
    /// The other API's handle. A file descriptor is the driver's from here on, and must not be used or closed; if this throws, it is still
    /// the caller's. A Windows handle stays the caller's.
    /// </param>
    /// <exception cref="ArgumentException">The handle is none.</exception>
    /// <exception cref="NotSupportedException">The device takes no timeline semaphores.</exception>
    /// <exception cref="PlatformNotSupportedException">The system has no handles of this kind.</exception>
    /// <exception cref="CudaException">The driver does not take it.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaExternalSemaphore ImportSemaphore(ExternalSemaphoreHandle handle) =>
        CudaExternalSemaphore.Import(this, handle);
}
