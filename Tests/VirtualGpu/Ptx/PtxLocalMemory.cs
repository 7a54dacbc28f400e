namespace Sequor.VirtualGpu.Ptx;

/// <summary>A thread's own memory.</summary>
internal sealed unsafe class PtxLocalMemory(byte* data, long bytes)
{
    private readonly bool[] _written = new bool[(bytes + 3) / 4];

    public void Clear()
    {
        Array.Clear(_written);
        new Span<byte>(data, (int)bytes).Fill(0xFF);
    }

    public byte* Access(PtxLane lane, ulong address, int site, bool read)
    {
        int size = lane.Execution.Code.Accesses[site]!.Bytes;
        ulong offset = address - PtxKernel.WindowStart;
        if (offset > (ulong)bytes || offset + (ulong)size > (ulong)bytes)
            throw lane.Fault(
                PtxFaultKind.OutOfBounds,
                site,
                address,
                $"{size} bytes at {(long)offset} of the thread's {bytes} local bytes"
            );
        if (address % (ulong)size != 0)
            throw lane.Fault(
                PtxFaultKind.Misaligned,
                site,
                address,
                $"{size} bytes need a multiple of {size}"
            );
        for (ulong word = offset / 4; word <= (offset + (ulong)size - 1) / 4; word++)
        {
            if (read && !_written[word])
                throw lane.Fault(
                    PtxFaultKind.Uninitialised,
                    site,
                    address,
                    "local memory that the thread has not written"
                );
            _written[word] |= !read;
        }
        return data + offset;
    }
}
