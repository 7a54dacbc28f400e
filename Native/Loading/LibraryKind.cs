namespace Sequor.Native;

/// <summary>The vendor's libraries.</summary>
public enum LibraryKind
{
    /// <summary>The CUDA driver: libcuda.so.1, nvcuda.dll.</summary>
    CudaDriver,

    /// <summary>cuDNN 9.</summary>
    CuDnn,

    /// <summary>cuBLAS 12 or 13.</summary>
    CuBlas,

    /// <summary>cuBLASLt, which cuBLAS itself stands on: of the same version. It adds biases within products; nothing else needs it.</summary>
    CuBlasLt,

    /// <summary>NVRTC, with which cuDNN's run-time engines compile; nothing else needs it.</summary>
    Nvrtc,

    /// <summary>NVML, which comes with the driver and tells the state of GPUs; only reports need it.</summary>
    Nvml,
}
