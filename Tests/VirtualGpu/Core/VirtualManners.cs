using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>
/// What a card or a library may do by its documentation, and need not: each can be switched on while the device runs, so that what
/// a program does then is tested.
/// </summary>
internal sealed class VirtualManners
{
    /// <summary>
    /// A recurrent net wants more scratch and reserve for a batch whose steps are no power of two than for larger ones: cuDNN's
    /// manual says that the sizes are not monotonic.
    /// </summary>
    public bool UnevenRnnSpaces { get; set; }

    /// <summary>
    /// A recurrent net's calls copy the lengths of sequences from the host's memory when their work runs; in a capture that is a
    /// node of its own.
    /// </summary>
    public bool RnnCopiesLengths { get; set; }

    /// <summary>No engine takes a convolution whose paddings before and after differ.</summary>
    public bool SymmetricPaddingOnly { get; set; }

    /// <summary>Bytes of the device that each graph that can be launched takes.</summary>
    public long GraphBytes { get; set; }

    /// <summary>
    /// Libraries sum in float32 and in another order, as they do on a card, and states of recurrent nets are rounded as sums of so
    /// many terms are.
    /// </summary>
    public bool FloatSums { get; set; }

    /// <summary>
    /// Says of a stream's number whether it waits for no event, as if who queued its work had forgotten to: what a test of the order of
    /// streams has to find. Null for none.
    /// </summary>
    public Func<ulong, bool>? ForgetsWaits { get; set; }

    /// <summary>There is no cuBLASLt, as where somebody has taken files apart.</summary>
    public bool NoCuBlasLt { get; set; }

    /// <summary>The cuBLASLt that is found is of another version than cuBLAS.</summary>
    public bool OtherCuBlasLt { get; set; }

    /// <summary>
    /// What cuBLASLt answers where it has no algorithm for a product with an epilogue, given its operations and sizes, "TN 5 8 3":
    /// CUBLAS_STATUS_NOT_SUPPORTED, or CUBLAS_STATUS_SUCCESS with no algorithm; null where it has one.
    /// </summary>
    public Func<string, cublasStatus_t?>? NoEpilogue { get; set; }

    /// <summary>Bytes that a recurrent net wants beside those of its own rule.</summary>
    public long MoreRnnSpace(RnnData data) =>
        UnevenRnnSpaces && !int.IsPow2(data.MaxLength) ? 1L << 20 : 0;
}
