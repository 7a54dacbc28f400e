namespace Sequor.Layers;

/// <summary>How a backend on a CPU is made.</summary>
public sealed record CpuOptions
{
    /// <summary>
    /// The number of threads that work is split for, at most 1024, which decides the bits of results; 0 means one for each core. No more of
    /// them run than there are cores that the process may use.
    /// </summary>
    public int Threads { get; init; }

    /// <summary>The widest vectors to use, in bits: 512, 256 or 128; 0 means the widest that the machine has.</summary>
    public int VectorBits { get; init; }

    /// <summary>
    /// Whether a profiler of NVIDIA's that listens to this process is told of steps, layers and operations (NVTX); costs nothing where
    /// there is none.
    /// </summary>
    public bool Nvtx { get; init; } = true;
}
