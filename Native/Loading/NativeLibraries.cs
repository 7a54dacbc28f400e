using System.Runtime.InteropServices;
using System.Text;

namespace Sequor.Native;

/// <summary>
/// The vendors' libraries, which are searched for and whose versions are checked once. If one cannot be used, a value says why.
/// </summary>
/// <remarks>
/// Order: what the options give; the environment's paths; the system's loader by versioned name; CUDA toolkits;
/// Python's packages of VIRTUAL_ENV, CONDA_PREFIX and the Python on PATH. Of cuDNN and cuBLAS the first pair is taken that goes
/// together and with the driver. Libraries stay loaded until the process ends.
/// </remarks>
public sealed class NativeLibraries
{
    private readonly Lazy<string?> _displayDriverVersion;
    private readonly LibrarySetFinder _set;

    private NativeLibraries(SearchContext context)
    {
        Host = context.Host;
        var driver = new DriverFinder(context);
        Driver = driver.Find();
        DriverCudaVersion = driver.CudaVersion;
        DeviceCount = driver.Devices;
        _set = new LibrarySetFinder(context, DriverCudaVersion);
        (CuDnn, CuBlas, CudaMajor) = _set.Found;
        var companions = new CompanionFinder(context);
        CuBlasLt = companions.CuBlasLt(CuBlas);
        Nvrtc = companions.Nvrtc(CudaMajor);
        Nvml = companions.Nvml();
        _displayDriverVersion = new(() => Nvml.Table is { } nvml ? ReadDriverVersion(nvml) : null);
    }

    /// <summary>Searches for the libraries.</summary>
    /// <param name="options">Where the libraries are; by default they are searched for.</param>
    public static NativeLibraries Load(NativeLibraryOptions? options = null) =>
        Load(options ?? new(), new SystemHost());

    internal static NativeLibraries Load(NativeLibraryOptions options, INativeHost host) =>
        new(new SearchContext(host, options));

    /// <summary>The CUDA driver, started.</summary>
    public LibraryResult<CudaDriver> Driver { get; }

    /// <summary>cuDNN 9.</summary>
    public LibraryResult<CuDnn> CuDnn { get; }

    /// <summary>cuBLAS, of cuDNN's CUDA major version.</summary>
    public LibraryResult<CuBlas> CuBlas { get; }

    /// <summary>cuBLASLt, of cuBLAS's version and folder. Without it biases are added by launches of their own.</summary>
    public LibraryResult<CuBlasLt> CuBlasLt { get; }

    /// <summary>NVRTC. Without it cuDNN's run-time engines and CUDNN_RNN_ALGO_PERSIST_DYNAMIC do not work.</summary>
    public LibraryResult<Nvrtc> Nvrtc { get; }

    /// <summary>NVML, which is not started. Without it reports lack clocks and temperatures.</summary>
    public LibraryResult<Nvml> Nvml { get; }

    /// <summary>The newest CUDA version that the driver supports, major * 1000 + minor * 10; 0 if not known.</summary>
    public int DriverCudaVersion { get; }

    /// <summary>The version of the display driver, such as 550.54.15, asked from NVML once; null without NVML.</summary>
    public string? DisplayDriverVersion => _displayDriverVersion.Value;

    /// <summary>The CUDA major version that cuBLAS and NVRTC must have; 0 if nothing determines it.</summary>
    public int CudaMajor { get; }

    /// <summary>The number of CUDA devices.</summary>
    public int DeviceCount { get; }

    /// <summary>
    /// What of cuDNN this process has from several folders by now, as a sentence without its stop; null where it has not. cuDNN loads
    /// some of its parts at first use, and takes them from wherever the system's loader finds them.
    /// </summary>
    public string? CuDnnMixture() => _set.Mixture();

    /// <summary>The machine that was searched.</summary>
    internal INativeHost Host { get; }

    /// <summary>The first reason why Sequor cannot run on a GPU here; null if it can.</summary>
    public LibraryFailure? Failure => Driver.Failure ?? CuDnn.Failure ?? CuBlas.Failure;

    /// <summary>A text of what was found, and of every path that was tried with the system's reason.</summary>
    public string Report()
    {
        var text = new StringBuilder();
        Describe(text, "CUDA driver", Driver);
        Describe(text, "cuDNN", CuDnn);
        Describe(text, "cuBLAS", CuBlas);
        Describe(text, "cuBLASLt", CuBlasLt);
        Describe(text, "NVRTC", Nvrtc);
        Describe(text, "NVML", Nvml);
        return text.ToString();
    }

    private static void Describe<T>(StringBuilder text, string name, LibraryResult<T> result)
        where T : FunctionTable
    {
        string found = result.Table is { } table
            ? $"{table.Source} {result.Version}".TrimEnd()
            : result.Failure!.Reason;
        text.Append(name).Append(": ").Append(found).Append('\n');
        if (result.Table?.Missing is { Count: > 0 } missing)
            text.Append("  lacks ").AppendJoin(", ", missing).Append('\n');
        foreach (SearchAttempt attempt in result.Attempts)
            text.Append("  ").Append(attempt).Append('\n');
    }

    private static unsafe string? ReadDriverVersion(Nvml nvml)
    {
        string[] needed = ["nvmlSystemGetDriverVersion", "nvmlShutdown"];
        if (needed.Any(nvml.Missing.Contains) || nvml.nvmlInit() != nvmlReturn_t.NVML_SUCCESS)
            return null;
        const uint room = Sequor.Native.Nvml.NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE;
        byte* version = stackalloc byte[(int)room];
        nvmlReturn_t result = nvml.nvmlSystemGetDriverVersion(version, room);
        nvml.nvmlShutdown();
        return result == nvmlReturn_t.NVML_SUCCESS ? Marshal.PtrToStringUTF8((nint)version) : null;
    }
}
