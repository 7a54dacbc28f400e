namespace Sequor.Layers;

/// <summary>What a backend runs on.</summary>
/// <param name="Device">The device's name in options and reports: "cpu" or "cuda:0".</param>
/// <param name="Description">One line for people: processor or GPU, and how it is used.</param>
/// <param name="Threads">Number of host threads that compute.</param>
/// <param name="VectorBits">Width of the vectors used, in bits; 0 on a GPU.</param>
/// <param name="Reason">Why this device was taken.</param>
public sealed record BackendInfo(
    string Device,
    string Description,
    int Threads,
    int VectorBits,
    string Reason
)
{
    /// <summary>
    /// The processor's instructions behind the vectors, such as "AVX-512", "AVX2, FMA" or "SSE4.2, no FMA", as
    /// <see cref="CpuInstructions.Describe"/> tells them; null on a GPU.
    /// </summary>
    public string? Instructions { get; init; }

    /// <summary>The GPU; null on a CPU.</summary>
    public GpuInfo? Gpu { get; init; }
}

/// <summary>A GPU, and what computes on it.</summary>
/// <param name="Name">Such as NVIDIA H100 80GB HBM3.</param>
/// <param name="ComputeCapability">Such as 9.0.</param>
/// <param name="MemoryBytes">All of its memory, in use or not.</param>
/// <param name="Driver">Version of the display driver, such as 550.54.15; null where it is not known.</param>
/// <param name="Cuda">The newest CUDA that the driver supports, such as 12.4.</param>
/// <param name="CuDnn">cuDNN's version.</param>
/// <param name="CuBlas">cuBLAS's version.</param>
/// <param name="Math">Arithmetic of products.</param>
/// <param name="Convolution">How convolutions are computed; null where it is chosen for each shape.</param>
public sealed record GpuInfo(
    string Name,
    string ComputeCapability,
    long MemoryBytes,
    string? Driver,
    string Cuda,
    string CuDnn,
    string CuBlas,
    FloatMath Math,
    ConvolutionMethod? Convolution
);
