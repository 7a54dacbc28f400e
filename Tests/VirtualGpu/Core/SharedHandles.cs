using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Memory of another process that a context opened: the same bytes at an address of its own.</summary>
internal sealed unsafe class SharedMemory(DeviceAllocation source) : ForeignBytes
{
    /// <summary>The memory in the process that has it.</summary>
    public DeviceAllocation Source => source;

    /// <summary>How often it is open in its context.</summary>
    public int Opened { get; set; } = 1;

    public override bool IsAlive => source is { Live: true, Released: false };

    public override string Gone => "the process that has this memory freed it before it was closed";

    public override byte* Data => source.Data;

    public override InitialisedWords Words => source.Words;
}

/// <summary>The handles of 64 bytes by which processes share memory and events: a number of the object, behind a mark of its kind.</summary>
internal sealed unsafe class SharedHandles
{
    private const ulong MemoryMark = 0x4d454d_5245_5551;
    private const ulong EventMark = 0x545645_5245_5551;

    private readonly List<object> _exported = [];

    /// <summary>The handle of memory.</summary>
    public void Export(DeviceAllocation memory, CUipcMemHandle* to) =>
        Write(MemoryMark, memory, to->reserved);

    /// <summary>The handle of an event.</summary>
    public void Export(VirtualEvent mark, CUipcEventHandle* to) =>
        Write(EventMark, mark, to->reserved);

    /// <summary>The memory of a handle; null where it is no handle of memory.</summary>
    public DeviceAllocation? Memory(CUipcMemHandle handle) =>
        Find(MemoryMark, handle.reserved) as DeviceAllocation;

    /// <summary>The event of a handle; null where it is no handle of an event.</summary>
    public VirtualEvent? Event(CUipcEventHandle handle) =>
        Find(EventMark, handle.reserved) as VirtualEvent;

    private void Write(ulong mark, object item, byte* to)
    {
        int at = _exported.IndexOf(item);
        if (at < 0)
        {
            at = _exported.Count;
            _exported.Add(item);
        }
        var bytes = new Span<byte>(to, (int)CudaDriver.CU_IPC_HANDLE_SIZE);
        bytes.Clear();
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        words[0] = mark;
        words[1] = (ulong)at;
        // All of a handle counts: one that was cut is none.
        words[7] = ~mark ^ (ulong)at;
    }

    private object? Find(ulong mark, byte* from)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(
            new ReadOnlySpan<byte>(from, (int)CudaDriver.CU_IPC_HANDLE_SIZE)
        );
        return
            words[0] == mark
            && words[1] < (ulong)_exported.Count
            && words[7] == (~mark ^ words[1])
            && !words[2..7].ContainsAnyExcept(0UL)
            ? _exported[(int)words[1]]
            : null;
    }
}
