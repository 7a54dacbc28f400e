namespace Sequor.Layers;

/// <summary>How a backend on a GPU is made.</summary>
public sealed record CudaOptions
{
    /// <summary>Arithmetic of products.</summary>
    public FloatMath Math { get; init; }

    /// <summary>Whether ways of computing are measured; by default as <see cref="Layers.Autotune.Default"/> says.</summary>
    public Autotune Autotune { get; init; } = Autotune.Default;

    /// <summary>How recurrent networks are computed; null lets <see cref="Autotune"/> choose.</summary>
    public RecurrentMethod? Recurrent { get; init; }

    /// <summary>How convolutions are computed; null lets <see cref="Autotune"/> choose.</summary>
    public ConvolutionMethod? Convolution { get; init; }

    /// <summary>cuBLAS's mode for products; null lets <see cref="Autotune"/> choose.</summary>
    public ProductMath? Products { get; init; }

    /// <summary>How the scan is split; null lets <see cref="Autotune"/> choose.</summary>
    public ScanMethod? Scan { get; init; }

    /// <summary>Given a line of text for what a user should know and no result shows; null for nobody.</summary>
    public Action<string>? Tell { get; init; }

    /// <summary>What the time of measuring is counted by.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The most time that measuring takes for a shape, and for all of a plan, a run that has begun aside.</summary>
    internal (TimeSpan Shape, TimeSpan Plan) TuningTime { get; init; } =
        (TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(20));

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
    /// <summary>In full float32 precision: CUDNN_FMA_MATH, CUBLAS_DEFAULT_MATH or CUBLAS_PEDANTIC_MATH.</summary>
    Fp32,

    /// <summary>On tensor cores: factors are rounded to 10 bits behind the point (TF32), and sums are float32.</summary>
    Tf32,
}
