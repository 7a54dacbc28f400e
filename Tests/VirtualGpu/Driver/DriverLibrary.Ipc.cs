using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's sharing of memory and events between processes. Contexts of other numbers stand for other processes.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuIpcGetMemHandle")]
    [Since(4010)]
    private static CUresult cuIpcGetMemHandle(CUipcMemHandle* pHandle, CUdeviceptr dptr) =>
        InContext(
            nameof(cuIpcGetMemHandle),
            (device, context) =>
            {
                const string call = nameof(cuIpcGetMemHandle);
                NeedOut(pHandle, call, nameof(pHandle));
                if (!device.Options.Interprocess)
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                nint address = (nint)dptr.Value;
                DeviceAllocation? memory = device.Memory.At(address);
                string? wrong =
                    memory is null or { Released: true } ? "this is no memory of the device"
                    : memory.Pool is not null ? "this memory is a pool's"
                    : memory.Foreign is not null ? "this memory is not the device's own"
                    : memory.Address != address
                        ? $"0x{memory.Address:x} is where this memory begins"
                    : memory.Context.Process != context.Process ? "this memory is another process's"
                    : null;
                if (wrong is not null)
                    return Bad(device, call, nameof(dptr), wrong, address);
                device.Shared.Export(memory!, pHandle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuIpcOpenMemHandle_v2")]
    [Since(11000)]
    private static CUresult cuIpcOpenMemHandle(
        CUdeviceptr* pdptr,
        CUipcMemHandle handle,
        uint Flags
    ) =>
        Unsafe(
            nameof(cuIpcOpenMemHandle),
            (device, context) =>
            {
                const string call = nameof(cuIpcOpenMemHandle);
                NeedOut(pdptr, call, nameof(pdptr));
                if (Flags != (uint)CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)
                    return Bad(device, call, nameof(Flags), $"{Flags}; there is 1 alone");
                if (device.Shared.Memory(handle) is not { } source)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (source.Context.Process == context.Process)
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                if (source.Released)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (
                    source.Context.Ordinal != context.Ordinal
                    && !CanAccess(device, context.Ordinal, source.Context.Ordinal)
                )
                    return CUresult.CUDA_ERROR_MAP_FAILED;
                DeviceAllocation? open = device.Memory.Live.FirstOrDefault(a =>
                    a.Context.Process == context.Process
                    && a.Context.Ordinal == context.Ordinal
                    && a.Foreign is SharedMemory shared
                    && shared.Source == source
                );
                if (open is not null && open.Context != context)
                    return Bad(
                        device,
                        call,
                        nameof(handle),
                        "another context of this process has it open on this device"
                    );
                if (open is not null)
                    ((SharedMemory)open.Foreign!).Opened++;
                open ??= device.Memory.Map(source.Bytes, context, new SharedMemory(source));
                *pdptr = new CUdeviceptr((ulong)open.Address);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuIpcCloseMemHandle")]
    [Since(4010)]
    private static CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) =>
        Unsafe(
            nameof(cuIpcCloseMemHandle),
            (device, context) =>
            {
                nint address = (nint)dptr.Value;
                if (
                    device.Memory.At(address)
                        is not { Released: false, Foreign: SharedMemory shared } open
                    || open.Address != address
                    || open.Context != context
                )
                    return Bad(
                        device,
                        nameof(cuIpcCloseMemHandle),
                        nameof(dptr),
                        "this is not where memory begins that this context opened",
                        address
                    );
                if (--shared.Opened > 0)
                    return Success;
                // It is unmapped under no work that uses it.
                device.Work.WaitEach(context.Streams.Select(s => s.Tail));
                device.Memory.Release(open);
                open.End();
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuIpcGetEventHandle")]
    [Since(4010)]
    private static CUresult cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent @event) =>
        With<VirtualEvent>(
            nameof(cuIpcGetEventHandle),
            @event.Value,
            d => d.Events,
            (device, mark) =>
            {
                const string call = nameof(cuIpcGetEventHandle);
                NeedOut(pHandle, call, nameof(pHandle));
                if (!device.Options.Interprocess)
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                if (!mark.IsInterprocess || mark.Shared is not null)
                    return Bad(
                        device,
                        call,
                        "event",
                        "this event was not made with CU_EVENT_INTERPROCESS",
                        @event.Value
                    );
                device.Shared.Export(mark, pHandle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuIpcOpenEventHandle")]
    [Since(4010)]
    private static CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) =>
        InContext(
            nameof(cuIpcOpenEventHandle),
            (device, context) =>
            {
                NeedOut(phEvent, nameof(cuIpcOpenEventHandle), nameof(phEvent));
                if (device.Shared.Event(handle) is not { IsDestroyed: false } mark)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (mark.Context.Process == context.Process)
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                uint timeless = (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING;
                *phEvent = new CUevent(
                    device.Events.Add(new VirtualEvent(context, timeless, mark))
                );
                return Success;
            }
        );
}
