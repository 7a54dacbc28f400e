namespace Sequor.Layers;

/// <summary>What a backend runs on.</summary>
/// <param name="Device">The device's name in options and reports: "cpu" or "cuda:0".</param>
/// <param name="Description">One line for people: processor or GPU, and how it is used.</param>
/// <param name="Threads">The number of host threads that compute.</param>
/// <param name="VectorBits">The width of the vectors used, in bits; 0 on a GPU.</param>
/// <param name="Reason">Why this device was chosen.</param>
public sealed record BackendInfo(
    string Device,
    string Description,
    int Threads,
    int VectorBits,
    string Reason
)
{
    /// <summary>
    /// The processor's instructions that implement the vectors, such as "AVX-512", "AVX2, FMA" or "SSE4.2, no FMA", from
    /// <see cref="CpuInstructions.Describe"/>; null on a GPU.
    /// </summary>
    public string? Instructions { get; init; }

    /// <summary>
    /// What a user should know before trusting results, in one line: a GPU that was asked for failed its self-check. Null where
    /// there is nothing.
    /// </summary>
    public string? Warning { get; init; }

    /// <summary>The GPU; null on a CPU.</summary>
    public GpuInfo? Gpu { get; init; }
}

/// <summary>A GPU and the software that computes on it.</summary>
/// <param name="Name">The GPU's name, such as NVIDIA H100 80GB HBM3.</param>
/// <param name="ComputeCapability">Its compute capability, such as 9.0.</param>
/// <param name="MemoryBytes">All of its memory, in bytes, in use or not.</param>
/// <param name="Driver">The version of the display driver, such as 550.54.15; null where it is not known.</param>
/// <param name="Cuda">The newest CUDA version that the driver supports, such as 12.4.</param>
/// <param name="CuDnn">The version of cuDNN.</param>
/// <param name="CuBlas">The version of cuBLAS.</param>
/// <param name="Math">The arithmetic of products.</param>
/// <param name="Convolution">How convolutions are computed.</param>
public sealed record GpuInfo(
    string Name,
    string ComputeCapability,
    long MemoryBytes,
    string? Driver,
    string Cuda,
    string CuDnn,
    string CuBlas,
    FloatMath Math,
    ConvolutionMethod Convolution
);
