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

    /// <summary>NVRTC, which cuDNN's run-time engines compile with; they alone need it.</summary>
    Nvrtc,

    /// <summary>NVML, which comes with the driver and tells the state of GPUs; reports alone need it.</summary>
    Nvml,
}
