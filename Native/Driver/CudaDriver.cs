namespace Sequor.Native;

/// <summary>The CUDA driver (cuda.h), as it was in CUDA 12.0: newer drivers give the same functions.</summary>
/// <param name="library">The driver library.</param>
public sealed unsafe partial class CudaDriver(INativeSymbols library)
    : FunctionTable(new DriverEntries(library), Functions)
{
    /// <summary>The CUDA version, major * 1000 + minor * 10, whose signatures the entries have.</summary>
    public const int EntryVersion = 12000;
}
