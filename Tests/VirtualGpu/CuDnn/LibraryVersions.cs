namespace Sequor.VirtualGpu;

/// <summary>The releases that the virtual libraries pass for; of the driver's major version.</summary>
internal static class LibraryVersions
{
    /// <summary>The CUDA runtime, major * 1000 + minor * 10.</summary>
    public static int Cudart =>
        VirtualDevice.Running is { Options.DriverVersion: >= 13000 } ? 13000 : 12060;

    /// <summary>cuBLAS: major, minor, patch.</summary>
    public static (int Major, int Minor, int Patch) CuBlas =>
        (Cudart / 1000, Cudart % 1000 / 10, 4);
}
