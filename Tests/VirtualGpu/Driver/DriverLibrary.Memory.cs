using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's device memory, and host memory that is pinned by allocation or by registration.
internal static unsafe partial class DriverLibrary
{
    // Flags of pinned memory, as the header numbers them: PORTABLE, DEVICEMAP, WRITECOMBINED.
    private const uint HostPortable = 1;
    private const uint HostDeviceMap = 2;
    private const uint HostFlags = 7;

    // PORTABLE, DEVICEMAP, IOMEMORY, READ_ONLY.
    private const uint RegisterFlags = 15;

    [UnmanagedCallersOnly(EntryPoint = "cuMemGetInfo_v2")]
    [Since(3020)]
    private static CUresult cuMemGetInfo(nuint* free, nuint* total) =>
        InContext(
            nameof(cuMemGetInfo),
            (device, context) =>
            {
                NeedOut(free, nameof(cuMemGetInfo), nameof(free));
                NeedOut(total, nameof(cuMemGetInfo), nameof(total));
                *free = (nuint)(
                    MemoryWork.Free(device, context.Ordinal)
                    - device.Manners.GraphBytes * device.GraphExecs.Count
                );
                *total = (nuint)device.Options.TotalMemory;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemAlloc_v2")]
    [Since(3020)]
    private static CUresult cuMemAlloc(CUdeviceptr* dptr, nuint bytesize) =>
        Unsafe(
            nameof(cuMemAlloc),
            (device, context) =>
                TakeMemory(device, context, nameof(cuMemAlloc), dptr, bytesize, null, null)
        );

    private static CUresult TakeMemory(
        VirtualDevice device,
        VirtualContext context,
        string call,
        CUdeviceptr* to,
        nuint bytes,
        VirtualPool? pool,
        VirtualStream? stream
    )
    {
        NeedOut(to, call, "dptr");
        if (bytes == 0)
            return Bad(device, call, "bytesize", "0 bytes");
        if (bytes > long.MaxValue / 4)
            return CUresult.CUDA_ERROR_OUT_OF_MEMORY;
        CUresult result = MemoryWork.Take(
            device,
            context,
            (long)bytes,
            pool,
            stream,
            out nint address
        );
        if (result == Success)
            *to = new CUdeviceptr((ulong)address);
        return result;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuMemFree_v2")]
    [Since(3020)]
    private static CUresult cuMemFree(CUdeviceptr dptr) =>
        Unsafe(
            nameof(cuMemFree),
            (device, context) =>
            {
                if (dptr.Value == 0)
                    return Success;
                nint address = (nint)dptr.Value;
                if (
                    MemoryWork.ToFree(device, context, address, nameof(cuMemFree))
                    is not { } allocation
                )
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                MemoryWork.Give(device, allocation);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemGetAddressRange_v2")]
    [Since(3020)]
    private static CUresult cuMemGetAddressRange(
        CUdeviceptr* pbase,
        nuint* psize,
        CUdeviceptr dptr
    ) =>
        InContext(
            nameof(cuMemGetAddressRange),
            (device, _) =>
            {
                if (device.Memory.At((nint)dptr.Value) is not { Released: false } allocation)
                    return CUresult.CUDA_ERROR_NOT_FOUND;
                if (pbase != null)
                    *pbase = new CUdeviceptr((ulong)allocation.Address);
                if (psize != null)
                    *psize = (nuint)allocation.Bytes;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemHostAlloc")]
    [Since(2020)]
    private static CUresult cuMemHostAlloc(void** pp, nuint bytesize, uint Flags) =>
        Unsafe(
            nameof(cuMemHostAlloc),
            (device, _) =>
            {
                const string call = nameof(cuMemHostAlloc);
                NeedOut(pp, call, nameof(pp));
                if (bytesize == 0)
                    return Bad(device, call, nameof(bytesize), "0 bytes");
                if ((Flags & ~HostFlags) != 0)
                    return Bad(device, call, nameof(Flags), $"{Flags}");
                if (bytesize > (nuint)device.Options.TotalMemory || device.AllocationFails())
                    return CUresult.CUDA_ERROR_OUT_OF_MEMORY;
                *pp = (void*)device.Host.Allocate((long)bytesize, Flags).Address;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemFreeHost")]
    [Since(2000)]
    private static CUresult cuMemFreeHost(void* p) =>
        Unsafe(
            nameof(cuMemFreeHost),
            (device, _) =>
                p == null
                    ? Success
                    : Unpin(device, nameof(cuMemFreeHost), (nint)p, registered: false)
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemHostRegister_v2")]
    [Since(6050)]
    private static CUresult cuMemHostRegister(void* p, nuint bytesize, uint Flags) =>
        Unsafe(
            nameof(cuMemHostRegister),
            (device, _) =>
            {
                if (p == null || bytesize == 0)
                    return Bad(
                        device,
                        nameof(cuMemHostRegister),
                        nameof(p),
                        $"{bytesize} bytes at 0x{(nint)p:x}"
                    );
                if ((Flags & ~RegisterFlags) != 0)
                    return Bad(device, nameof(cuMemHostRegister), nameof(Flags), $"{Flags}");
                if (device.Host.Overlaps((nint)p, (long)bytesize) is { } there)
                    return there.Registered
                        ? CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
                        : Bad(
                            device,
                            nameof(cuMemHostRegister),
                            nameof(p),
                            "this memory is allocated by the driver, and pinned already",
                            (nint)p
                        );
                device.Host.Register((nint)p, (long)bytesize, Flags);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemHostUnregister")]
    [Since(4000)]
    private static CUresult cuMemHostUnregister(void* p) =>
        Unsafe(
            nameof(cuMemHostUnregister),
            (device, _) => Unpin(device, nameof(cuMemHostUnregister), (nint)p, registered: true)
        );

    private static CUresult Unpin(VirtualDevice device, string call, nint address, bool registered)
    {
        HostBlock? block = device.Host.At(address);
        if (block is not null && block.Address == address)
        {
            if (block.Registered != registered)
                return Bad(
                    device,
                    call,
                    "p",
                    block.Registered
                        ? "this memory is registered, not allocated"
                        : "this memory is allocated, not registered",
                    address
                );
            device.Host.Release(block);
            return Success;
        }
        bool again = device.Host.WasFreed(address);
        device.Record(
            again ? FaultKind.DoubleFree : FaultKind.BadArgument,
            call,
            "p",
            address,
            again ? "this memory is freed already" : "this is not where pinned memory begins"
        );
        return registered && block is null && address != 0
            ? CUresult.CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED
            : CUresult.CUDA_ERROR_INVALID_VALUE;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuMemHostGetDevicePointer_v2")]
    [Since(3020)]
    private static CUresult cuMemHostGetDevicePointer(CUdeviceptr* pdptr, void* p, uint Flags) =>
        InContext(
            nameof(cuMemHostGetDevicePointer),
            (device, _) =>
            {
                NeedOut(pdptr, nameof(cuMemHostGetDevicePointer), nameof(pdptr));
                if (Flags != 0)
                    return Bad(
                        device,
                        nameof(cuMemHostGetDevicePointer),
                        nameof(Flags),
                        $"{Flags}; there is 0 alone"
                    );
                if (device.Host.At((nint)p) is null)
                    return Bad(
                        device,
                        nameof(cuMemHostGetDevicePointer),
                        nameof(p),
                        "this memory is not pinned",
                        (nint)p
                    );
                // One address space for both, as every 64-bit system has it.
                *pdptr = new CUdeviceptr((ulong)p);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemHostGetFlags")]
    [Since(2030)]
    private static CUresult cuMemHostGetFlags(uint* pFlags, void* p) =>
        InContext(
            nameof(cuMemHostGetFlags),
            (device, _) =>
            {
                NeedOut(pFlags, nameof(cuMemHostGetFlags), nameof(pFlags));
                if (device.Host.At((nint)p) is not { } block)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                // All pinned memory is mapped, asked for or not; of registered memory no more than PORTABLE is told.
                *pFlags =
                    (block.Flags & (block.Registered ? HostPortable : HostFlags)) | HostDeviceMap;
                return Success;
            }
        );
}
