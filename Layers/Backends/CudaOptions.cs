namespace Sequor.Layers;

/// <summary>How a backend on a GPU is made.</summary>
public sealed record CudaOptions
{
    /// <summary>The arithmetic of matrix products, convolutions and recurrent networks.</summary>
    public FloatMath Math { get; init; }

    /// <summary>How convolutions are computed.</summary>
    public ConvolutionMethod Convolution { get; init; }

    /// <summary>Whether repeated steps are submitted to the GPU as CUDA graphs; see <see cref="StepGraph"/>.</summary>
    public bool Graphs { get; init; } = true;
}

/// <summary>How a GPU computes causal convolutions.</summary>
public enum ConvolutionMethod
{
    /// <summary>As a sum of cuBLAS products on shifted rows, without padding.</summary>
    ShiftedProducts,

    /// <summary>By the engine that cuDNN proposes for the shape.</summary>
    CuDnn,
}

/// <summary>How a GPU multiplies single-precision numbers.</summary>
public enum FloatMath
{
    /// <summary>In full single precision: CUDNN_FMA_MATH, CUBLAS_PEDANTIC_MATH.</summary>
    Fp32,

    /// <summary>On tensor cores: factors are rounded to 10 bits of fraction (TF32), and sums are in single precision.</summary>
    Tf32,
}
