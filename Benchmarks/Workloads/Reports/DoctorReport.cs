using System.Text.Json.Serialization;
using Sequor.Layers;
using Sequor.Native;

namespace Sequor.Workloads;

/// <summary>What this machine has, as a file: schema sequor.doctor/1.</summary>
public sealed record DoctorReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.doctor/1";

    /// <summary>This machine.</summary>
    public required Machine Machine { get; init; }

    /// <summary>What Sequor takes where no device is asked for.</summary>
    public required ChosenDevice Use { get; init; }

    /// <summary>Whether there is a GPU to compute on.</summary>
    public required CudaReport Cuda { get; init; }

    /// <summary>Native libraries, found or not.</summary>
    public required IReadOnlyList<LibraryReport> Libraries { get; init; }

    /// <summary>The profiler that was to listen to this process; only where one was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProfilerReport? Profiler { get; init; }

    /// <summary>Matrix products on one thread and on all.</summary>
    public required Throughput MatrixProduct { get; init; }

    /// <summary>Puts together what was found.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="use">The backend that "auto" gives.</param>
    /// <param name="cuda">GPUs and libraries.</param>
    /// <param name="matrixProduct">Speed of the CPU backend.</param>
    /// <param name="state">The state of the GPU of a PCI address; null where it is not asked for.</param>
    public static DoctorReport Of(
        Machine machine,
        BackendInfo use,
        CudaDiagnosis cuda,
        Throughput matrixProduct,
        Func<string, GpuStateReport>? state = null
    )
    {
        ArgumentNullException.ThrowIfNull(use);
        ArgumentNullException.ThrowIfNull(cuda);
        return new DoctorReport
        {
            Machine = machine,
            Use = new ChosenDevice(use.Device, use.Description, use.Reason),
            Cuda = CudaReport.Of(cuda, state),
            Libraries = [.. cuda.Libraries.Select(LibraryReport.Of)],
            Profiler = ProfilerReport.Read(),
            MatrixProduct = matrixProduct,
        };
    }
}

/// <summary>The device that Sequor computes on.</summary>
/// <param name="Device">Its name, as --device takes it.</param>
/// <param name="Description">One line.</param>
/// <param name="Reason">Why this one.</param>
public sealed record ChosenDevice(string Device, string Description, string Reason);

/// <summary>The GPUs.</summary>
/// <param name="Available">There is a device, and all libraries that Sequor needs for it.</param>
/// <param name="Reason">Why not, or with what.</param>
/// <param name="Driver">The driver; null where no driver library was loaded.</param>
/// <param name="Devices">In the driver's order.</param>
public sealed record CudaReport(
    bool Available,
    string Reason,
    DriverReport? Driver,
    IReadOnlyList<DeviceReport> Devices
)
{
    /// <summary>Variables of the environment that are set and change what the vendors' libraries do.</summary>
    public IReadOnlyList<CudaSetting> Settings { get; init; } = [];

    internal static CudaReport Of(CudaDiagnosis cuda, Func<string, GpuStateReport>? state)
    {
        LibraryStatus library = cuda.Libraries.Single(l => l.Kind == LibraryKind.CudaDriver);
        DriverReport? driver = library.Path is null
            ? null
            : new DriverReport(cuda.DriverVersion, library.Version, library.Path);
        return new CudaReport(
            cuda.Available,
            cuda.Reason,
            driver,
            [.. cuda.Devices.Select(device => DeviceReport.Of(device, cuda.DriverVersion, state))]
        )
        {
            Settings = cuda.Settings,
        };
    }
}

/// <summary>The CUDA driver.</summary>
/// <param name="Version">Of the display driver, such as 550.54.15, as NVML tells it; else null.</param>
/// <param name="Cuda">The newest CUDA that it supports; null where it does not say.</param>
/// <param name="Path">Its library.</param>
public sealed record DriverReport(string? Version, string? Cuda, string Path);

/// <summary>A GPU. Null is what it did not tell.</summary>
/// <param name="Index">N of cuda:N.</param>
/// <param name="Name">Its name.</param>
/// <param name="ComputeCapability">Such as 8.6.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="Multiprocessors">How many.</param>
/// <param name="PciBusId">Its PCI address.</param>
/// <param name="Driver">Version of the display driver.</param>
/// <param name="Failure">The call that failed; null where it can be used.</param>
public sealed record DeviceReport(
    int Index,
    string? Name,
    string? ComputeCapability,
    long? MemoryBytes,
    int? Multiprocessors,
    string? PciBusId,
    string? Driver,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Failure
)
{
    /// <summary>Its state now; only where NVML was asked for it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuStateReport? State { get; init; }

    internal static DeviceReport Of(
        DeviceSummary device,
        string? driver,
        Func<string, GpuStateReport>? state
    ) =>
        device.Failure is null
            ? new DeviceReport(
                device.Index,
                device.Name,
                device.ComputeCapability,
                device.MemoryBytes,
                device.Multiprocessors,
                device.PciBusId.Length > 0 ? device.PciBusId : null,
                driver,
                null
            )
            {
                State = device.PciBusId.Length > 0 ? state?.Invoke(device.PciBusId) : null,
            }
            : new DeviceReport(device.Index, null, null, null, null, null, driver, device.Failure);
}

/// <summary>A native library.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Found">One of a version that Sequor can use was found.</param>
/// <param name="Path">The file that was loaded, also where it was refused; null where none was.</param>
/// <param name="Version">Its version; null where it is not known.</param>
/// <param name="Place">Where it was found, such as the system's loader.</param>
/// <param name="Reason">Why it cannot be used; null where it can.</param>
/// <param name="Advice">What to do about that.</param>
/// <param name="Tried">Every path that was tried, in order.</param>
public sealed record LibraryReport(
    string Name,
    bool Found,
    string? Path,
    string? Version,
    string? Place,
    string? Reason,
    string? Advice,
    IReadOnlyList<TriedPath> Tried
)
{
    internal static LibraryReport Of(LibraryStatus library) =>
        new(
            library.Name,
            library.Found,
            library.Path,
            library.Version,
            library.Place,
            library.Failure?.Reason,
            library.Advice,
            [
                .. library.Attempts.Select(a => new TriedPath(
                    a.Place,
                    a.Path,
                    a.Loaded ? "loaded" : a.Reason
                )),
            ]
        );
}

/// <summary>The profiler that listens to this process by NVTX, or was to.</summary>
/// <param name="Library">Its library, as far as it is known.</param>
/// <param name="Reason">Why it does not listen; null where it does.</param>
public sealed record ProfilerReport(
    string? Library,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason
)
{
    /// <summary>That of this process; null where the environment names none.</summary>
    public static ProfilerReport? Read() =>
        NvtxInjection.Shared is { } tool ? new ProfilerReport(tool.Name, null)
        : NvtxInjection.Failure is { } why ? new ProfilerReport(null, why)
        : null;
}

/// <summary>A place that a library was looked for in.</summary>
/// <param name="Place">What led there: an environment variable, the system's loader ...</param>
/// <param name="Path">The path, or the name that the loader was asked for.</param>
/// <param name="Reason">The system's reason, or loaded.</param>
public sealed record TriedPath(string Place, string Path, string Reason);

/// <summary>Speed of the CPU backend's matrix product, in 10^9 multiplications and additions a second.</summary>
/// <param name="OneThread">On one thread.</param>
/// <param name="AllThreads">On all cores.</param>
/// <param name="Threads">How many they are.</param>
public sealed record Throughput(
    [property: JsonPropertyName("one_thread_gflops")] double OneThread,
    [property: JsonPropertyName("all_threads_gflops")] double AllThreads,
    int Threads
);
