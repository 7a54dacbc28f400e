using System.Text;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Makes exceptions of cuDNN's statuses.</summary>
internal static unsafe class CuDnnStatus
{
    private const int TextBytes = 1024;

    public static void Check(CudaContext context, cudnnStatus_t status, string call)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw Error(context, status, call);
    }

    /// <summary>Makes the exception for a failed call of this thread, and notes it as the cause if a capture is in progress.</summary>
    public static CudnnException Error(
        CudaContext context,
        cudnnStatus_t status,
        string call,
        string detail = ""
    )
    {
        CudnnException error = Made(
            context.Libraries.CuDnn,
            status,
            call,
            detail,
            context.LossBehind(call)
        );
        context.Spoilt(error);
        return error;
    }

    /// <summary>Keeps the error of a release for the context's next call.</summary>
    public static void Park(CudaContext context, cudnnStatus_t status, string call)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            context.Park(Error(context, status, call, "in an earlier release"));
    }

    /// <summary>cuDNN's own words about the calling thread's last error.</summary>
    public static string LastError(CuDnn library)
    {
        if (library.Missing.Contains(nameof(library.cudnnGetLastErrorString)))
            return "";
        byte* text = stackalloc byte[TextBytes];
        text[0] = 0;
        library.cudnnGetLastErrorString(text, TextBytes);
        int length = new ReadOnlySpan<byte>(text, TextBytes).IndexOf((byte)0);
        return Encoding.UTF8.GetString(text, length < 0 ? TextBytes : length).Trim();
    }

    /// <summary>Makes only the exception, where a refusal is an expected answer.</summary>
    public static CudnnException Made(
        CuDnn library,
        cudnnStatus_t status,
        string call,
        string detail,
        string lost = ""
    )
    {
        string said = LastError(library);
        string where = detail.Length == 0 ? "" : $" ({detail})";
        return new CudnnException(
            status,
            call,
            said,
            (
                said.Length == 0
                    ? $"{call} gave {status}{where}."
                    : $"{call} gave {status}{where}; cuDNN says: {said}"
            ) + lost
        );
    }
}
