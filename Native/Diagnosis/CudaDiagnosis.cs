namespace Sequor.Native;

/// <summary>
/// Whether Sequor can compute on a GPU of this machine, with which libraries, and if not, why and what to do.
/// </summary>
public sealed class CudaDiagnosis
{
    private CudaDiagnosis(NativeLibraries libraries)
    {
        var advice = new Advice(libraries);
        Libraries =
        [
            LibraryStatus.Of("CUDA driver", libraries.Driver, advice),
            LibraryStatus.Of("cuDNN", libraries.CuDnn, advice),
            LibraryStatus.Of("cuBLAS", libraries.CuBlas, advice),
            LibraryStatus.Of("NVRTC", libraries.Nvrtc, advice),
            LibraryStatus.Of("NVML", libraries.Nvml, advice),
        ];
        if (libraries.Driver.Table is { } driver)
            Devices =
            [
                .. Enumerable
                    .Range(0, libraries.DeviceCount)
                    .Select(index => DeviceSummary.Read(driver, index)),
            ];
        DriverVersion = libraries.DisplayDriverVersion;
        Settings = CudaSetting.Of(libraries.Host);
        Failure = libraries.Failure ?? DeviceFailure();
    }

    /// <summary>Asks the devices, and says what is missing.</summary>
    /// <param name="libraries">What was found.</param>
    public static CudaDiagnosis Of(NativeLibraries libraries)
    {
        ArgumentNullException.ThrowIfNull(libraries);
        return new CudaDiagnosis(libraries);
    }

    /// <summary>There is a device, and all libraries that Sequor needs for it.</summary>
    public bool Available => Failure is null;

    /// <summary>What is in the way first; null where nothing is.</summary>
    public LibraryFailure? Failure { get; }

    /// <summary>One line without its stop: why not, or with what.</summary>
    public string Reason => Failure?.Reason ?? With();

    /// <summary>Version of the display driver, such as 550.54.15, as NVML tells it; null without NVML.</summary>
    public string? DriverVersion { get; }

    /// <summary>What the environment sets of the vendors' libraries.</summary>
    public IReadOnlyList<CudaSetting> Settings { get; }

    /// <summary>Devices in the driver's order.</summary>
    public IReadOnlyList<DeviceSummary> Devices { get; } = [];

    /// <summary>Every library, in the order in which they are needed.</summary>
    public IReadOnlyList<LibraryStatus> Libraries { get; }

    private LibraryFailure? DeviceFailure() =>
        Devices.Any(d => d.Failure is null)
            ? null
            : new LibraryFailure(
                LibraryKind.CudaDriver,
                FailureKind.DriverFailed,
                $"no CUDA device answers: {string.Join(", ", Devices.Select(d => $"device {d.Index}: {d.Failure}"))}"
            );

    private string With()
    {
        DeviceSummary device = Devices.First(d => d.Failure is null);
        string libraries = string.Join(
            ", ",
            Libraries
                .Where(l => l.Kind is LibraryKind.CuDnn or LibraryKind.CuBlas)
                .Select(l => $"{l.Name} {l.Version}")
        );
        return FormattableString.Invariant(
            $"device {device.Index}, {device.Name}, with {libraries}"
        );
    }
}
