using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A semaphore or fence of another API, such as Vulkan or Direct3D, that streams wait for and signal. Dispose waits for all work of the
/// context, since the driver wants work with it to be done.
/// </summary>
public sealed unsafe class CudaExternalSemaphore : CudaObject
{
    private readonly CUexternalSemaphore _handle;

    private CudaExternalSemaphore(CudaContext context, CUexternalSemaphore handle, bool hasValue)
        : base(context)
    {
        Context = context;
        _handle = handle;
        HasValue = hasValue;
    }

    /// <inheritdoc cref="CudaContext.ImportSemaphore"/>
    internal static CudaExternalSemaphore Import(
        CudaContext context,
        ExternalSemaphoreHandle handle
    )
    {
        context.ThrowIfDisposed();
        handle.Require(OperatingSystem.IsWindows(), nameof(handle));
        if (
            handle.IsTimeline
            && context.Device.Attribute(
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_TIMELINE_SEMAPHORE_INTEROP_SUPPORTED
            ) == 0
        )
            throw new NotSupportedException(
                $"{context.Device} takes no timeline semaphores"
                    + " (CU_DEVICE_ATTRIBUTE_TIMELINE_SEMAPHORE_INTEROP_SUPPORTED is 0)."
            );
        using CudaContextScope scope = context.Enter();
        CUexternalSemaphore imported;
        fixed (char* name = handle.Name)
        {
            CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC said = handle.Describe(name);
            CUresult result = context.Driver.cuImportExternalSemaphore(&imported, &said);
            if (result != CUresult.CUDA_SUCCESS)
                throw context.Error(
                    result,
                    nameof(CudaDriver.cuImportExternalSemaphore),
                    $"{handle.Kind} for {context.Device}"
                );
        }
        return new CudaExternalSemaphore(context, imported, handle.HasValue);
    }

    /// <summary>The context that it was taken into.</summary>
    public CudaContext Context { get; }

    /// <inheritdoc cref="ExternalSemaphoreHandle.HasValue"/>
    public bool HasValue { get; }

    /// <summary>The driver's handle.</summary>
    public CUexternalSemaphore Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Signals it when the work is done that a stream has by now; see <see cref="CudaStream.Signal"/>.</summary>
    internal void Signal(CudaStream stream, ulong value)
    {
        CUexternalSemaphore handle = Required(stream, value);
        CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS said = default;
        said.value = value;
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuSignalExternalSemaphoresAsync(&handle, &said, 1, stream.Handle),
            nameof(CudaDriver.cuSignalExternalSemaphoresAsync)
        );
    }

    /// <summary>Makes a stream wait for it; see <see cref="CudaStream.Wait(CudaExternalSemaphore, ulong)"/>.</summary>
    internal void Await(CudaStream stream, ulong value)
    {
        CUexternalSemaphore handle = Required(stream, value);
        CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS said = default;
        said.value = value;
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuWaitExternalSemaphoresAsync(&handle, &said, 1, stream.Handle),
            nameof(CudaDriver.cuWaitExternalSemaphoresAsync)
        );
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        Context.Park(Context.Driver.cuCtxSynchronize(), nameof(CudaDriver.cuCtxSynchronize));
        Context.Park(
            Context.Driver.cuDestroyExternalSemaphore(_handle),
            nameof(CudaDriver.cuDestroyExternalSemaphore)
        );
    }

    private CUexternalSemaphore Required(CudaStream stream, ulong value)
    {
        ThrowIfDisposed();
        stream.Require(Context, nameof(stream));
        if (!HasValue && value != 0)
            throw new ArgumentOutOfRangeException(
                nameof(value),
                value,
                "A binary semaphore has no value; leave it at 0."
            );
        return _handle;
    }
}
