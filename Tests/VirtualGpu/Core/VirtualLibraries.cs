using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual libraries; each is a table of symbols that does not change.</summary>
internal static class VirtualLibraries
{
    /// <summary>What each library exports.</summary>
    public static IReadOnlyList<NativeExport> Exports(LibraryKind kind) =>
        kind switch
        {
            LibraryKind.CudaDriver => DriverLibrary.Exports,
            LibraryKind.CuDnn => CuDnnLibrary.Exports,
            LibraryKind.CuBlas => CuBlasLibrary.Exports,
            LibraryKind.CuBlasLt => CuBlasLtLibrary.Exports,
            LibraryKind.Nvml => NvmlLibrary.Exports,
            _ => [],
        };
}
