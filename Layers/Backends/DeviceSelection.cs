using Sequor.Interop;
using Sequor.Layers.Cpu;
using Sequor.Layers.Cuda;

namespace Sequor.Layers;

/// <summary>Which backend a <see cref="Device"/> becomes on this machine, and why.</summary>
internal static class DeviceSelection
{
    /// <summary>The backend of a device.</summary>
    /// <exception cref="DeviceUnavailableException">The GPU asked for is not there; the message says why.</exception>
    public static Backend Take(Device device, CpuOptions? cpu, CudaOptions? cuda)
    {
        if (device.IsCpu)
            return new CpuBackend(cpu ?? new CpuOptions(), "asked for");
        SelfCheckMode mode = (cuda ?? new CudaOptions()).SelfCheck;
        if (!Enum.IsDefined(mode))
            throw new ArgumentOutOfRangeException(
                nameof(cuda),
                mode,
                $"The self-check must be one of {string.Join(", ", Enum.GetNames<SelfCheckMode>())}."
            );
        return device.IsCuda
            ? Named(device.Index, cuda, mode)
            : Best(cuda, mode, out string reason)
                ?? (Backend)new CpuBackend(cpu ?? new CpuOptions(), reason);
    }

    // Whoever names a GPU gets it, and is told where it fails its check.
    private static CudaBackend Named(int index, CudaOptions? options, SelfCheckMode mode)
    {
        CheckedDevice found = CudaBackend.WhereAvailable(
            index,
            () => CheckedDevice.Of(CudaLibraries.Shared.Device(index), mode, CacheFolder.Find())
        );
        CudaBackend backend = CudaBackend.Create(index, options);
        backend.Explain(
            found.Report is null ? "asked for" : $"asked for; {found.Verdict}",
            found.Passed ? null : $"the GPU {found.Device.Name} {found.Verdict}"
        );
        return backend;
    }

    // The first GPU, where it passes its check; null, and why the CPU is taken, where it does not.
    private static CudaBackend? Best(CudaOptions? options, SelfCheckMode mode, out string reason)
    {
        CudaLibraries libraries = CudaLibraries.Shared;
        if (libraries.Failure is { } failure)
        {
            reason = $"no GPU can be used: {failure.Reason}";
            return null;
        }
        try
        {
            CheckedDevice found = CudaBackend.WhereAvailable(
                0,
                () => CheckedDevice.Of(libraries.Device(), mode, CacheFolder.Find())
            );
            reason = $"the GPU {found.Device.Name} {found.Verdict}";
            if (!found.Passed)
                return null;
            CudaBackend backend = CudaBackend.Create(0, options);
            backend.Explain(reason, null);
            return backend;
        }
        catch (Exception e) when (e is DeviceUnavailableException or DeviceMemoryException)
        {
            reason = $"no GPU can be used: {e.Message.Split('\n')[0]}";
            return null;
        }
    }
}
