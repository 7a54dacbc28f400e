using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>
/// Memory of the device. The host has it from the call that allocates to the call that frees; work on streams has
/// it from when the allocation runs to when the release runs, which for stream-ordered memory is later.
/// </summary>
internal sealed unsafe class DeviceAllocation(nint address, long bytes, VirtualContext context)
{
    private byte* _data;
    private bool _mapped;

    public nint Address => address;

    public long Bytes => bytes;

    public VirtualContext Context => context;

    /// <summary>The pool that it came from; null for memory that is not stream-ordered.</summary>
    public VirtualPool? Pool { get; init; }

    /// <summary>Where its bytes are from if they are not its own; null for memory that the device allocated.</summary>
    public ForeignBytes? Foreign { get; init; }

    /// <summary>Its number in the process.</summary>
    public ulong Id { get; init; }

    /// <summary>The call that frees it was made.</summary>
    public bool Released { get; set; }

    /// <summary>For stream-ordered memory: the work from which on it is live.</summary>
    public WorkItem? Begun { get; set; }

    /// <summary>Work can use it now.</summary>
    public bool Live => Foreign is null ? _data != null : _mapped && Foreign.IsAlive;

    /// <summary>It was live once.</summary>
    public bool Lived { get; private set; }

    public InitialisedWords Words => Foreign is null ? OwnWords : Foreign.Words;

    private InitialisedWords OwnWords { get; set; } = null!;

    /// <summary>Where its bytes are; the device's addresses are none of the host's.</summary>
    public byte* Data => Foreign is null ? _data : Foreign.Data;

    /// <summary>What to say of it when it is not live.</summary>
    public string WhyNotLive =>
        Foreign is { IsAlive: false } && _mapped ? Foreign.Gone
        : Lived ? "this memory is freed"
        : "this memory is not allocated yet in stream order";

    public void Begin()
    {
        Lived = true;
        if (Foreign is not null)
        {
            _mapped = true;
            return;
        }
        _data = (byte*)NativeMemory.Alloc((nuint)bytes);
        OwnWords = new InitialisedWords(bytes);
        // What it holds is no one's business. Of large ones the system had better not give every page.
        if (bytes <= 64 << 20)
            NativeMemory.Fill(_data, (nuint)bytes, 0xFF);
    }

    public void End()
    {
        if (Foreign is not null)
        {
            if (_mapped)
                Foreign.Release();
            _mapped = false;
            return;
        }
        NativeMemory.Free(_data);
        _data = null;
        if (Lived)
            OwnWords.Dispose();
    }
}
