using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sequor.Workloads;

/// <summary>What the calling thread took between starts and stops: by the clock, and of a processor where the system tells it.</summary>
internal unsafe partial struct HostClock
{
    // CLOCK_THREAD_CPUTIME_ID of Linux and of macOS.
    private const int OfThread = 3;
    private const int OfThreadOnMac = 16;

    private long _wall;
    private long _wallBegan;
    private long? _processor;
    private long? _processorBegan;

    /// <summary>What was taken so far.</summary>
    public readonly HostTime Taken =>
        new(Stopwatch.GetElapsedTime(0, _wall).TotalMilliseconds, _processor / 1e6);

    /// <summary>Takes the time from here on.</summary>
    public void Start()
    {
        _processorBegan = ThreadNanoseconds();
        _wallBegan = Stopwatch.GetTimestamp();
    }

    /// <summary>Takes the time until here.</summary>
    public void Stop()
    {
        _wall += Stopwatch.GetTimestamp() - _wallBegan;
        if (ThreadNanoseconds() - _processorBegan is { } taken)
            _processor = (_processor ?? 0) + taken;
    }

    /// <summary>The processor time of the calling thread; null where the system does not tell it to less than a microsecond.</summary>
    private static long? ThreadNanoseconds()
    {
        // Windows counts a thread's time in ticks of its scheduler, and structures of 32-bit systems differ.
        if (
            !Environment.Is64BitProcess || !(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        )
            return null;
        TimeSpec time;
        int clock = OperatingSystem.IsMacOS() ? OfThreadOnMac : OfThread;
        return clock_gettime(clock, &time) == 0
            ? time.Seconds * 1_000_000_000 + time.Nanoseconds
            : null;
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int clock_gettime(int clock, TimeSpec* time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}

/// <summary>Milliseconds that the host's thread took for something.</summary>
/// <param name="Wall">By the clock.</param>
/// <param name="Processor">Of a processor; null where the system does not tell it (Windows).</param>
public readonly record struct HostTime(double Wall, double? Processor);
