using System.Diagnostics;
using System.Text;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.FirstContact;

/// <summary>The GPU's clocks, and work until they have risen.</summary>
internal static unsafe class Clocks
{
    private static readonly TimeSpan Warm = TimeSpan.FromSeconds(0.6);

    /// <summary>Repeats work for more than half a second, since a GPU that did nothing is slow at first.</summary>
    public static void WarmUp(Action work, bool isVirtual)
    {
        var watch = Stopwatch.StartNew();
        do work();
        while (!isVirtual && watch.Elapsed < Warm);
    }

    /// <summary>The clocks of multiprocessors and memory now; none where NVML is not there or does not say.</summary>
    /// <param name="when">What the figures' names begin with.</param>
    public static Figure[] Read(CudaLibraries libraries, string when)
    {
        if (libraries.Native.Nvml.Table is not { } nvml)
            return [];
        if (nvml.nvmlInit() != nvmlReturn_t.NVML_SUCCESS)
            return [];
        try
        {
            nvmlDevice_t device;
            fixed (byte* bus = Encoding.ASCII.GetBytes(libraries.Device().PciBusId + '\0'))
            {
                if (nvml.nvmlDeviceGetHandleByPciBusId(bus, &device) != nvmlReturn_t.NVML_SUCCESS)
                    return [];
            }
            var figures = new List<Figure>();
            foreach (
                (nvmlClockType_t type, string name) in new[]
                {
                    (nvmlClockType_t.NVML_CLOCK_SM, "multiprocessors"),
                    (nvmlClockType_t.NVML_CLOCK_MEM, "memory"),
                }
            )
            {
                uint clock;
                if (nvml.nvmlDeviceGetClockInfo(device, type, &clock) == nvmlReturn_t.NVML_SUCCESS)
                    figures.Add(new($"{when} {name}", clock, "MHz"));
            }
            return [.. figures];
        }
        finally
        {
            nvml.nvmlShutdown();
        }
    }
}
