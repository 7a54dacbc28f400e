using System.Numerics;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>What cuBLASLt does within a product, instead of a launch of its own.</summary>
public enum CuBlasLtEpilogue
{
    /// <summary>A row [n] is added to each row of the product: CUBLASLT_EPILOGUE_BIAS.</summary>
    Bias,

    /// <summary>
    /// The sums of op(A) along k, [m], are written beside the product: with A transposed the gradient of a bias beside that of its
    /// weights. CUBLASLT_EPILOGUE_BGRADB, as cuBLASLt is column-major and sees A as its B. They replace what is there, whatever beta is.
    /// </summary>
    Sums,
}

/// <summary>
/// A row-major product C [m, n] = op(A) op(B) of float32 matrices without gaps between rows, with sums of k terms, and what is done within
/// it.
/// </summary>
/// <param name="TransposeA">Whether A is [k, m] instead of [m, k].</param>
/// <param name="TransposeB">Whether B is [n, k] instead of [k, n].</param>
/// <param name="M">Rows of C, above 0.</param>
/// <param name="N">Columns of C, above 0.</param>
/// <param name="K">Terms of a sum, above 0.</param>
/// <param name="Epilogue">What is done within the product.</param>
public readonly record struct CuBlasLtShape(
    bool TransposeA,
    bool TransposeB,
    int M,
    int N,
    int K,
    CuBlasLtEpilogue Epilogue
)
{
    /// <summary>
    /// The arithmetic: CUBLAS_COMPUTE_32F_PEDANTIC (what it is unless set) and CUBLAS_COMPUTE_32F are float32, CUBLAS_COMPUTE_32F_FAST_TF32
    /// rounds factors to TF32.
    /// </summary>
    public cublasComputeType_t Compute { get; init; } =
        cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC;

    /// <summary>Bytes that the addresses of all matrices and of the vector are multiples of; a power of 2 from 4 on.</summary>
    public int Alignment { get; init; } = sizeof(float);

    /// <summary>The most bytes of workspace that an algorithm may want.</summary>
    public long MostWorkspaceBytes { get; init; }

    /// <summary>Values of the vector: the bias, or the sums.</summary>
    public int VectorCount => Epilogue == CuBlasLtEpilogue.Bias ? N : M;

    internal void Require(string argument)
    {
        if (M <= 0 || N <= 0 || K <= 0)
            throw new ArgumentException($"{this}: sizes are above 0.", argument);
        if (Alignment < sizeof(float) || !BitOperations.IsPow2(Alignment))
            throw new ArgumentException(
                $"{this}: an alignment is a power of 2 from {sizeof(float)} on, and not {Alignment}.",
                argument
            );
        if (!Enum.IsDefined(Epilogue))
            throw new ArgumentException(
                $"There is no epilogue {Epilogue}; there are {string.Join(", ", Enum.GetNames<CuBlasLtEpilogue>())}.",
                argument
            );
        if (MostWorkspaceBytes < 0)
            throw new ArgumentException(
                $"{this}: {MostWorkspaceBytes} bytes of workspace are below 0.",
                argument
            );
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{M} x {N} x {K}{(TransposeA ? ", A transposed" : "")}{(TransposeB ? ", B transposed" : "")}, {Epilogue}";
}
