namespace Sequor.Native;

/// <summary>
/// Where the libraries are. A path that is given here is used and nothing else is tried. It takes precedence over the environment's
/// SEQUOR_CUDA_DRIVER_PATH, SEQUOR_CUDNN_PATH and SEQUOR_CUBLAS_PATH, and those over any search.
/// </summary>
public sealed record NativeLibraryOptions
{
    /// <summary>The path of the driver library, or of its folder.</summary>
    public string? CudaDriverPath { get; init; }

    /// <summary>The path of cuDNN's main library, or of its folder; the other parts must lie beside it.</summary>
    public string? CuDnnPath { get; init; }

    /// <summary>The path of cuBLAS, or of its folder.</summary>
    public string? CuBlasPath { get; init; }

    /// <summary>
    /// The program's own way to its libraries, which is asked first. If it returns null, the library is searched for. The program must load
    /// the libraries that it returns and keep them loaded.
    /// </summary>
    public Func<LibraryKind, INativeSymbols?>? Resolve { get; init; }
}
