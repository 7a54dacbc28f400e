using System.Globalization;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.VirtualGpu.Ptx;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Support;

/// <summary>
/// The GPU that the tests of the CUDA backend run on: the machine's, if it has one that can be used, else the virtual one. With
/// SEQUOR_REQUIRE_GPU=1 the virtual one is not enough.
/// </summary>
internal static class TestGpu
{
    public const string RequireVariable = "SEQUOR_REQUIRE_GPU";

    private static readonly Lazy<CudaLibraries?> Found = new(Find);

    public static bool IsRequired =>
        Environment.GetEnvironmentVariable(RequireVariable) is "1" or "true";

    /// <summary>The machine's libraries; null if the virtual GPU stands in for them.</summary>
    public static CudaLibraries? Real => Found.Value;

    /// <summary>The GPU's name in reports.</summary>
    public static string Name => Real is null ? "virtual GPU" : Real.Device().Name;

    /// <summary>Starts a device for a test.</summary>
    /// <param name="isVirtual">Whether it must be the virtual one, even if there is a real one.</param>
    /// <param name="capability">The virtual one's compute capability; null for its own.</param>
    public static (CudaLibraries Libraries, VirtualDevice? Virtual) Start(
        bool isVirtual,
        int? capability = null
    )
    {
        if (!isVirtual && Real is { } real)
            return (real, null);
        var options = new VirtualOptions
        {
            Seed = TestContext.CurrentContext.Random.Next(),
            Kernels = new PtxEngine(),
        };
        var device = VirtualDevice.Start(
            capability is { } wanted ? options with { ComputeCapability = wanted } : options
        );
        return (
            CudaLibraries.Load(new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }),
            device
        );
    }

    private static CudaLibraries? Find()
    {
        CudaLibraries libraries = CudaLibraries.Load();
        string? reason = libraries.Failure?.ToString();
        if (reason is null && libraries.Devices.Count > 0)
            return libraries;
        return IsRequired
            ? throw new InvalidOperationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{RequireVariable} is set, and there is no GPU to use: {reason ?? "no CUDA device"}"
                )
            )
            : null;
    }
}
