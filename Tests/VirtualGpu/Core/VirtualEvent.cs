using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>An event: a mark in a stream, or in a capture.</summary>
internal sealed class VirtualEvent(VirtualContext context, uint flags) : IContextObject
{
    public VirtualContext Context => context;

    public bool HasTime => (flags & (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING) == 0;

    /// <summary>The record that counts; null if it was never recorded, or in a capture last.</summary>
    public WorkItem? Item { get; set; }

    /// <summary>The device's time when the record ran, nanoseconds.</summary>
    public long Time { get; set; }

    /// <summary>The capture that it was recorded in last; null for none.</summary>
    public VirtualCapture? Capture { get; set; }

    /// <summary>What stood before it in that capture.</summary>
    public IReadOnlyList<GraphNode> CapturedAfter { get; set; } = [];
}
