using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Ends a call into the virtual cuBLAS with a status.</summary>
internal sealed class CuBlasRefusal(cublasStatus_t status, string why) : Exception(why)
{
    public cublasStatus_t Status => status;
}

/// <summary>A cuBLAS handle: for the context that was current when it was made.</summary>
internal sealed class CuBlasHandle(VirtualContext context) : IContextObject
{
    public const string Kind = "cuBLAS handle";

    public VirtualContext Context => context;
    public nint Stream { get; set; }
    public cublasMath_t Math { get; set; }
    public cublasPointerMode_t PointerMode { get; set; }

    /// <summary>The caller's scratch; 0 for the handle's own.</summary>
    public nint Workspace { get; set; }
    public long WorkspaceBytes { get; set; }

    /// <summary>Whether a product has run, which loads the kernels.</summary>
    public bool Loaded { get; set; }
}

/// <summary>What every call into the virtual cuBLAS goes through.</summary>
internal static class CuBlasCall
{
    /// <summary>Runs a call.</summary>
    public static cublasStatus_t Run(string name, Action<VirtualDevice> body) =>
        VirtualCall.Run(
            name,
            cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED,
            cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
            device =>
            {
                try
                {
                    body(device);
                    return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
                }
                catch (CuBlasRefusal e)
                {
                    return e.Status;
                }
            }
        );

    /// <summary>The handle's object.</summary>
    /// <exception cref="CuBlasRefusal">There is none.</exception>
    public static CuBlasHandle Find(VirtualDevice device, cublasHandle_t handle, string call) =>
        device.Table<CuBlasHandle>(CuBlasHandle.Kind).Find(handle.Value, call, "handle")
        ?? throw new CuBlasRefusal(
            cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED,
            "this is no handle"
        );

    /// <summary>Refuses what does not hold.</summary>
    /// <exception cref="CuBlasRefusal">It does not hold.</exception>
    public static void Unless(bool holds, string why)
    {
        if (!holds)
            throw new CuBlasRefusal(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, why);
    }
}
