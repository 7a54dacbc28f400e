namespace Sequor.VirtualGpu.Ptx;

/// <summary>The virtual device's memory as kernels see it, pinned host memory included.</summary>
internal sealed unsafe class PtxDeviceMemory(VirtualDevice device, string kernel) : IPtxMemory
{
    public bool TryFind(
        ulong address,
        int bytes,
        out PtxRegion region,
        out PtxFaultKind kind,
        out string detail
    )
    {
        region = default;
        kind = PtxFaultKind.OutOfBounds;
        detail = "";
        try
        {
            byte* data = device.Memory.Locate(
                (nint)address,
                bytes,
                kernel,
                "",
                out DeviceAllocation? allocation
            );
            region = allocation is null
                ? new PtxRegion(address, bytes, data, null)
                : new PtxRegion(
                    (ulong)allocation.Address,
                    allocation.Bytes,
                    allocation.Data,
                    allocation.Words.Blocks
                );
            return true;
        }
        catch (VirtualFaultException e)
        {
            if (e.Fault.Kind == FaultKind.UseAfterFree)
                kind = PtxFaultKind.UseAfterFree;
            detail = e.Fault.Detail;
            return false;
        }
    }
}
