using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// An algorithm of cuBLASLt for products of one shape. Of those that cuBLASLt proposes it is the first whose sums have the same order in
/// each run: parts of sums that are joined in the result itself (CUBLASLT_REDUCTION_SCHEME_INPLACE) are not among them.
/// </summary>
public sealed unsafe class CuBlasLtPlan : CudaObject
{
    private readonly cublasLtMatrixLayout_t[] _layouts = new cublasLtMatrixLayout_t[3];
    private cublasLtMatmulAlgo_t _algorithm;

    private CuBlasLtPlan(CuBlasLtHandle handle, in CuBlasLtShape shape)
        : base(handle)
    {
        (LtHandle, Shape) = (handle, shape);
    }

    internal static CuBlasLtPlan Create(CuBlasLtHandle handle, in CuBlasLtShape shape)
    {
        shape.Require(nameof(shape));
        handle.ThrowIfDisposed();
        using CudaContextScope scope = handle.Context.Enter();
        var plan = new CuBlasLtPlan(handle, shape);
        try
        {
            plan.Describe();
            plan.Choose();
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>The shape that it is for.</summary>
    public CuBlasLtShape Shape { get; }

    /// <summary>Bytes of workspace that a product wants.</summary>
    public long WorkspaceBytes { get; private set; }

    /// <summary>The context that products are queued in.</summary>
    public CudaContext Context => LtHandle.Context;

    internal CuBlasLtHandle LtHandle { get; }

    internal CuBlasLt Library => LtHandle.Library;

    // As cuBLASLt sees them: its A is our B, and its B our A.
    internal cublasLtMatrixLayout_t LayoutOfB => _layouts[0];

    internal cublasLtMatrixLayout_t LayoutOfA => _layouts[1];

    internal cublasLtMatrixLayout_t LayoutOfC => _layouts[2];

    internal ref readonly cublasLtMatmulAlgo_t Algorithm => ref _algorithm;

    /// <summary>Makes products with a vector, whose address their descriptor keeps for good.</summary>
    /// <param name="vector">The bias [n] that is added, or the place of the sums [m].</param>
    /// <exception cref="ArgumentException">It is shorter, not aligned as the shape says, or of another context.</exception>
    public CuBlasLtProduct Bind(DeviceSpan<float> vector) => CuBlasLtProduct.Create(this, vector);

    /// <summary>Makes a descriptor for a vector that lies there.</summary>
    internal cublasLtMatmulDesc_t Descriptor(nint vector)
    {
        cublasLtMatmulDesc_t descriptor;
        Check(
            Library.cublasLtMatmulDescCreate(&descriptor, Shape.Compute, cudaDataType.CUDA_R_32F),
            nameof(CuBlasLt.cublasLtMatmulDescCreate)
        );
        try
        {
            Set(
                descriptor,
                cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA,
                (int)CuBlasHandle.Operation(Shape.TransposeB)
            );
            Set(
                descriptor,
                cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSB,
                (int)CuBlasHandle.Operation(Shape.TransposeA)
            );
            Set(
                descriptor,
                cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE,
                Shape.Epilogue == CuBlasLtEpilogue.Bias
                    ? cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS
                    : cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADB
            );
            Set(
                descriptor,
                cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                vector
            );
            return descriptor;
        }
        catch
        {
            Destroy(descriptor);
            throw;
        }
    }

    internal void Destroy(cublasLtMatmulDesc_t descriptor) =>
        Destroyed(
            Library.cublasLtMatmulDescDestroy(descriptor),
            nameof(CuBlasLt.cublasLtMatmulDescDestroy)
        );

    internal void Check(cublasStatus_t status, string call)
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw CuBlasHandle.Error(Context, status, call, Shape.ToString());
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        foreach (cublasLtMatrixLayout_t layout in _layouts)
            if (layout.Value != 0)
                Destroyed(
                    Library.cublasLtMatrixLayoutDestroy(layout),
                    nameof(CuBlasLt.cublasLtMatrixLayoutDestroy)
                );
    }

    private void Describe()
    {
        _layouts[0] = Layout(Shape.TransposeB ? (Shape.N, Shape.K) : (Shape.K, Shape.N));
        _layouts[1] = Layout(Shape.TransposeA ? (Shape.K, Shape.M) : (Shape.M, Shape.K));
        _layouts[2] = Layout((Shape.M, Shape.N));
    }

    // A row-major matrix is a column-major one that is transposed.
    private cublasLtMatrixLayout_t Layout((int Rows, int Columns) size)
    {
        cublasLtMatrixLayout_t layout;
        Check(
            Library.cublasLtMatrixLayoutCreate(
                &layout,
                cudaDataType.CUDA_R_32F,
                (ulong)size.Columns,
                (ulong)size.Rows,
                size.Columns
            ),
            nameof(CuBlasLt.cublasLtMatrixLayoutCreate)
        );
        return layout;
    }

    private void Choose()
    {
        // In place of a vector's address one that is as aligned and no more: the library looks at that alone.
        cublasLtMatmulDesc_t descriptor = Descriptor(Shape.Alignment);
        try
        {
            cublasLtMatmulPreference_t preference;
            Check(
                Library.cublasLtMatmulPreferenceCreate(&preference),
                nameof(CuBlasLt.cublasLtMatmulPreferenceCreate)
            );
            try
            {
                Choose(descriptor, preference);
            }
            finally
            {
                Destroyed(
                    Library.cublasLtMatmulPreferenceDestroy(preference),
                    nameof(CuBlasLt.cublasLtMatmulPreferenceDestroy)
                );
            }
        }
        finally
        {
            Destroy(descriptor);
        }
    }

    private void Choose(cublasLtMatmulDesc_t descriptor, cublasLtMatmulPreference_t preference)
    {
        Prefer(
            preference,
            cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            (ulong)Shape.MostWorkspaceBytes
        );
        Prefer(
            preference,
            cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
                | cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE
        );
        for (
            var matrix =
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
            matrix
                <= cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES;
            matrix++
        )
            Prefer(preference, matrix, (uint)Shape.Alignment);
        cublasLtMatmulHeuristicResult_t found = default;
        int count = 0;
        Check(
            Library.cublasLtMatmulAlgoGetHeuristic(
                LtHandle.Handle,
                descriptor,
                LayoutOfB,
                LayoutOfA,
                LayoutOfC,
                LayoutOfC,
                preference,
                1,
                &found,
                &count
            ),
            nameof(CuBlasLt.cublasLtMatmulAlgoGetHeuristic)
        );
        // None is told by a status of the call, by that of the result or by its number.
        Check(
            count < 1 ? cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED : found.state,
            nameof(CuBlasLt.cublasLtMatmulAlgoGetHeuristic)
        );
        if (found.workspaceSize > (ulong)Shape.MostWorkspaceBytes)
            Check(
                cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED,
                nameof(CuBlasLt.cublasLtMatmulAlgoGetHeuristic)
            );
        (_algorithm, WorkspaceBytes) = (found.algo, (long)found.workspaceSize);
    }

    private void Set<T>(
        cublasLtMatmulDesc_t descriptor,
        cublasLtMatmulDescAttributes_t attribute,
        T value
    )
        where T : unmanaged =>
        Check(
            Library.cublasLtMatmulDescSetAttribute(descriptor, attribute, &value, (nuint)sizeof(T)),
            nameof(CuBlasLt.cublasLtMatmulDescSetAttribute)
        );

    private void Prefer<T>(
        cublasLtMatmulPreference_t preference,
        cublasLtMatmulPreferenceAttributes_t attribute,
        T value
    )
        where T : unmanaged =>
        Check(
            Library.cublasLtMatmulPreferenceSetAttribute(
                preference,
                attribute,
                &value,
                (nuint)sizeof(T)
            ),
            nameof(CuBlasLt.cublasLtMatmulPreferenceSetAttribute)
        );

    // A release does not throw: the context's next call does.
    private void Destroyed(cublasStatus_t status, string call)
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            Context.Park(CuBlasHandle.Error(Context, status, call));
    }
}
