using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A descriptor: a description of data or of an operation that cuDNN keeps. Several threads may use one at the same time, but none
/// while it is being set.
/// </summary>
public abstract class CuDnnDescriptor : CudaObject
{
    private protected CuDnnDescriptor(CudaContext context, params ReadOnlySpan<CudaObject> held)
        : base([context, .. held])
    {
        Context = context;
        // Asked for here, so that a release needs to look for nothing.
        Library = context.Libraries.CuDnn;
    }

    /// <summary>The context whose cuDNN it is for.</summary>
    public CudaContext Context { get; }

    private protected CuDnn Library { get; }

    private protected sealed override CudaContext Home => Context;

    /// <summary>Raises an error if a call failed.</summary>
    /// <param name="status">What it returned.</param>
    /// <param name="call">Its name.</param>
    /// <param name="about">What it was about; made a text where there is an error only.</param>
    private protected void Check(cudnnStatus_t status, string call, object? about = null)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(Context, status, call, about?.ToString() ?? "");
    }

    private protected void Park(cudnnStatus_t status, string call) =>
        CuDnnStatus.Park(Context, status, call);
}
