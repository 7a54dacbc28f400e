namespace Sequor.Layers;

/// <summary>What a backend runs on.</summary>
/// <param name="Device">The device's name in options and reports: "cpu", later "cuda:0".</param>
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
