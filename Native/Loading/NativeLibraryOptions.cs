namespace Sequor.Native;

/// <summary>
/// Where libraries are. What is given here is taken and nothing else is tried; it comes before the environment's
/// SEQUOR_CUDA_DRIVER_PATH, SEQUOR_CUDNN_PATH and SEQUOR_CUBLAS_PATH, and those before any search.
/// </summary>
public sealed record NativeLibraryOptions
{
    /// <summary>The driver library, or its folder.</summary>
    public string? CudaDriverPath { get; init; }

    /// <summary>cuDNN's main library, or its folder; the others have to lie beside it.</summary>
    public string? CuDnnPath { get; init; }

    /// <summary>cuBLAS, or its folder.</summary>
    public string? CuBlasPath { get; init; }

    /// <summary>
    /// A program's own way to its libraries, asked before all else. Null from it: search. Libraries that it gives
    /// are the program's to load and to keep loaded.
    /// </summary>
    public Func<LibraryKind, INativeSymbols?>? Resolve { get; init; }
}
