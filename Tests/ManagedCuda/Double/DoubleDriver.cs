using Sequor.Native;

namespace ManagedCuda;

/// <summary>The driver that the double calls, where ManagedCuda would call the process's own.</summary>
public static class DoubleDriver
{
    private static CudaDriver? s_driver;

    /// <summary>What a test gives.</summary>
    public static CudaDriver Driver
    {
        get => s_driver ?? throw new InvalidOperationException("The double has no driver.");
        set => s_driver = value;
    }

    internal static void Check(CUresult result)
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw new CudaException(result.ToString());
    }
}

/// <summary>A call failed.</summary>
public class CudaException : Exception
{
    public CudaException(string message)
        : base(message) { }
}
