using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>An event: a mark in a stream, or in a capture.</summary>
internal sealed class VirtualEvent(VirtualContext context, uint flags, VirtualEvent? shared = null)
    : IContextObject
{
    private WorkItem? _item;
    private long _time;
    private VirtualCapture? _capture;
    private IReadOnlyList<GraphNode> _capturedAfter = [];

    /// <summary>The event of another process that this one was opened from; null for one that was made here.</summary>
    public VirtualEvent? Shared => shared;

    /// <summary>Whether it was made to be shared.</summary>
    public bool IsInterprocess => (flags & (uint)CUevent_flags.CU_EVENT_INTERPROCESS) != 0;

    /// <summary>Its maker destroyed it.</summary>
    public bool IsDestroyed { get; set; }

    public VirtualContext Context => context;

    public bool HasTime => (flags & (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING) == 0;

    /// <summary>The record that counts; null if it was never recorded, or in a capture last.</summary>
    public WorkItem? Item
    {
        get => shared is null ? _item : shared.Item;
        set
        {
            if (shared is null)
                _item = value;
            else
                shared.Item = value;
        }
    }

    /// <summary>The device's time when the record ran, nanoseconds.</summary>
    public long Time
    {
        get => shared is null ? _time : shared.Time;
        set
        {
            if (shared is null)
                _time = value;
            else
                shared.Time = value;
        }
    }

    /// <summary>The capture that it was recorded in last; null for none.</summary>
    public VirtualCapture? Capture
    {
        get => shared is null ? _capture : shared.Capture;
        set
        {
            if (shared is null)
                _capture = value;
            else
                shared.Capture = value;
        }
    }

    /// <summary>What stood before it in that capture.</summary>
    public IReadOnlyList<GraphNode> CapturedAfter
    {
        get => shared is null ? _capturedAfter : shared.CapturedAfter;
        set
        {
            if (shared is null)
                _capturedAfter = value;
            else
                shared.CapturedAfter = value;
        }
    }
}
