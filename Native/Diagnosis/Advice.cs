namespace Sequor.Native;

/// <summary>Says in one or two sentences what to do about a library that cannot be used.</summary>
internal sealed class Advice(NativeLibraries libraries)
{
    // The first drivers for CUDA 12.0 and CUDA 13.0, from CUDA's release notes.
    private const string FirstLinuxDriver = "525.60.13";
    private const string FirstWindowsDriver = "527.41";
    private const string FirstDriverOf13 = "580";

    private readonly INativeHost _host = libraries.Host;

    /// <summary>The advice; null if it is another library's failure that must be fixed.</summary>
    public string? For(LibraryFailure failure, IReadOnlyList<SearchAttempt> attempts)
    {
        bool loaded = failure.Kind is not (FailureKind.NotFound or FailureKind.NotTheLibrary);
        if (!loaded && Given(attempts) is { } given)
            return $"{given} says where it is, so nothing else was tried: correct or remove that";
        return failure.Library switch
        {
            LibraryKind.CudaDriver => ForDriver(failure.Kind),
            LibraryKind.CuDnn => ForCuDnn(failure.Kind),
            LibraryKind.CuBlas when failure.Kind != FailureKind.NotLookedFor =>
                $"{Install(CuBlas(Major))}; one that is elsewhere: SEQUOR_CUBLAS_PATH",
            LibraryKind.CuBlasLt when failure.Kind != FailureKind.NotLookedFor =>
                "it comes with cuBLAS, in the same folder; without it biases are launches of their own",
            LibraryKind.Nvrtc when failure.Kind != FailureKind.NotLookedFor =>
                $"{Install(Nvrtc(Major))}; only cuDNN's run-time engines need it",
            LibraryKind.Nvml => "it comes with NVIDIA's driver; only reports need it",
            _ => null,
        };
    }

    private string OldestDriver => _host.Windows ? FirstWindowsDriver : FirstLinuxDriver;

    /// <summary>The CUDA major version to install for: that of the libraries found, else the newest that the driver supports.</summary>
    private int Major =>
        libraries.CudaMajor > 0 ? libraries.CudaMajor : Supported(libraries.DriverCudaVersion);

    private static int Supported(int driverVersion) =>
        driverVersion / 1000 == LibraryNames.OldestCudaMajor
            ? LibraryNames.OldestCudaMajor
            : LibraryNames.NewestCudaMajor;

    private static string? Given(IReadOnlyList<SearchAttempt> attempts) =>
        attempts.Count == 0 ? null
        : attempts[0].Place.StartsWith("SEQUOR_", StringComparison.Ordinal) ? attempts[0].Place
        : attempts[0].Place == "option" ? "an option"
        : null;

    private string ForDriver(FailureKind kind) =>
        kind switch
        {
            FailureKind.DriverTooOld => $"update NVIDIA's driver to {OldestDriver} or newer",
            FailureKind.NoDevice => ForNoDevice(),
            FailureKind.DriverFailed =>
                "nvidia-smi tells more; after an update of the driver the machine has to be restarted",
            _ => $"on a machine with a GPU install NVIDIA's driver, {OldestDriver} or newer;"
                + $" {Container}; one that is elsewhere: SEQUOR_CUDA_DRIVER_PATH",
        };

    private string ForNoDevice()
    {
        bool linux = !_host.Windows && !_host.FileExists("/dev/dxg"); // not WSL
        if (linux && !_host.FileExists("/proc/driver/nvidia/version"))
            return "NVIDIA's kernel module is not loaded: on a machine with a GPU install its driver";
        if (linux && !_host.FileExists("/dev/nvidia0"))
            return $"the system shows no GPU to this process; {Container}";
        return "nvidia-smi lists the GPUs that the system sees; CUDA_VISIBLE_DEVICES may hide them";
    }

    private const string Container =
        "in a container start it with the GPUs (docker run --gpus all)";

    private string ForCuDnn(FailureKind kind)
    {
        string install = Install($"nvidia-cudnn-cu{Supported(libraries.DriverCudaVersion)}");
        return kind switch
        {
            FailureKind.SublibrariesMixed =>
                "let SEQUOR_CUDNN_PATH name a folder that has all of cuDNN 9, and take others off"
                    + $" {(_host.Windows ? "PATH" : "LD_LIBRARY_PATH")}; a whole one: {install}",
            FailureKind.CudaMajorMismatch =>
                $"{install}, or update NVIDIA's driver to {FirstDriverOf13} or newer",
            FailureKind.UnsupportedVersion =>
                $"{install}; older versions may stay if SEQUOR_CUDNN_PATH names the new one's folder",
            _ => $"{install}; one that is elsewhere: SEQUOR_CUDNN_PATH",
        };
    }

    private static string Install(string package) => $"pip install {package}";

    // From CUDA 13 on, the package names contain no major version.
    private static string CuBlas(int major) =>
        major < 13 ? $"nvidia-cublas-cu{major}" : $"nvidia-cublas~={major}.0";

    private static string Nvrtc(int major) =>
        major < 13 ? $"nvidia-cuda-nvrtc-cu{major}" : $"nvidia-cuda-nvrtc~={major}.0";
}
