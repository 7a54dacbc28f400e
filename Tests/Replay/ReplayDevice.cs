using Sequor.Interop;
using Sequor.Native;
using Sequor.VirtualGpu.Ptx;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Replay;

/// <summary>The GPU that launches are repeated on: the machine's, or the virtual one where there is none.</summary>
internal sealed class ReplayDevice : IDisposable
{
    /// <summary>With 1 or true the virtual GPU does not count.</summary>
    public const string RequireVariable = "SEQUOR_REQUIRE_GPU";

    private readonly VirtualDevice? _virtual;

    private ReplayDevice(CudaLibraries libraries, VirtualDevice? device)
    {
        Libraries = libraries;
        _virtual = device;
    }

    public CudaLibraries Libraries { get; }

    /// <summary>What reports call it.</summary>
    public string Name => _virtual is null ? Libraries.Device().Name : "virtual GPU";

    /// <summary>Finds it.</summary>
    /// <param name="virtualOnly">The virtual one, also where there is a real one.</param>
    /// <exception cref="InvalidOperationException">There is none, and the virtual one does not count.</exception>
    public static ReplayDevice Find(bool virtualOnly)
    {
        if (!virtualOnly)
        {
            CudaLibraries libraries = CudaLibraries.Load();
            string? reason = libraries.Native.Driver.Failure?.ToString();
            if (reason is null && libraries.Devices.Count > 0)
                return new(libraries, null);
            if (Environment.GetEnvironmentVariable(RequireVariable) is "1" or "true")
                throw new InvalidOperationException(
                    $"there is no GPU to replay on: {reason ?? "the driver has no device"}"
                );
        }
        var device = VirtualDevice.Start(
            new VirtualOptions
            {
                Kernels = KernelFault.FromEnvironment() is { } fault
                    ? new FaultyEngine(new PtxEngine(), fault)
                    : new PtxEngine(),
            }
        );
        return new(
            CudaLibraries.Load(new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }),
            device
        );
    }

    public void Dispose() => _virtual?.Dispose();
}
