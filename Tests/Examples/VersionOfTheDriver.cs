using Sequor.Native;

namespace Sequor.Tests.Examples;

/// <summary>What Native/PACKAGE.md shows: whether a GPU can be used, and a call of the driver.</summary>
internal static class VersionOfTheDriver
{
    public static void Run(NativeLibraryOptions? options)
    {
        // Shown
        NativeLibraries found = NativeLibraries.Load(options);
        Console.WriteLine(
            found.Failure is { } failure ? $"{failure.Kind}: {failure.Reason}" : "ready"
        );
        if (found.Driver.Table is { } driver)
        {
            unsafe
            {
                int version;
                CUresult result = driver.cuDriverGetVersion(&version);
                Console.WriteLine($"{result}: CUDA {version / 1000}.{version % 1000 / 10}");
            }
        }
        // Shown
    }
}
