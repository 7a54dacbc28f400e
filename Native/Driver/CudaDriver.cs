namespace Sequor.Native;

/// <summary>The CUDA driver (cuda.h) as of CUDA 12.0; newer drivers offer the same functions.</summary>
/// <param name="library">The driver library.</param>
public sealed unsafe partial class CudaDriver(INativeSymbols library)
    : FunctionTable(new DriverEntries(library), Functions)
{
    /// <summary>The CUDA version whose signatures the entries have, as major * 1000 + minor * 10.</summary>
    public const int EntryVersion = 12000;
}
