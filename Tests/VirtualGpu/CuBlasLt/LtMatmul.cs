using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The work of a product with an epilogue: that of cuBLAS, and what is done beside it.</summary>
/// <param name="Product">the product</param>
/// <param name="Epilogue">what is done beside it</param>
/// <param name="Vector">address of the bias or of the sums</param>
/// <param name="A">address of A</param>
/// <param name="B">address of B</param>
/// <param name="D">address of the result</param>
/// <param name="Alpha">the factor of the product</param>
/// <param name="Beta">the factor of what is there</param>
/// <param name="Workspace">scratch; 0 where none is used</param>
/// <param name="WorkspaceBytes">how much</param>
/// <param name="IsInPlace">whether sums have another order each time</param>
internal sealed record LtMatmul(
    LtProduct Product,
    cublasLtEpilogue_t Epilogue,
    nint Vector,
    nint A,
    nint B,
    nint D,
    float Alpha,
    float Beta,
    nint Workspace,
    long WorkspaceBytes,
    bool IsInPlace
)
{
    private const string Call = "cublasLtMatmul";
    private static long s_runs;

    /// <summary>That of the product; a bias is read once, sums are written once, and each term is an operation.</summary>
    public LibraryWork Work
    {
        get
        {
            LibraryWork product = Gemm(isWrong: false).Work;
            long count = Product.VectorCount;
            long terms = Epilogue switch
            {
                cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS => (long)Product.C.Rows
                    * Product.C.Columns,
                cublasLtEpilogue_t.CUBLASLT_EPILOGUE_DEFAULT => 0,
                _ => count * Product.Inner,
            };
            return product with
            {
                Bytes = product.Bytes + sizeof(float) * count,
                Operations = product.Operations + terms,
            };
        }
    }

    /// <summary>Runs it.</summary>
    /// <param name="memory">the device's memory</param>
    /// <param name="isWrong">whether a value is off by 1: of the sums where there are any</param>
    public void Run(DeviceMemory memory, bool isWrong)
    {
        bool sums =
            Epilogue
            is cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADA
                or cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADB;
        Gemm(isWrong && !sums).Run(memory);
        if (IsInPlace && Interlocked.Increment(ref s_runs) % 2 == 0)
        {
            ref float first = ref memory.ReadWrite<float>(D, 1, Call, "D")[0];
            first = MathF.BitIncrement(first);
        }
        if (Epilogue == cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS)
            Add(memory);
        else if (sums)
            Sum(memory, isWrong);
    }

    private Gemm Gemm(bool isWrong) =>
        new(
            Call,
            Matrix(A, Product.A, Product.TransposedA),
            Matrix(B, Product.B, Product.TransposedB),
            Matrix(D, Product.C, false),
            Product.Inner,
            1,
            new GemmFactor(Alpha, 0),
            new GemmFactor(Beta, 0),
            Product.Tf32,
            Workspace,
            WorkspaceBytes,
            isWrong
        );

    private static GemmMatrix Matrix(nint at, LtLayout layout, bool transposed) =>
        new(at, layout.Rows, layout.Columns, layout.Leading, 0, transposed);

    private void Add(DeviceMemory memory)
    {
        Span<float> bias = memory.Read<float>(Vector, Product.C.Rows, Call, "bias");
        GemmMatrix d = Matrix(D, Product.C, false);
        for (int n = 0; n < d.Columns; n++)
        {
            Span<float> column = memory.ReadWrite<float>(d.Column(0, n), d.Rows, Call, "D");
            for (int m = 0; m < d.Rows; m++)
                column[m] += bias[m];
        }
    }

    // Of op(A) along its columns, or of op(B) along its rows.
    private void Sum(DeviceMemory memory, bool isWrong)
    {
        bool ofB = Epilogue == cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADB;
        GemmMatrix from = ofB
            ? Matrix(B, Product.B, Product.TransposedB)
            : Matrix(A, Product.A, Product.TransposedA);
        int terms = Product.Inner;
        double[] values = from.Read(memory, 0, ofB, false, Call, ofB ? "B" : "A");
        double[] ones = new double[terms];
        Array.Fill(ones, 1);
        Span<float> sums = memory.Write<float>(Vector, Product.VectorCount, Call, "bias gradient");
        for (int i = 0; i < sums.Length; i++)
            sums[i] = (float)DoubleRows.Dot(values.AsSpan(i * terms, terms), ones);
        if (isWrong)
            sums[sums.Length / 2] += 1;
    }
}
