using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A description of data or of an operation that cuDNN keeps. Several threads may use one at the same time, but not while it is being set.
/// </summary>
public abstract class CuDnnDescriptor : CudaObject
{
    private protected CuDnnDescriptor(CudaContext context, params ReadOnlySpan<CudaObject> held)
        : base([context, .. held])
    {
        Context = context;
        // The library is looked up here, so that a release needs no lookup.
        Library = context.Libraries.CuDnn;
    }

    /// <summary>The context whose cuDNN it is for.</summary>
    public CudaContext Context { get; }

    private protected CuDnn Library { get; }

    private protected sealed override CudaContext Home => Context;

    /// <summary>Throws if a call failed.</summary>
    /// <param name="status">The status that the call returned.</param>
    /// <param name="call">The function's name.</param>
    /// <param name="about">What the call was about; it is turned into text only if there is an error.</param>
    private protected void Check(cudnnStatus_t status, string call, object? about = null)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(Context, status, call, about?.ToString() ?? "");
    }

    private protected void Park(cudnnStatus_t status, string call) =>
        CuDnnStatus.Park(Context, status, call);
}
