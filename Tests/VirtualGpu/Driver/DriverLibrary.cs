namespace Sequor.VirtualGpu;

/// <summary>The virtual CUDA driver.</summary>
internal static class DriverLibrary
{
    public static IReadOnlyList<NativeExport> Exports { get; } = NativeExport.Of();
}
