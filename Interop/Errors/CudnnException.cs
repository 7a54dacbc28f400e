using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A cuDNN call failed.</summary>
public sealed class CudnnException : Exception
{
    internal CudnnException(cudnnStatus_t status, string call, string detail, string message)
        : base(message)
    {
        Status = status;
        Call = call;
        Detail = detail;
    }

    /// <summary>The status that cuDNN returned.</summary>
    public cudnnStatus_t Status { get; }

    /// <summary>The status by its name in the header, such as CUDNN_STATUS_BAD_PARAM.</summary>
    public string StatusName => Status.ToString();

    /// <summary>The name of the cuDNN function.</summary>
    public string Call { get; }

    /// <summary>cuDNN's own words (cudnnGetLastErrorString); may be empty.</summary>
    public string Detail { get; }

    /// <summary>Whether the arguments are valid but no implementation supports them (statuses 3000 to 3999).</summary>
    public bool IsNotSupported => (int)Status / 1000 == 3;
}
