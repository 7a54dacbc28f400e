namespace Sequor.Layers;

/// <summary>What a backend runs on.</summary>
/// <param name="Device">The device's name in options and reports: "cpu" or "cuda:0".</param>
/// <param name="Description">One line for people: processor or GPU, and how it is used.</param>
/// <param name="Threads">Host threads that compute.</param>
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
    /// The processor's instructions behind the vectors, such as "AVX-512", "AVX2, FMA" or "SSE4.2, no FMA"; null on a GPU. Of
    /// <see cref="CpuInstructions.Describe"/>.
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

/// <summary>How a backend is made.</summary>
public sealed record BackendOptions
{
    /// <summary>Threads of the CPU backend; 0 takes one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Widest vectors that the CPU backend may use, in bits: 512, 256 or 128; 0 takes what the machine has.</summary>
    public int VectorBits { get; init; }

    /// <summary>Arithmetic of a GPU's products; a CPU always works in float32.</summary>
    public FloatMath Math { get; init; }

    /// <summary>How a GPU computes convolutions; a CPU has one way.</summary>
    public ConvolutionMethod Convolution { get; init; }

    /// <summary>Whether a GPU is given repeated steps as CUDA graphs; see <see cref="StepGraph"/>.</summary>
    public bool Graphs { get; init; } = true;
}

/// <summary>How a GPU computes causal convolutions.</summary>
public enum ConvolutionMethod
{
    /// <summary>As a sum of products on shifted rows, by cuBLAS: nothing is padded.</summary>
    ShiftedProducts,

    /// <summary>By the engine that cuDNN proposes for the shape.</summary>
    CuDnn,
}

/// <summary>How a GPU multiplies float32 numbers.</summary>
public enum FloatMath
{
    /// <summary>As they are: CUDNN_FMA_MATH, CUBLAS_PEDANTIC_MATH.</summary>
    Fp32,

    /// <summary>Factors rounded to 10 bits behind the point, sums in float32, on tensor cores.</summary>
    Tf32,
}
