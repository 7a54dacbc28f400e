namespace Sequor.Layers;

/// <summary>How a backend on a GPU is made.</summary>
public sealed record CudaOptions
{
    /// <summary>Arithmetic of products.</summary>
    public FloatMath Math { get; init; }

    /// <summary>How convolutions are computed.</summary>
    public ConvolutionMethod Convolution { get; init; }

    /// <summary>Whether repeated steps are given to the GPU as CUDA graphs; see <see cref="StepGraph"/>.</summary>
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
    /// <summary>In full float32 precision: CUDNN_FMA_MATH, CUBLAS_PEDANTIC_MATH.</summary>
    Fp32,

    /// <summary>On tensor cores: factors are rounded to 10 bits behind the point (TF32), and sums are float32.</summary>
    Tf32,
}
