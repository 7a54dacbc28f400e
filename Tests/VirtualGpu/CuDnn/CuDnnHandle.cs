using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A library handle: for the context that was current when it was made.</summary>
internal sealed class CuDnnHandle(VirtualContext context) : ICuDnnObject, IContextObject
{
    private readonly HashSet<string> _loaded = [];

    public static string Kind => "cuDNN handle";

    public VirtualContext Context => context;

    /// <summary>The stream as it was set, 0 at first.</summary>
    public nint Stream { get; set; }

    /// <summary>Puts work into the handle's stream.</summary>
    /// <param name="device">the device</param>
    /// <param name="call">the call</param>
    /// <param name="kernels">which kernels it needs; the first use of some loads them</param>
    /// <param name="work">what runs later</param>
    /// <param name="least">what it has to do at least; null where there is no formula</param>
    /// <exception cref="CuDnnRefusal">The context is not current, or no work runs any more.</exception>
    /// <exception cref="VirtualStatusException">The stream is captured, and the kernels are not loaded yet.</exception>
    public void Enqueue(
        VirtualDevice device,
        string call,
        string kernels,
        Action<DeviceMemory> work,
        LibraryWork? least = null
    )
    {
        VirtualStream stream = Resolve(device, call);
        Load(stream, call, kernels);
        stream.Enqueue(call, () => Run(device, work, least));
    }

    /// <summary>Puts a recurrent net's work into the handle's stream.</summary>
    /// <param name="device">the device</param>
    /// <param name="call">the call</param>
    /// <param name="work">what runs later</param>
    /// <param name="least">what it has to do at least</param>
    /// <exception cref="CuDnnRefusal">As above.</exception>
    /// <exception cref="VirtualStatusException">As above.</exception>
    public void Enqueue(
        VirtualDevice device,
        RnnCall call,
        Action<DeviceMemory> work,
        LibraryWork least
    )
    {
        VirtualStream stream = Resolve(device, call.Call);
        Load(stream, call.Call, call.Kernels);
        if (!stream.IsCapturing)
        {
            stream.Enqueue(call.Call, () => Run(device, work, least));
            return;
        }
        if (device.Manners.RnnCopiesLengths)
            stream.Submit(
                CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY,
                GraphNode.HostCopy,
                () => call.CheckDescribed(device)
            );
        stream.Enqueue(
            call.Call,
            () =>
            {
                call.CheckDescribed(device);
                Run(device, work, least);
            }
        );
    }

    private static void Run(VirtualDevice device, Action<DeviceMemory> work, LibraryWork? least)
    {
        work(device.Memory);
        if (least is { } done)
            device.Counts.Ran(done);
    }

    private void Load(VirtualStream stream, string call, string kernels)
    {
        if (_loaded.Contains(kernels))
            return;
        CaptureGuard.Refuse(stream, $"{call} loaded kernels ({kernels}): run it once before");
        _loaded.Add(kernels);
    }

    /// <summary>The handle's stream, fit for work.</summary>
    /// <exception cref="CuDnnRefusal">The context is not current, or no work runs any more.</exception>
    public VirtualStream Resolve(VirtualDevice device, string call)
    {
        if (device.IsPoisoned)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED,
                $"the device is in the error state {device.Sticky}"
            );
        CuDnnRefusal.Unless(
            device.CurrentContext == context,
            "the context that the handle was made in is not current"
        );
        return VirtualStream.Resolve(Stream, call)
            ?? throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED,
                "the handle's stream is destroyed"
            );
    }
}
