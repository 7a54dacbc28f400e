using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A cuBLAS call failed.</summary>
public sealed class CublasException : Exception
{
    internal CublasException(cublasStatus_t status, string call, string message)
        : base(message)
    {
        Status = status;
        Call = call;
    }

    /// <summary>The status that cuBLAS returned.</summary>
    public cublasStatus_t Status { get; }

    /// <summary>The status by its name in the header, such as CUBLAS_STATUS_INVALID_VALUE.</summary>
    public string StatusName => Status.ToString();

    /// <summary>The name of the cuBLAS function.</summary>
    public string Call { get; }
}
