using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>A copy of pageable memory, as the driver stages one. Its work may never run, so it frees itself.</summary>
internal sealed unsafe class StagedBytes
{
    public StagedBytes(byte* from, long bytes)
    {
        Data = (byte*)NativeMemory.Alloc((nuint)bytes);
        Buffer.MemoryCopy(from, Data, bytes, bytes);
    }

    ~StagedBytes() => NativeMemory.Free(Data);

    public byte* Data { get; }
}
