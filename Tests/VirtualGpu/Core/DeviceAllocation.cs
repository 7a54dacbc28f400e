using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>
/// Memory of the device. The host has it from the call that allocates to the call that frees; work on streams has
/// it from when the allocation runs to when the release runs, which for stream-ordered memory is later.
/// </summary>
internal sealed unsafe class DeviceAllocation(nint address, long bytes, VirtualContext context)
{
    private byte* _data;

    public nint Address => address;

    public long Bytes => bytes;

    public VirtualContext Context => context;

    /// <summary>The pool that it came from; null for memory that is not stream-ordered.</summary>
    public VirtualPool? Pool { get; init; }

    /// <summary>Its number in the process.</summary>
    public ulong Id { get; init; }

    /// <summary>The call that frees it was made.</summary>
    public bool Released { get; set; }

    /// <summary>For stream-ordered memory: the work from which on it is live.</summary>
    public WorkItem? Begun { get; set; }

    /// <summary>Work can use it now.</summary>
    public bool Live => _data != null;

    /// <summary>It was live once.</summary>
    public bool Lived { get; private set; }

    public InitialisedWords Words { get; private set; } = null!;

    /// <summary>Where its bytes are; the device's addresses are none of the host's.</summary>
    public byte* Data => _data;

    public void Begin()
    {
        _data = (byte*)NativeMemory.Alloc((nuint)bytes);
        Words = new InitialisedWords(bytes);
        Lived = true;
        // What it holds is no one's business. Of large ones the system had better not give every page.
        if (bytes <= 64 << 20)
            NativeMemory.Fill(_data, (nuint)bytes, 0xFF);
    }

    public void End()
    {
        NativeMemory.Free(_data);
        _data = null;
        if (Lived)
            Words.Dispose();
    }
}
