namespace Sequor.Native;

/// <summary>The names of the libraries' files on Linux and Windows.</summary>
internal static class LibraryNames
{
    /// <summary>The major version of cuDNN that Sequor calls.</summary>
    public const int CuDnnMajor = 9;

    /// <summary>The range of CUDA major versions whose libraries Sequor calls.</summary>
    public const int OldestCudaMajor = 12;
    public const int NewestCudaMajor = 13;

    /// <summary>The parts of cuDNN that recurrent networks and convolutions need, in the order of their dependencies.</summary>
    public static readonly string[] CuDnnParts = ["graph", "ops", "cnn", "adv"];

    /// <summary>The parts of cuDNN that some packages leave out.</summary>
    public static readonly string[] CuDnnEngines =
    [
        "heuristic",
        "engines_precompiled",
        "engines_runtime_compiled",
    ];

    public static string Driver(bool windows) => windows ? "nvcuda.dll" : "libcuda.so.1";

    public static string Nvml(bool windows) => windows ? "nvml.dll" : "libnvidia-ml.so.1";

    public static string CuDnn(bool windows, int major) =>
        windows ? $"cudnn64_{major}.dll" : $"libcudnn.so.{major}";

    public static string CuDnnPart(bool windows, string part) =>
        windows ? $"cudnn_{part}64_{CuDnnMajor}.dll" : $"libcudnn_{part}.so.{CuDnnMajor}";

    public static string CuBlas(bool windows, int major) =>
        windows ? $"cublas64_{major}.dll" : $"libcublas.so.{major}";

    /// <summary>The library that cuBLAS depends on, which must lie beside it.</summary>
    public static string CuBlasLt(bool windows, int major) =>
        windows ? $"cublasLt64_{major}.dll" : $"libcublasLt.so.{major}";

    public static string Nvrtc(bool windows, int major) =>
        windows ? $"nvrtc64_{major}0_0.dll" : $"libnvrtc.so.{major}";

    /// <summary>The names of all files of cuDNN.</summary>
    public static IEnumerable<string> AllOfCuDnn(bool windows) =>
        CuDnnParts
            .Concat(CuDnnEngines)
            .Select(part => CuDnnPart(windows, part))
            .Prepend(CuDnn(windows, CuDnnMajor));
}
