namespace Sequor.VirtualGpu;

/// <summary>What the virtual device is like, and what goes wrong on it.</summary>
internal sealed record VirtualOptions
{
    /// <summary>Draws the order in which streams run, and how long work is put off.</summary>
    public int Seed { get; init; } = 1;

    public string DeviceName { get; init; } = "Sequor virtual GPU";

    /// <summary>Major * 10 + minor.</summary>
    public int ComputeCapability { get; init; } = 86;

    /// <summary>Bytes.</summary>
    public long TotalMemory { get; init; } = 8L << 30;

    /// <summary>The newest CUDA that the driver supports, major * 1000 + minor * 10.</summary>
    public int DriverVersion { get; init; } = 12060;

    /// <summary>
    /// How many devices there are, all alike, 9 at most; 0 for a machine that has the driver alone.
    /// </summary>
    public int DeviceCount { get; init; } = 1;

    /// <summary>Whether one device can use another's memory directly: by their numbers, the one that uses it first.</summary>
    public Func<int, int, bool> CanAccessPeer { get; init; } = (_, _) => true;

    /// <summary>Whether memory and events can be shared with other processes.</summary>
    public bool Interprocess { get; init; } = true;

    /// <summary>Whether timeline semaphores of other APIs are taken in.</summary>
    public bool TimelineSemaphores { get; init; } = true;

    /// <summary>What runs kernels; null for nothing.</summary>
    public IKernelEngine? Kernels { get; init; }

    /// <summary>
    /// The n-th allocation of device or pinned host memory fails, counted from 1; 0 for none. While running:
    /// <see cref="VirtualDevice.FailAllocation"/>.
    /// </summary>
    public int FailAllocation { get; init; }

    /// <summary>
    /// What a piece of work takes or does, null for what is usual. While running: <see cref="VirtualDevice.Effects"/>.
    /// </summary>
    public Func<VirtualWork, VirtualEffect?>? Effects { get; init; }

    /// <summary>
    /// Calls that are refused, by the header's name, with the status that they return. While running:
    /// <see cref="VirtualDevice.Refuse"/>.
    /// </summary>
    public IReadOnlyDictionary<string, int> RefuseCall { get; init; } =
        new Dictionary<string, int>();
}
