using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// Where a profiler that waits for it begins and ends to record.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuProfilerStart")]
    [Since(4000)]
    private static CUresult cuProfilerStart() =>
        InContext(
            nameof(cuProfilerStart),
            (device, _) =>
            {
                device.Counts.Profile(true);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuProfilerStop")]
    [Since(4000)]
    private static CUresult cuProfilerStop() =>
        InContext(
            nameof(cuProfilerStop),
            (device, _) =>
            {
                device.Counts.Profile(false);
                return Success;
            }
        );
}
