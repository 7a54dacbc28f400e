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

    /// <summary>Calls that the virtual driver refuses, for tests.</summary>
    public const string RefuseVariable = "SEQUOR_VIRTUAL_REFUSE";

    private readonly VirtualDevice? _virtual;

    private ReplayDevice(CudaLibraries libraries, VirtualDevice? device)
    {
        Libraries = libraries;
        _virtual = device;
    }

    public CudaLibraries Libraries { get; }

    public bool IsVirtual => _virtual is not null;

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
            string? reason = libraries.Native.Driver.Failure?.Reason;
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
                RefuseCall = Refusals(),
            }
        );
        return new(
            CudaLibraries.Load(new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }),
            device
        );
    }

    /// <summary>Calls that the virtual driver is to refuse, as in <c>cuMemAlloc=2</c>.</summary>
    private static Dictionary<string, int> Refusals() =>
        (Environment.GetEnvironmentVariable(RefuseVariable) ?? "")
            .Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(text => text.Split('='))
            .ToDictionary(
                parts => parts[0],
                parts =>
                    parts.Length == 2 && int.TryParse(parts[1], out int status)
                        ? status
                        : throw new UsageException($"{RefuseVariable} takes CALL=STATUS,...")
            );

    public void Dispose() => _virtual?.Dispose();
}
