using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.Interop;

// Makes the exceptions for failed calls in the context, with their messages.
public sealed unsafe partial class CudaContext
{
    /// <summary>Throws if a driver call failed.</summary>
    internal void Check(CUresult result, string call)
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw Error(result, call);
    }

    /// <summary>Makes the exception for a failed driver call, and notes it as the cause if a capture is in progress.</summary>
    internal CudaException Error(CUresult result, string call, string detail = "")
    {
        bool loses = CudaException.Loses(result);
        CudaException error = Made(Driver, result, call, detail, loses ? Recently() : "");
        if (loses)
            Lose(error);
        Spoilt(error);
        return error;
    }

    /// <summary>
    /// Makes the exception for a failed allocation of device memory. Its message says how much was asked for, how much is free if memory
    /// ran out, and what this context has allocated, by category.
    /// </summary>
    internal CudaException AllocationError(
        CUresult result,
        string call,
        long bytes,
        string category
    )
    {
        nuint free = 0;
        nuint total = 0;
        bool known =
            result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
            && Driver.cuMemGetInfo(&free, &total) == CUresult.CUDA_SUCCESS;
        string held = Ledger.ToString();
        return Error(
            result,
            call,
            $"{bytes} bytes for {category}"
                + (known ? $"; {free} of {total} bytes are free on {Device}" : "")
                + (held.Length == 0 ? "" : $"; taken here are {held}")
        );
    }

    /// <summary>Notes an error for the captures in progress. Each reports its first one as the reason why it failed.</summary>
    internal void Spoilt(Exception error)
    {
        lock (_captures)
        {
            foreach (CudaCapture capture in _captures)
                capture.Cause ??= error;
        }
    }

    private static CudaException Made(
        CudaDriver driver,
        CUresult result,
        string call,
        string detail,
        string recently = ""
    )
    {
        byte* text = null;
        bool says =
            !driver.Missing.Contains(nameof(driver.cuGetErrorString))
            && driver.cuGetErrorString(result, &text) == CUresult.CUDA_SUCCESS
            && text != null;
        string meaning = says ? $" ({Marshal.PtrToStringUTF8((nint)text)})" : "";
        string where = detail.Length == 0 ? "" : $": {detail}";
        string lost = CudaException.Loses(result)
            ? " The context is lost: no call in it will work any more. The cause may be earlier work of any stream."
                + recently
            : "";
        return new CudaException(result, call, $"{call} gave {result}{meaning}{where}.{lost}");
    }
}
