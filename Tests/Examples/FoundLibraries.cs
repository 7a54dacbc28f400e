using Sequor.Native;

namespace Sequor.Tests.Examples;

/// <summary>What Native/README.md shows: what was found, and a call of the driver.</summary>
internal static unsafe class FoundLibraries
{
    public static (CUresult Result, int Count) Run(NativeLibraryOptions? options)
    {
        // Shown
        NativeLibraries found = NativeLibraries.Load(options);
        if (found.Failure is { } failure)
            Console.WriteLine($"{failure.Kind}: {failure.Reason}\n{found.Report()}");
        CudaDriver driver = found.Driver.Require();
        int count;
        CUresult result = driver.cuDeviceGetCount(&count);
        // Shown
        return (result, count);
    }
}
