using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A driver call failed. The failure of an earlier kernel or copy is reported by whichever call comes later.</summary>
public sealed class CudaException : Exception
{
    internal CudaException(CUresult status, string call, string message, Exception? inner = null)
        : base(message, inner)
    {
        Status = status;
        Call = call;
    }

    /// <summary>The status that the driver returned.</summary>
    public CUresult Status { get; }

    /// <summary>The status by its name in the header, such as CUDA_ERROR_OUT_OF_MEMORY.</summary>
    public string StatusName => Status.ToString();

    /// <summary>The name of the driver function.</summary>
    public string Call { get; }

    /// <summary>Whether the context is lost, so that no call in it will work again in this process.</summary>
    public bool IsContextLost => Loses(Status);

    /// <summary>Whether an error stays with the context (cuda.h: "the context cannot be used").</summary>
    internal static bool Loses(CUresult status) =>
        status
            is CUresult.CUDA_ERROR_ECC_UNCORRECTABLE
                or CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
                or CUresult.CUDA_ERROR_LAUNCH_TIMEOUT
                or CUresult.CUDA_ERROR_ASSERT
                or CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR
                or CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION
                or CUresult.CUDA_ERROR_MISALIGNED_ADDRESS
                or CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE
                or CUresult.CUDA_ERROR_INVALID_PC
                or CUresult.CUDA_ERROR_LAUNCH_FAILED;
}
