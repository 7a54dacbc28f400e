using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Matrix products of the virtual cuBLAS.</summary>
public sealed unsafe class GemmTests : LibraryTest
{
    private const cublasOperation_t N = cublasOperation_t.CUBLAS_OP_N;
    private const cublasOperation_t T = cublasOperation_t.CUBLAS_OP_T;

    [Test]
    public void All_transposes_give_what_three_loops_give(
        [Values(N, T)] cublasOperation_t a,
        [Values(N, T, cublasOperation_t.CUBLAS_OP_C)] cublasOperation_t b,
        [Values(0f, 1f, -0.5f)] float beta,
        [Values(1, 3)] int batch
    )
    {
        (int m, int n, int k) = (3, 4, 5);
        // Odd gaps between columns, and between matrices.
        var left = new Matrix(a == N ? m : k, a == N ? k : m, 2, batch);
        var right = new Matrix(b == N ? k : n, b == N ? n : k, 1, batch);
        var result = new Matrix(m, n, 3, batch);
        float[] before = Numbers(result.Count, 3);
        nint atA = Upload(Numbers(left.Count, 1));
        nint atB = Upload(Numbers(right.Count, 2));
        nint atC = Upload(before);
        Check(Product(a, b, m, n, k, 2f, (atA, left), (atB, right), beta, (atC, result), batch));

        float[] actual = Download<float>(atC, result.Count);
        double[] expected = Array.ConvertAll(before, value => (double)value);
        float[] x = Numbers(left.Count, 1);
        float[] y = Numbers(right.Count, 2);
        for (int s = 0; s < batch; s++)
        for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
        {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum +=
                    (double)x[a == N ? left.At(s, i, l) : left.At(s, l, i)]
                    * y[b == N ? right.At(s, l, j) : right.At(s, j, l)];
            int at = result.At(s, i, j);
            expected[at] = 2 * sum + beta * before[at];
        }
        Close.Check(actual, expected, 1e-6, "C");
    }

    [Test]
    public void A_beta_of_0_does_not_read_what_is_there_and_another_does()
    {
        var one = new Matrix(1, 1, 0, 1);
        nint a = Upload(3f);
        nint c = Allocate(sizeof(float));
        Check(Product(N, N, 1, 1, 1, 1f, (a, one), (a, one), 0f, (c, one), 1));
        Assert.That(Download<float>(c, 1), Is.EqualTo(new[] { 9f }));
        Write(c, [float.NaN]);
        Check(Product(N, N, 1, 1, 1, 1f, (a, one), (a, one), 0f, (c, one), 1));
        Assert.That(Download<float>(c, 1), Is.EqualTo(new[] { 9f }));
        nint unwritten = Allocate(sizeof(float));
        Check(Product(N, N, 1, 1, 1, 1f, (a, one), (a, one), 1f, (unwritten, one), 1));
        Faults(FaultKind.Uninitialised, "cublasSgemm", "C", "never written");
    }

    [Test]
    public void No_inner_columns_leave_beta_times_what_is_there()
    {
        var one = new Matrix(1, 1, 0, 1);
        nint c = Upload(4f);
        Check(Product(N, N, 1, 1, 0, 1f, (0, one), (0, one), 0.5f, (c, one), 1));
        Assert.That(Download<float>(c, 1), Is.EqualTo(new[] { 2f }));
    }

