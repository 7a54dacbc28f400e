using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>A GPU with the verdict on it: kept from an earlier time, or found now.</summary>
internal sealed class CheckedDevice
{
    // Of this process, so that a verdict that cannot be kept is found out once.
    private static readonly ConditionalWeakTable<CudaDevice, CheckedDevice> Known = [];

    private CheckedDevice(CudaDevice device, SelfCheckReport? report, string? note)
    {
        (Device, Report, Note) = (device, report, note);
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>The verdict; null where none was asked for.</summary>
    public SelfCheckReport? Report { get; }

    /// <summary>What else users should know: that the verdict could not be kept, or where the report of a failure is.</summary>
    public string? Note { get; }

    /// <summary>Whether it may be used.</summary>
    public bool Passed => Report?.Passed != false;

    /// <summary>One line on the verdict.</summary>
    public string Verdict =>
        (Report?.Verdict ?? "is trusted: no self-check was asked for")
        + (Note is null ? "" : $"; {Note}");

    /// <summary>Looks for the verdict on a device, or finds it out.</summary>
    /// <param name="device">The device.</param>
    /// <param name="mode">When it is checked.</param>
    /// <param name="folder">Where verdicts are kept.</param>
    /// <exception cref="CudaException">The device cannot be opened.</exception>
    /// <exception cref="LibraryException">A library is not there.</exception>
    public static CheckedDevice Of(CudaDevice device, SelfCheckMode mode, CacheFolder folder)
    {
        if (mode == SelfCheckMode.Never)
            return new CheckedDevice(device, null, null);
        lock (Known)
        {
            if (!Known.TryGetValue(device, out CheckedDevice? known))
                Known.Add(device, known = Find(device, mode, new SelfCheckStore(folder)));
            return known;
        }
    }

    private static CheckedDevice Find(CudaDevice device, SelfCheckMode mode, SelfCheckStore store)
    {
        string? note = null;
        if (
            mode == SelfCheckMode.WhenNew
            && store.Find(CudaIdentity.Of(device), out note) is { } kept
        )
            return new CheckedDevice(
                device,
                kept,
                Joined(
                    note,
                    kept.Passed
                        ? null
                        : $"found at an earlier time: delete '{store.Path}' to check again"
                )
            );
        SelfCheckReport report = SelfCheck.Run(device);
        string? refusal = report.LacksMemory ? null : store.Keep(report);
        return new CheckedDevice(
            device,
            report,
            Joined(
                note,
                refusal is null ? null : $"the verdict is not kept: {refusal}",
                report.Passed
                    ? null
                    : $"the report is in {store.Publish(report, Describe(device.Libraries.Native))}"
            )
        );
    }

    private static string? Joined(params string?[] notes) =>
        notes.Any(n => n is not null) ? string.Join("; ", notes.Where(n => n is not null)) : null;

    private static string Describe(NativeLibraries libraries)
    {
        var text = new StringBuilder();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}"
        );
        foreach (LibraryStatus library in CudaDiagnosis.Of(libraries).Libraries)
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{library.Name}: {library.Version ?? "no version"}, {library.Path ?? "not found"}{(library.Failure is { } failure ? $" ({failure.Reason})" : "")}"
            );
        return text.ToString();
    }
}
