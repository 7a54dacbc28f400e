using System.Diagnostics;
using Sequor.Interop;

namespace Sequor.FirstContact;

/// <summary>The GPU's clocks, and work until they have risen.</summary>
internal static class Clocks
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
        using NvmlDevice? device = NvmlDevice.Open(libraries.Device(), out _);
        NvmlState now = device?.Read() ?? default;
        var figures = new List<Figure>();
        if (now.SmClock is { } multiprocessors)
            figures.Add(new($"{when} multiprocessors", multiprocessors, "MHz"));
        if (now.MemoryClock is { } memory)
            figures.Add(new($"{when} memory", memory, "MHz"));
        return [.. figures];
    }
}
