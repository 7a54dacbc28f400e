using Sequor.Native;

namespace Sequor.Interop;

// Events for other processes, and of them.
public sealed unsafe partial class CudaEvent
{
    /// <summary>Whether other processes can open the event.</summary>
    public bool IsInterprocess { get; }

    /// <summary>Gives a handle of the event for other processes, which open it by <see cref="CudaContext.OpenEvent"/>.</summary>
    /// <exception cref="InvalidOperationException">The event was not made for other processes.</exception>
    /// <exception cref="CudaException">The driver does not export it.</exception>
    /// <exception cref="ObjectDisposedException">The event was disposed.</exception>
    public CudaIpcEventHandle Export()
    {
        ThrowIfDisposed();
        if (!IsInterprocess)
            throw new InvalidOperationException(
                "The event was not made for other processes; make it with interprocess: true."
            );
        using CudaContextScope scope = _context.Enter();
        CUipcEventHandle handle;
        _context.Check(
            _context.Driver.cuIpcGetEventHandle(&handle, Handle),
            nameof(CudaDriver.cuIpcGetEventHandle)
        );
        return new CudaIpcEventHandle(handle);
    }

    /// <inheritdoc cref="CudaContext.OpenEvent"/>
    internal static CudaEvent Open(CudaContext context, CudaIpcEventHandle handle)
    {
        context.ThrowIfDisposed();
        context.Device.RequireInterprocess();
        IpcBytes.Require(handle.ToArray(), nameof(handle));
        using CudaContextScope scope = context.Enter();
        CUevent opened;
        CUresult result = context.Driver.cuIpcOpenEventHandle(&opened, handle.Handle);
        if (result != CUresult.CUDA_SUCCESS)
            throw context.Error(
                result,
                nameof(CudaDriver.cuIpcOpenEventHandle),
                result == CUresult.CUDA_ERROR_INVALID_CONTEXT
                    ? "a handle cannot be opened in the process that exported it, which has the event itself"
                    : "it is no handle of an event, or the event was destroyed"
            );
        return new CudaEvent(context, opened, timing: false);
    }
}
