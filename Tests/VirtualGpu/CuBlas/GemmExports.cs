using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The matrix products of the virtual cuBLAS.</summary>
internal static unsafe class GemmExports
{
    // TF32 came with Ampere.
    private const int FirstWithTf32 = 80;

    [UnmanagedCallersOnly(EntryPoint = "cublasSgemm_v2")]
    private static cublasStatus_t Sgemm(
        cublasHandle_t handle,
        cublasOperation_t transA,
        cublasOperation_t transB,
        int m,
        int n,
        int k,
        float* alpha,
        float* a,
        int lda,
        float* b,
        int ldb,
        float* beta,
        float* c,
        int ldc
    ) =>
        Product(
            "cublasSgemm",
            handle,
            (transA, transB, m, n, k),
            alpha,
            ((nint)a, lda, 0),
            ((nint)b, ldb, 0),
            beta,
            ((nint)c, ldc, 0),
            1,
            null
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasSgemmStridedBatched")]
    private static cublasStatus_t SgemmStridedBatched(
        cublasHandle_t handle,
        cublasOperation_t transA,
        cublasOperation_t transB,
        int m,
        int n,
        int k,
        float* alpha,
        float* a,
        int lda,
        long strideA,
        float* b,
        int ldb,
        long strideB,
        float* beta,
        float* c,
        int ldc,
        long strideC,
        int batch
    ) =>
        Product(
            "cublasSgemmStridedBatched",
            handle,
            (transA, transB, m, n, k),
            alpha,
            ((nint)a, lda, strideA),
            ((nint)b, ldb, strideB),
            beta,
            ((nint)c, ldc, strideC),
            batch,
            null
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasGemmEx")]
    private static cublasStatus_t GemmEx(
        cublasHandle_t handle,
        cublasOperation_t transA,
        cublasOperation_t transB,
        int m,
        int n,
        int k,
        void* alpha,
        void* a,
        cudaDataType aType,
        int lda,
        void* b,
        cudaDataType bType,
        int ldb,
        void* beta,
        void* c,
        cudaDataType cType,
        int ldc,
        cublasComputeType_t compute,
        cublasGemmAlgo_t algorithm
    ) =>
        Product(
            "cublasGemmEx",
            handle,
            (transA, transB, m, n, k),
            alpha,
            ((nint)a, lda, 0),
            ((nint)b, ldb, 0),
            beta,
            ((nint)c, ldc, 0),
            1,
            new(aType, bType, cType, compute, algorithm)
        );

    private readonly record struct Matrix(nint At, int Leading, long Stride)
    {
        public static implicit operator Matrix((nint At, int Leading, long Stride) tuple) =>
            new(tuple.At, tuple.Leading, tuple.Stride);
    }

    /// <summary>What the calls with types have.</summary>
    private sealed record Types(
        cudaDataType A,
        cudaDataType B,
        cudaDataType C,
        cublasComputeType_t Compute,
        cublasGemmAlgo_t Algorithm
    );

    private static cublasStatus_t Product(
        string call,
        cublasHandle_t handle,
        (cublasOperation_t A, cublasOperation_t B, int M, int N, int K) shape,
        void* alpha,
        Matrix a,
        Matrix b,
        void* beta,
        Matrix c,
        int batch,
        Types? types
    ) =>
        CuBlasCall.Run(
            call,
            device =>
            {
                CuBlasHandle found = CuBlasCall.Find(device, handle, call);
                CuBlasCall.Unless(
                    Enum.IsDefined(shape.A) && Enum.IsDefined(shape.B),
                    "transa or transb has no such value"
                );
                (int m, int n, int k) = (shape.M, shape.N, shape.K);
                CuBlasCall.Unless(
                    m >= 0 && n >= 0 && k >= 0 && batch >= 0,
                    "m, n, k or batchCount is below 0"
                );
                GemmMatrix left = Describe(a, m, k, shape.A, batch, "A");
                GemmMatrix right = Describe(b, k, n, shape.B, batch, "B");
                GemmMatrix result = Describe(c, m, n, cublasOperation_t.CUBLAS_OP_N, batch, "C");
                CuBlasCall.Unless(
                    batch < 2 || Math.Abs(result.Stride) >= (long)(n - 1) * result.Leading + m,
                    "the results overlap: strideC is too small"
                );
                CuBlasCall.Unless(alpha != null && beta != null, "alpha or beta is null");
                bool tf32 =
                    Rounds(found.Math, types) && device.Options.ComputeCapability >= FirstWithTf32;
                if (m == 0 || n == 0 || batch == 0)
                    return;
                CuBlasCall.Unless(
                    result.At != 0 && (k == 0 || left.At != 0 && right.At != 0),
                    "a matrix is null"
                );
                VirtualStream stream = Ready(device, found, call);
                bool onHost = found.PointerMode == cublasPointerMode_t.CUBLAS_POINTER_MODE_HOST;
                var named = new VirtualWork(
                    call,
                    found.Math.ToString(),
                    $"{Letter(shape.A)}{Letter(shape.B)} {m} {n} {k}"
                );
                VirtualEffect effect = device.EffectOf(named);
                var work = new Gemm(
                    call,
                    left,
                    right,
                    result,
                    k,
                    batch,
                    Factor(device, alpha, onHost, "alpha"),
                    Factor(device, beta, onHost, "beta"),
                    tf32,
                    found.Workspace,
                    found.WorkspaceBytes,
                    effect.IsWrong
                );
                Action<DeviceMemory> run = effect.Before(device, named, work.Run);
                stream.Enqueue(
                    call,
                    () =>
                    {
                        run(device.Memory);
                        device.Counts.Ran(work.Work);
                    }
                );
            }
        );

    private static char Letter(cublasOperation_t operation) =>
        operation == cublasOperation_t.CUBLAS_OP_N ? 'N' : 'T';

    private static GemmMatrix Describe(
        Matrix matrix,
        int rows,
        int columns,
        cublasOperation_t operation,
        int batch,
        string name
    )
    {
        bool transposed = operation != cublasOperation_t.CUBLAS_OP_N;
        if (transposed)
            (rows, columns) = (columns, rows);
        CuBlasCall.Unless(
            matrix.Leading >= Math.Max(1, rows),
            $"ld{name} is {matrix.Leading}, the matrix has {rows} rows"
        );
        return new(
            matrix.At,
            rows,
            columns,
            matrix.Leading,
            batch > 1 ? matrix.Stride : 0,
            transposed
        );
    }

    private static GemmFactor Factor(VirtualDevice device, void* factor, bool onHost, string name)
    {
        if (!onHost)
            return new(0, (nint)factor);
        // Reading it would end the process, as it does with hardware.
        CuBlasCall.Unless(
            !device.Memory.Owns((nint)factor),
            $"{name} is on the device, and the pointer mode is CUBLAS_POINTER_MODE_HOST"
        );
        return new(*(float*)factor, 0);
    }

    /// <summary>Whether float factors are rounded to TF32.</summary>
    private static bool Rounds(cublasMath_t math, Types? types)
    {
        bool allowed = ((int)math & 15) == (int)cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH;
        if (types is null)
            return allowed;
        CuBlasCall.Unless(
            Enum.IsDefined(types.Compute) && Enum.IsDefined(types.Algorithm),
            "computeType or algo has no such value"
        );
        bool isFloat =
            types.A == cudaDataType.CUDA_R_32F
            && types.B == cudaDataType.CUDA_R_32F
            && types.C == cudaDataType.CUDA_R_32F;
        return (isFloat, types.Compute) switch
        {
            (true, cublasComputeType_t.CUBLAS_COMPUTE_32F) => allowed,
            (true, cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC) => false,
            (true, cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32) => true,
            _ => throw new CuBlasRefusal(
                cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED,
                "the virtual cuBLAS has products of float, summed in float or with TF32"
            ),
        };
    }

    /// <summary>The handle's stream, fit for work.</summary>
    private static VirtualStream Ready(VirtualDevice device, CuBlasHandle handle, string call)
    {
        if (device.IsPoisoned)
            throw new CuBlasRefusal(
                cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
                $"the device is in the error state {device.Sticky}"
            );
        CuBlasCall.Unless(
            device.CurrentContext == handle.Context,
            "the handle's context is not current"
        );
        VirtualStream stream =
            VirtualStream.Resolve(handle.Stream, call)
            ?? throw new CuBlasRefusal(
                cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
                "the handle's stream is destroyed"
            );
        if (!handle.Loaded)
            CaptureGuard.Refuse(stream, $"{call} loaded kernels: run it once before");
        // Hardware puts an allocation into the graph, which lives as long as the graph.
        if (handle.Workspace == 0)
            CaptureGuard.Refuse(
                stream,
                $"{call} allocated: cublasSetWorkspace has to follow cublasSetStream"
            );
        handle.Loaded = true;
        return stream;
    }
}
