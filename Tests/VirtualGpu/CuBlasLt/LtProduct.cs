using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A product as its descriptor and layouts say it; both calls that take them look at the same.</summary>
/// <param name="Descriptor">the operation</param>
/// <param name="A">layout of A</param>
/// <param name="B">layout of B</param>
/// <param name="C">layout of C and of D</param>
/// <param name="Tf32">whether factors are rounded</param>
internal sealed record LtProduct(
    LtDescriptor Descriptor,
    LtLayout A,
    LtLayout B,
    LtLayout C,
    bool Tf32
)
{
    // TF32 came with Ampere.
    private const int FirstWithTf32 = 80;

    public bool TransposedA => Descriptor.TransA != cublasOperation_t.CUBLAS_OP_N;

    public bool TransposedB => Descriptor.TransB != cublasOperation_t.CUBLAS_OP_N;

    /// <summary>Columns of op(A).</summary>
    public int Inner => TransposedA ? A.Rows : A.Columns;

    /// <summary>Values of the vector that the epilogue reads or writes; 0 for none.</summary>
    public int VectorCount =>
        Descriptor.Epilogue switch
        {
            cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS
            or cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADA => C.Rows,
            cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADB => C.Columns,
            _ => 0,
        };

    /// <summary>What tests call it: operations and sizes as cuBLAS has them.</summary>
    public string Shape =>
        $"{Letter(TransposedA)}{Letter(TransposedB)} {C.Rows} {C.Columns} {Inner}";

    /// <summary>What an algorithm is good for; another product has another number.</summary>
    public ulong Mark =>
        (ulong)
            ContentHash.Of(
                Encoding.UTF8.GetBytes(
                    $"{Shape} {A.Leading} {B.Leading} {C.Leading} {Descriptor.Epilogue} {Descriptor.Compute}"
                )
            );

    /// <summary>Looks at what a call is given.</summary>
    /// <exception cref="CuBlasRefusal">It does not go together, or there are no such products.</exception>
    public static LtProduct Of(
        VirtualDevice device,
        LtDescriptor descriptor,
        LtLayout a,
        LtLayout b,
        LtLayout c,
        LtLayout d
    )
    {
        if (
            descriptor.Scale != cudaDataType.CUDA_R_32F
            || new[] { a, b, c, d }.Any(l => l.Type != cudaDataType.CUDA_R_32F)
        )
            throw NotSupported("the virtual cuBLASLt has products of float");
        bool tf32 = descriptor.Compute switch
        {
            cublasComputeType_t.CUBLAS_COMPUTE_32F
            or cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC => false,
            cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32 => device.Options.ComputeCapability
                >= FirstWithTf32,
            _ => throw NotSupported("sums are in float, or with TF32"),
        };
        var product = new LtProduct(descriptor, a, b, c, tf32);
        (int rows, int inner) = product.TransposedA ? (a.Columns, a.Rows) : (a.Rows, a.Columns);
        (int depth, int columns) = product.TransposedB ? (b.Columns, b.Rows) : (b.Rows, b.Columns);
        CuBlasCall.Unless(
            inner == depth && c.Rows == rows && c.Columns == columns && c == d,
            $"op(A) is {rows} x {inner}, op(B) {depth} x {columns}, C {c.Rows} x {c.Columns}, D {d.Rows} x {d.Columns}"
        );
        CuBlasCall.Unless(rows > 0 && columns > 0 && inner > 0, "a matrix is empty");
        CuBlasCall.Unless(
            product.VectorCount == 0 || descriptor.Bias != 0,
            $"{descriptor.Epilogue} without CUBLASLT_MATMUL_DESC_BIAS_POINTER"
        );
        return product;
    }

    public static CuBlasRefusal NotSupported(string why) =>
        new(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED, why);

    private static char Letter(bool transposed) => transposed ? 'T' : 'N';
}