    [Test]
    public void Factors_can_be_on_the_device()
    {
        nint a = Upload(3f);
        nint c = Upload(1f);
        nint factors = Upload(2f, 10f);
        Check(
            Blas.cublasSetPointerMode(BlasHandle, cublasPointerMode_t.CUBLAS_POINTER_MODE_DEVICE)
        );
        Check(Sgemm(a, a, c, (float*)factors, (float*)factors + 1));
        Assert.That(Download<float>(c, 1), Is.EqualTo(new[] { 28f }));
        Check(Blas.cublasSetPointerMode(BlasHandle, cublasPointerMode_t.CUBLAS_POINTER_MODE_HOST));
        Assert.That(
            Sgemm(a, a, c, (float*)factors, (float*)factors + 1),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE)
        );
    }

    [Test]
    public void Tf32_is_used_where_it_is_allowed_and_nowhere_else()
    {
        // 1 + 2^-12 has one bit more than TF32 keeps.
        float fine = 1 + 1f / 4096;
        nint a = Upload(fine);
        nint b = Upload(1f);
        nint c = Upload(0f);
        float one = 1;
        float zero = 0;
        Check(Sgemm(a, b, c, &one, &zero));
        Assert.That(Download<float>(c, 1)[0], Is.EqualTo(fine));
        Check(Blas.cublasSetMathMode(BlasHandle, cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH));
        Check(Sgemm(a, b, c, &one, &zero));
        Assert.That(Download<float>(c, 1)[0], Is.EqualTo(1f));
        Check(Ex(cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC));
        Assert.That(Download<float>(c, 1)[0], Is.EqualTo(fine));
        Check(Blas.cublasSetMathMode(BlasHandle, cublasMath_t.CUBLAS_DEFAULT_MATH));
        Check(Ex(cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32));
        Assert.That(Download<float>(c, 1)[0], Is.EqualTo(1f));
        Assert.That(
            Ex(cublasComputeType_t.CUBLAS_COMPUTE_16F),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED)
        );

        cublasStatus_t Ex(cublasComputeType_t compute)
        {
            float alpha = 1;
            float beta = 0;
            return Blas.cublasGemmEx(
                BlasHandle,
                N,
                N,
                1,
                1,
                1,
                &alpha,
                (void*)a,
                cudaDataType.CUDA_R_32F,
                1,
                (void*)b,
                cudaDataType.CUDA_R_32F,
                1,
                &beta,
                (void*)c,
                cudaDataType.CUDA_R_32F,
                1,
                compute,
                cublasGemmAlgo_t.CUBLAS_GEMM_DEFAULT
            );
        }
    }

    [TestCase(2, 1, 1, "lda")]
    [TestCase(-1, 1, 1, "m")]
    public void Wrong_sizes_are_refused(int m, int n, int k, string what)
    {
        float one = 1;
        nint a = Upload(1f, 1f, 1f, 1f);
        Assert.That(
            Blas.cublasSgemm(
                BlasHandle,
                N,
                N,
                m,
                n,
                k,
                &one,
                (float*)a,
                1,
                (float*)a,
                1,
                &one,
                (float*)a,
                2
            ),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE),
            what
        );
    }

    [Test]
    public void A_matrix_that_ends_too_early_is_found()
    {
        var two = new Matrix(2, 2, 0, 1);
        nint a = Upload(1f, 2f, 3f, 4f);
        nint small = Upload(1f, 2f, 3f);
        nint c = Allocate(16);
        Check(Product(N, N, 2, 2, 2, 1f, (a, two), (small, two), 0f, (c, two), 1));
        Faults(FaultKind.OutOfBounds, "cublasSgemm", "B", "behind the end");
        float one = 1;
        Assert.That(
            Sgemm(a, a, c, &one, &one),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED)
        );
    }

    [Test]
    public void Overlapping_results_of_a_batch_are_refused()
    {
        nint a = Upload(1f);
        float alpha = 1;
        Assert.That(
            Blas.cublasSgemmStridedBatched(
                BlasHandle,
                N,
                N,
                1,
                1,
                1,
                &alpha,
                (float*)a,
                1,
                0,
                (float*)a,
                1,
                0,
                &alpha,
                (float*)a,
                1,
                0,
                2
            ),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE)
        );
    }

    [Test]
    public void The_workspace_is_spoilt_and_has_to_be_there()
    {
        nint a = Upload(1f);
        nint c = Upload(1f);
        nint workspace = Upload(new float[64]);
        float one = 1;
        Check(Blas.cublasSetWorkspace(BlasHandle, (void*)workspace, 256));
        Check(Sgemm(a, a, c, &one, &one));
        Synchronize();
        Check(Sgemm(workspace, a, c, &one, &one));
        Faults(FaultKind.Uninitialised, "cublasSgemm", "A", "never written");
    }

    [Test]
    public void A_workspace_of_too_few_bytes_is_found()
    {
        nint a = Upload(1f);
        float one = 1;
        Check(Blas.cublasSetWorkspace(BlasHandle, (void*)Allocate(256), 257));
        Check(Sgemm(a, a, Upload(1f), &one, &one));
        Faults(FaultKind.OutOfBounds, "workspace", "address", "behind the end");
    }

    [Test]
    public void A_capture_needs_a_workspace_since_the_stream_was_set()
    {
        nint a = Upload(1f);
        nint c = Upload(1f);
        nint workspace = Allocate(256);
        float one = 1;
        Check(Sgemm(a, a, c, &one, &one));
        Check(Blas.cublasSetWorkspace(BlasHandle, (void*)workspace, 256));
        CUgraph graph = Capture(expected: CUresult.CUDA_SUCCESS);
        Check(Driver.cuGraphDestroy(graph));
        // The same stream again, and the workspace is forgotten.
        Check(Blas.cublasSetStream(BlasHandle, Stream));
        Capture(expected: CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        VirtualFault fault = Device.TakeFaults().Single();
        Assert.That(fault.Call, Does.Contain("cublasSetWorkspace has to follow"));

        CUgraph Capture(CUresult expected)
        {
            CUgraph captured;
            float factor = 1;
            Check(
                Driver.cuStreamBeginCapture(
                    Stream,
                    CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
                )
            );
            Sgemm(a, a, c, &factor, &factor);
            Assert.That(Driver.cuStreamEndCapture(Stream, &captured), Is.EqualTo(expected));
            return captured;
        }
    }

    private cublasStatus_t Sgemm(nint a, nint b, nint c, float* alpha, float* beta) =>
        Blas.cublasSgemm(
            BlasHandle,
            N,
            N,
            1,
            1,
            1,
            alpha,
            (float*)a,
            1,
            (float*)b,
            1,
            beta,
            (float*)c,
            1
        );

    private cublasStatus_t Product(
        cublasOperation_t transA,
        cublasOperation_t transB,
        int m,
        int n,
        int k,
        float alpha,
        (nint At, Matrix Lie) a,
        (nint At, Matrix Lie) b,
        float beta,
        (nint At, Matrix Lie) c,
        int batch
    ) =>
        batch == 1
            ? Blas.cublasSgemm(
                BlasHandle,
                transA,
                transB,
                m,
                n,
                k,
                &alpha,
                (float*)a.At,
                a.Lie.Leading,
                (float*)b.At,
                b.Lie.Leading,
                &beta,
                (float*)c.At,
                c.Lie.Leading
            )
            : Blas.cublasSgemmStridedBatched(
                BlasHandle,
                transA,
                transB,
                m,
                n,
                k,
                &alpha,
                (float*)a.At,
                a.Lie.Leading,
                a.Lie.Stride,
                (float*)b.At,
                b.Lie.Leading,
                b.Lie.Stride,
                &beta,
                (float*)c.At,
                c.Lie.Leading,
                c.Lie.Stride,
                batch
            );

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    /// <summary>How column-major matrices lie.</summary>
    private sealed record Matrix(int Rows, int Columns, int Gap, int Batch)
    {
        public int Leading => Rows + Gap;
        public int Stride => Leading * Columns + Gap;
        public int Count => Stride * Batch;

        public int At(int batch, int row, int column) => batch * Stride + column * Leading + row;
    }
}
