using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's memory and semaphores of other APIs, by file descriptors alone. (CUDA driver API, "External Resource Interoperability".)
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuImportExternalMemory")]
    [Since(10000)]
    private static CUresult cuImportExternalMemory(
        CUexternalMemory* extMem_out,
        CUDA_EXTERNAL_MEMORY_HANDLE_DESC* memHandleDesc
    ) =>
        Unsafe(
            nameof(cuImportExternalMemory),
            (device, context) =>
            {
                const string call = nameof(cuImportExternalMemory);
                NeedOut(extMem_out, call, nameof(extMem_out));
                NeedOut(memHandleDesc, call, nameof(memHandleDesc));
                CUDA_EXTERNAL_MEMORY_HANDLE_DESC said = *memHandleDesc;
                if (!Enum.IsDefined(said.type))
                    return Bad(device, call, "type", $"{said.type}");
                if (
                    said.size == 0
                    || (said.flags & ~(uint)CudaDriver.CUDA_EXTERNAL_MEMORY_DEDICATED) != 0
                    || !IsZero((byte*)memHandleDesc, 36, 104)
                )
                    return Bad(
                        device,
                        call,
                        nameof(memHandleDesc),
                        $"{said.size} bytes, flags {said.flags}, or reserved bytes that are not 0"
                    );
                if (
                    said.type != CUexternalMemoryHandleType.CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD
                )
                    return OtherKind(device, call, $"{said.type}");
                return Opened(
                    () => new ExternalMemory(context, said.fd, (long)said.size),
                    memory =>
                        *extMem_out = new CUexternalMemory(device.ExternalMemories.Add(memory))
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuExternalMemoryGetMappedBuffer")]
    [Since(10000)]
    private static CUresult cuExternalMemoryGetMappedBuffer(
        CUdeviceptr* devPtr,
        CUexternalMemory extMem,
        CUDA_EXTERNAL_MEMORY_BUFFER_DESC* bufferDesc
    ) =>
        Unsafe(
            nameof(cuExternalMemoryGetMappedBuffer),
            (device, context) =>
            {
                const string call = nameof(cuExternalMemoryGetMappedBuffer);
                NeedOut(devPtr, call, nameof(devPtr));
                NeedOut(bufferDesc, call, nameof(bufferDesc));
                if (
                    device.ExternalMemories.Find(extMem.Value, call, nameof(extMem))
                    is not { } memory
                )
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                ulong offset = bufferDesc->offset;
                ulong size = bufferDesc->size;
                if (
                    size == 0
                    || offset > (ulong)memory.Bytes
                    || size > (ulong)memory.Bytes - offset
                    || !IsZero((byte*)bufferDesc, 16, 88)
                )
                    return Bad(
                        device,
                        call,
                        nameof(bufferDesc),
                        $"{size} bytes from {offset} of {memory.Bytes}, or bytes behind them that are not 0"
                    );
                DeviceAllocation mapped = device.Memory.Map(
                    (long)size,
                    context,
                    new ExternalBytes(memory, (long)offset, (long)size),
                    (long)offset
                );
                *devPtr = new CUdeviceptr((ulong)mapped.Address);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDestroyExternalMemory")]
    [Since(10000)]
    private static CUresult cuDestroyExternalMemory(CUexternalMemory extMem) =>
        Unsafe(
            nameof(cuDestroyExternalMemory),
            (device, _) =>
            {
                ExternalMemory? memory = device.ExternalMemories.Remove(
                    extMem.Value,
                    nameof(cuDestroyExternalMemory),
                    nameof(extMem)
                );
                if (memory is null)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                memory.Destroy();
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuImportExternalSemaphore")]
    [Since(10000)]
    private static CUresult cuImportExternalSemaphore(
        CUexternalSemaphore* extSem_out,
        CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC* semHandleDesc
    ) =>
        Unsafe(
            nameof(cuImportExternalSemaphore),
            (device, context) =>
            {
                const string call = nameof(cuImportExternalSemaphore);
                NeedOut(extSem_out, call, nameof(extSem_out));
                NeedOut(semHandleDesc, call, nameof(semHandleDesc));
                CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC said = *semHandleDesc;
                if (!Enum.IsDefined(said.type))
                    return Bad(device, call, "type", $"{said.type}");
                if (!IsZero((byte*)semHandleDesc, 24, 96))
                    return Bad(
                        device,
                        call,
                        nameof(semHandleDesc),
                        "flags or reserved bytes are not 0"
                    );
                bool timeline =
                    said.type
                    == CUexternalSemaphoreHandleType.CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD;
                if (
                    timeline
                        ? !device.Options.TimelineSemaphores
                        : said.type
                            != CUexternalSemaphoreHandleType.CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD
                )
                    return OtherKind(device, call, $"{said.type}");
                return Opened(
                    () => new ExternalMemory(context, said.fd, sizeof(ulong)),
                    memory =>
                        *extSem_out = new CUexternalSemaphore(
                            device.ExternalSemaphores.Add(new ExternalSemaphore(memory, timeline))
                        )
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuSignalExternalSemaphoresAsync")]
    [Since(10000)]
    private static CUresult cuSignalExternalSemaphoresAsync(
        CUexternalSemaphore* extSemArray,
        CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS* paramsArray,
        uint numExtSems,
        CUstream stream
    ) =>
        OnSemaphores(
            nameof(cuSignalExternalSemaphoresAsync),
            stream,
            extSemArray,
            (byte*)paramsArray,
            sizeof(CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS),
            numExtSems,
            (at, semaphores) =>
                at.Next(
                    "signal of an external semaphore",
                    () => semaphores.ForEach(s => s.Semaphore.Signal(s.Value))
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuWaitExternalSemaphoresAsync")]
    [Since(10000)]
    private static CUresult cuWaitExternalSemaphoresAsync(
        CUexternalSemaphore* extSemArray,
        CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS* paramsArray,
        uint numExtSems,
        CUstream stream
    ) =>
        OnSemaphores(
            nameof(cuWaitExternalSemaphoresAsync),
            stream,
            extSemArray,
            (byte*)paramsArray,
            sizeof(CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS),
            numExtSems,
            (at, semaphores) =>
                at.Next(
                    "wait for an external semaphore",
                    () => semaphores.ForEach(s => s.Semaphore.Take()),
                    () => semaphores.TrueForAll(s => s.Semaphore.Reached(s.Value))
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDestroyExternalSemaphore")]
    [Since(10000)]
    private static CUresult cuDestroyExternalSemaphore(CUexternalSemaphore extSem) =>
        Unsafe(
            nameof(cuDestroyExternalSemaphore),
            (device, context) =>
            {
                const string call = nameof(cuDestroyExternalSemaphore);
                if (
                    device.ExternalSemaphores.Remove(extSem.Value, call, nameof(extSem))
                    is not { } semaphore
                )
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                // The manual wants that work to be done; nothing may touch the page once it is gone.
                if (context.Streams.Exists(s => !s.IsIdle))
                    device.Work.WaitEach(context.Streams.Select(s => s.Tail));
                semaphore.Dispose();
                return Waited(device);
            }
        );

    private static CUresult OnSemaphores(
        string call,
        CUstream stream,
        CUexternalSemaphore* semaphores,
        byte* parameters,
        int size,
        uint count,
        Func<VirtualStream, List<(ExternalSemaphore Semaphore, ulong Value)>, WorkItem> item
    ) =>
        OnStream(
            call,
            stream,
            (device, at) =>
            {
                NeedOut(semaphores, call, "extSemArray");
                NeedOut(parameters, call, "paramsArray");
                List<(ExternalSemaphore, ulong)> found = [];
                for (uint i = 0; i < count; i++)
                {
                    if (
                        device.ExternalSemaphores.Find(semaphores[i].Value, call, "extSemArray")
                        is not { } semaphore
                    )
                        return CUresult.CUDA_ERROR_INVALID_HANDLE;
                    byte* of = parameters + i * size;
                    if (!IsZero(of, 8, size))
                        return Bad(device, call, "paramsArray", "bytes behind the value are not 0");
                    found.Add((semaphore, *(ulong*)of));
                }
                if (at.Capture is { } capture)
                {
                    capture.Invalidate(call);
                    device.Record(
                        FaultKind.NotSupported,
                        call,
                        "stream",
                        0,
                        "the virtual driver has no external semaphores within graphs"
                    );
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                }
                at.Append(item(at, found));
                return Success;
            }
        );

    /// <summary>Takes a descriptor in; what it cannot be taken for is an error of the system.</summary>
    private static CUresult Opened(Func<ExternalMemory> open, Action<ExternalMemory> give)
    {
        try
        {
            give(open());
            return Success;
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or ArgumentException
                        or NotSupportedException
            )
        {
            return CUresult.CUDA_ERROR_OPERATING_SYSTEM;
        }
    }

    private static CUresult OtherKind(VirtualDevice device, string call, string kind)
    {
        device.Record(
            FaultKind.NotSupported,
            call,
            "type",
            0,
            $"the virtual driver takes file descriptors alone, no {kind}"
        );
        return CUresult.CUDA_ERROR_NOT_SUPPORTED;
    }

    private static bool IsZero(byte* of, int from, int to) =>
        !new ReadOnlySpan<byte>(of + from, to - from).ContainsAnyExcept((byte)0);
}
