namespace Sequor.Native;

/// <summary>
/// Says whether Sequor can compute on a GPU of this machine and with which libraries; and if it cannot, why not and what to do.
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
            LibraryStatus.Of("cuBLASLt", libraries.CuBlasLt, advice),
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

    /// <summary>Asks the devices, and finds out what is missing.</summary>
    /// <param name="libraries">The libraries that were found.</param>
    public static CudaDiagnosis Of(NativeLibraries libraries)
    {
        ArgumentNullException.ThrowIfNull(libraries);
        return new CudaDiagnosis(libraries);
    }

    /// <summary>Whether there is a device, and all libraries that Sequor needs for it.</summary>
    public bool Available => Failure is null;

    /// <summary>The first reason why no GPU can be used; null if there is none.</summary>
    public LibraryFailure? Failure { get; }

    /// <summary>One line without a full stop: why no GPU can be used, or with what it can.</summary>
    public string Reason => Failure?.Reason ?? With();

    /// <summary>The version of the display driver, such as 550.54.15, from NVML; null without NVML.</summary>
    public string? DriverVersion { get; }

    /// <summary>What the environment sets of the vendors' libraries.</summary>
    public IReadOnlyList<CudaSetting> Settings { get; }

    /// <summary>The devices in the driver's order.</summary>
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
