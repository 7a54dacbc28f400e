using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A column-major matrix in device memory, as a product takes it.</summary>
/// <param name="At">address</param>
/// <param name="Rows">rows as it lies</param>
/// <param name="Columns">columns as it lies</param>
/// <param name="Leading">elements from a column to the next</param>
/// <param name="Stride">elements from one matrix to the next of a batch</param>
/// <param name="Transposed">whether it is transposed before the product</param>
internal sealed record GemmMatrix(
    nint At,
    int Rows,
    int Columns,
    int Leading,
    long Stride,
    bool Transposed
)
{
    /// <summary>A column of one of the batch.</summary>
    public nint Column(int batch, int column) =>
        At + (nint)((batch * Stride + (long)column * Leading) * sizeof(float));

    /// <summary>One of the batch, as rows of op(A) or, if asked for, as its columns.</summary>
    public double[] Read(
        DeviceMemory memory,
        int batch,
        bool asColumns,
        bool tf32,
        string call,
        string argument
    )
    {
        double[] values = new double[Rows * Columns];
        // As it lies, a column is a run of elements; of a transposed matrix it is a row.
        bool straight = asColumns != Transposed;
        for (int c = 0; c < Columns && Rows > 0; c++)
        {
            Span<float> column = memory.Read<float>(Column(batch, c), Rows, call, argument);
            for (int r = 0; r < Rows; r++)
            {
                double value = tf32 ? Tf32.Round(column[r]) : column[r];
                values[straight ? c * Rows + r : r * Columns + c] = value;
            }
        }
        return values;
    }
}

/// <summary>The work of a matrix product: C = alpha op(A) op(B) + beta C, in double precision.</summary>
/// <param name="Call">the call</param>
/// <param name="A">the first matrix</param>
/// <param name="B">the second matrix</param>
/// <param name="C">the result</param>
/// <param name="Inner">columns of op(A)</param>
/// <param name="Batch">how many products</param>
/// <param name="Alpha">the factor, known now or read later</param>
/// <param name="Beta">the factor of what is there</param>
/// <param name="Tf32">whether factors are rounded</param>
/// <param name="Workspace">the caller's scratch; 0 for none</param>
/// <param name="WorkspaceBytes">how much</param>
/// <param name="Wrong">whether a value is to be wrong</param>
internal sealed record Gemm(
    string Call,
    GemmMatrix A,
    GemmMatrix B,
    GemmMatrix C,
    int Inner,
    int Batch,
    GemmFactor Alpha,
    GemmFactor Beta,
    bool Tf32,
    nint Workspace,
    long WorkspaceBytes,
    bool Wrong
)
{
    // What is spoilt of a workspace; all of it would take long.
    private const long Spoilt = 64 << 10;

    /// <summary>
    /// 2mnk operations a product. Of a batch, a matrix without a stride is read once; a result is read too unless beta is known
    /// to be 0.
    /// </summary>
    public LibraryWork Work
    {
        get
        {
            long result = (long)C.Rows * C.Columns * Batch;
            long left = (long)A.Rows * A.Columns * (A.Stride == 0 ? 1 : Batch);
            long right = (long)B.Rows * B.Columns * (B.Stride == 0 ? 1 : Batch);
            bool adds = Beta.At != 0 || Beta.Value != 0;
            return new(
                Call,
                sizeof(float) * ((Inner == 0 ? 0 : left + right) + (adds ? 2 : 1) * result),
                2 * result * Inner,
                Tf32
            );
        }
    }

    public void Run(DeviceMemory memory)
    {
        Spoil(memory);
        double alpha = Alpha.Read(memory, Call, "alpha");
        double beta = Beta.Read(memory, Call, "beta");
        for (int batch = 0; batch < Batch; batch++)
        {
            // alpha of 0 reads neither A nor B, as BLAS has it.
            bool product = alpha != 0 && Inner > 0;
            double[] a = product ? A.Read(memory, batch, false, Tf32, Call, "A") : [];
            double[] b = product ? B.Read(memory, batch, true, Tf32, Call, "B") : [];
            for (int n = 0; n < C.Columns; n++)
            {
                nint at = C.Column(batch, n);
                // beta of 0: what C holds, NaN or nothing yet, does not count.
                Span<float> column =
                    beta == 0
                        ? memory.Write<float>(at, C.Rows, Call, "C")
                        : memory.ReadWrite<float>(at, C.Rows, Call, "C");
                for (int m = 0; m < C.Rows; m++)
                {
                    double sum = product
                        ? alpha
                            * DoubleRows.Dot(a.AsSpan(m * Inner, Inner), b.AsSpan(n * Inner, Inner))
                        : 0;
                    column[m] = (float)(beta == 0 ? sum : sum + beta * column[m]);
                }
            }
        }
        if (Wrong)
            memory.ReadWrite<float>(C.Column(0, C.Columns / 2), C.Rows, Call, "C")[C.Rows / 2] += 1;
        Spoil(memory);
    }

    private void Spoil(DeviceMemory memory)
    {
        if (Workspace == 0 || WorkspaceBytes == 0)
            return;
        // All of it has to be there, though.
        memory.Scribble(Workspace, Math.Min(WorkspaceBytes, Spoilt));
        memory.Scribble(Workspace + (nint)WorkspaceBytes - 1, 1);
    }
}

/// <summary>alpha or beta: a value, or the address of one on the device.</summary>
internal readonly record struct GemmFactor(float Value, nint At)
{
    public double Read(DeviceMemory memory, string call, string argument) =>
        At == 0 ? Value : memory.Read<float>(At, 1, call, argument)[0];
}
