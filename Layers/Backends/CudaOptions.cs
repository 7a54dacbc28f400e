namespace Sequor.Layers;

/// <summary>How a backend on a GPU is made.</summary>
public sealed record CudaOptions
{
    /// <summary>The arithmetic of matrix products, convolutions and recurrent networks.</summary>
    public FloatMath Math { get; init; }

    /// <summary>Whether ways of computing are measured; by default as <see cref="Layers.Autotune.Default"/> says.</summary>
    public Autotune Autotune { get; init; } = Autotune.Default;

    /// <summary>How recurrent networks are computed; null lets <see cref="Autotune"/> choose.</summary>
    public RecurrentMethod? Recurrent { get; init; }

    /// <summary>How convolutions are computed; null lets <see cref="Autotune"/> choose.</summary>
    public ConvolutionMethod? Convolution { get; init; }

    /// <summary>cuBLAS's mode for products; null lets <see cref="Autotune"/> choose.</summary>
    public ProductMath? Products { get; init; }

    /// <summary>
    /// How biases of linear layers are added and their gradients summed up; null lets <see cref="Autotune"/> choose. Without a
    /// cuBLASLt of cuBLAS's version it is by kernels, and <see cref="Plan.Fallbacks"/> tells so where the library was asked for.
    /// </summary>
    public ProductEpilogue? Epilogue { get; init; }

    /// <summary>How the scan is split; null lets <see cref="Autotune"/> choose.</summary>
    public ScanMethod? Scan { get; init; }

    /// <summary>Given a line of text for what a user should know and no result shows; null for nobody.</summary>
    public Action<string>? Tell { get; init; }

    /// <summary>What the time of measuring is counted by.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The most time that measuring takes for a shape, and for all of a plan, a run that has begun aside.</summary>
    internal (TimeSpan Shape, TimeSpan Plan) TuningTime { get; init; } =
        (TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(20));

    /// <summary>Whether repeated steps are submitted to the GPU as CUDA graphs; see <see cref="StepGraph"/>.</summary>
    public bool Graphs { get; init; } = true;

    /// <summary>
    /// Whether inputs and targets of training plans, where they have 256 KiB or more, come to the device on a stream of their own while the
    /// step before runs. They go by way of memory of the same size, which the plan and the loss take for it.
    /// </summary>
    public bool UploadStream { get; init; } = true;

    /// <summary>From how many bytes on they do.</summary>
    internal long StagedFrom { get; init; } = Cuda.CudaBackend.LeastStagedBytes;

    /// <summary>
    /// Whether a profiler of NVIDIA's that listens to this process is told of steps, layers and operations (NVTX); costs nothing where
    /// there is none. Within a captured step there are ranges at its capture, and not at its replays.
    /// </summary>
    public bool Nvtx { get; init; } = true;

    /// <summary>
    /// When <see cref="Backend.Create"/> checks that the GPU computes what the CPU does. Backends that are made otherwise are not
    /// checked.
    /// </summary>
    public SelfCheckMode SelfCheck { get; init; }
}

/// <summary>
/// When a GPU is checked: products of ones, and training steps of each architecture beside the CPU's, in at most ten seconds once
/// libraries and kernels are loaded. <see cref="Device.Auto"/> takes a GPU only if it passes; a GPU that is asked for by name is
/// used nevertheless, and <see cref="BackendInfo.Warning"/> says what failed.
/// </summary>
public enum SelfCheckMode
{
    /// <summary>
    /// The first time that this GPU is used with this driver, these libraries and this version of Sequor; the verdict is kept in the
    /// user's cache folder.
    /// </summary>
    WhenNew,

    /// <summary>Each time; the verdict is kept as well.</summary>
    Always,

    /// <summary>Not at all: the GPU is trusted.</summary>
    Never,
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
    /// <summary>In full single precision: CUDNN_FMA_MATH, CUBLAS_DEFAULT_MATH or CUBLAS_PEDANTIC_MATH.</summary>
    Fp32,

    /// <summary>On tensor cores: factors are rounded to 10 bits of fraction (TF32), and sums are in single precision.</summary>
    Tf32,
}
