using System.Globalization;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>How a doctor's report looks to people.</summary>
internal static class DoctorView
{
    public static void Show(Screen screen, DoctorReport report)
    {
        Machine m = report.Machine;
        Throughput speed = report.MatrixProduct;
        Line("sequor", $"{Machine.VersionAndCommit}");
        Line("runtime", $"{m.DescribeRuntime()}, {m.Architecture}");
        Line("system", $"{m.Os}");
        Line("processor", $"{m.Cpu}");
        Line("cores", $"{m.Cores}");
        Line("vectors", $"{m.VectorBits} bits, {m.Instructions}");
        Line("memory", $"{Gibibytes(m.MemoryBytes)}");
        Line(
            "cpu",
            $"available; matrix product {speed.OneThread:0} GFLOP/s on one thread, {speed.AllThreads:0} on {speed.Threads}"
        );
        string cuda = report.Cuda.Available ? "available" : "not available";
        Line("cuda", $"{cuda}: {report.Cuda.Reason}");
        if (report.Cuda.Driver is { } driver)
            Line(
                "driver",
                $"{driver.Version ?? "of unknown version"}, CUDA {driver.Cuda ?? "unknown"}"
            );
        foreach (DeviceReport device in report.Cuda.Devices)
        {
            Line(
                string.Create(CultureInfo.InvariantCulture, $"cuda:{device.Index}"),
                Describe(device)
            );
            if (device.State is { } state)
                Line("  now", $"{GpuConditionsView.Describe(state)}");
        }
        foreach (CudaSetting setting in report.Cuda.Settings)
            Line("set", $"{setting.Name}={setting.Value}: {setting.Effect}");
        if (report.Profiler is { } profiler)
            Line(
                "profiler",
                profiler.Reason is { } reason
                    ? (FormattableString)$"does not listen: {reason}"
                    : $"listens: {profiler.Library}"
            );
        Line("uses", $"{report.Use.Device}: {report.Use.Description} ({report.Use.Reason})");
        screen.Line();
        screen.Title("Libraries");
        foreach (LibraryReport library in report.Libraries)
            Show(screen, library);

        void Line(string name, FormattableString text) =>
            screen.Line($"{name, -10} {text.ToString(CultureInfo.InvariantCulture)}");
    }

    private static void Show(Screen screen, LibraryReport library)
    {
        string found = library.Found
            ? string.Join(", ", new[] { library.Version, library.Path }.Where(t => t is not null))
                + (library.Place is { } place ? $" ({place})" : "")
            : $"not usable: {library.Reason}";
        screen.Line($"{library.Name, -12} {found}");
        if (library is { Found: true, Reason: { } reason })
            screen.Line($"  but {reason}");
        if (library.Advice is { } advice)
            screen.Line($"  to do: {advice}");
        foreach (TriedPath tried in library.Tried)
            screen.Line($"  tried {tried.Path} ({tried.Place}): {tried.Reason}");
    }

    private static FormattableString Describe(DeviceReport device) =>
        device.Failure is { } failure
            ? (FormattableString)$"does not answer: {failure}"
            : $"{device.Name}, compute capability {device.ComputeCapability}, {Gibibytes(device.MemoryBytes ?? 0)}, {device.Multiprocessors} multiprocessors, {device.PciBusId ?? "no PCI address"}";

    private static string Gibibytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB");
}
