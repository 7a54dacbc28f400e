using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>cuBLAS's handle and row-major products.</summary>
public sealed class CuBlasTests : InteropFixture
{
    [Test]
    public void Products_are_row_major(
        [Values] bool transposeA,
        [Values] bool transposeB,
        [Values(0f, 0.5f)] float beta
    )
    {
        const int m = 3,
            n = 5,
            k = 4;
        using var blas = CuBlasHandle.Create(Stream);
        float[] a = Numbers(m * k, 1),
            b = Numbers(k * n, 2),
            c = Numbers(m * n, 3);
        using var deviceA = Upload(a);
        using var deviceB = Upload(b);
        using var deviceC = Upload(c);
        blas.Multiply(
            transposeA ? new(deviceA, k, m) : new(deviceA, m, k),
            transposeA,
            transposeB ? new(deviceB, n, k) : new(deviceB, k, n),
            transposeB,
            new(deviceC, m, n),
            alpha: 2,
            beta: beta
        );

        float[] result = deviceC.Span.ToArray(Stream);
        for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
        {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum +=
                    (double)a[transposeA ? l * m + i : i * k + l]
                    * b[transposeB ? j * k + l : l * n + j];
            double expected = 2 * sum + beta * c[i * n + j];
            Assert.That(result[i * n + j], Is.EqualTo(expected).Within(1e-5), $"{i}, {j}");
        }
    }

    [Test]
    public void Rows_may_lie_apart_and_matrices_in_a_batch()
    {
        using var blas = CuBlasHandle.Create(Stream);
        // Two matrices of 2 x 2 in rows of 3, times one, to rows of 2.
        using var a = Upload(1, 2, -1, 3, 4, -1, 5, 6, -1, 7, 8);
        using var b = Upload(1, 10, 100, 1000);
        using var c = Context.Allocate<float>(8);
        blas.MultiplyBatch(
            new(a, 2, 2, 3),
            false,
            6,
            new(b, 2, 2),
            false,
            0,
            new(c, 2, 2),
            4,
            count: 2
        );

        Assert.That(
            c.Span.ToArray(Stream),
            Is.EqualTo(new float[] { 201, 2010, 403, 4030, 605, 6050, 807, 8070 })
        );
    }

    [Test]
    public void Shapes_that_do_not_fit_are_refused_before_any_call()
    {
        using var blas = CuBlasHandle.Create(Stream);
        using var buffer = Context.Allocate<float>(12);
        Gpu.Counts.Reset();

        Refused(new(buffer, 3, 4), new(buffer, 3, 4), new(buffer, 3, 4), "do not fit");
        Refused(new(buffer, 3, 5), new(buffer, 5, 2), new(buffer, 3, 2), "there are 12");
        Refused(new(buffer, 3, 4, 3), new(buffer, 4, 3), new(buffer, 3, 3), "rows 3 apart");
        Refused(new(buffer, 0, 4), new(buffer, 4, 3), new(buffer, 0, 3), "above 0");
        Refused(default, default, default, "above 0");
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            blas.MultiplyBatch(
                new(buffer, 1, 2),
                false,
                2,
                new(buffer, 2, 2),
                false,
                0,
                new(buffer, 1, 2),
                1,
                count: 2
            )
        );
        Assert.That(Gpu.Counts.OfAll("cublas"), Is.Zero);

        void Refused(Matrix a, Matrix b, Matrix c, string why)
        {
            var error = Assert.Throws<ArgumentException>(() =>
                blas.Multiply(a, false, b, false, c)
            );
            Assert.That(error.Message, Does.Contain(why));
        }
    }

    [Test]
    public void The_workspace_is_set_with_every_stream()
    {
        using var workspace = Context.Allocate<byte>(4096);
        using var other = Context.CreateStream();
        using var blas = CuBlasHandle.Create(Stream, workspace);
        Assert.That(Calls("cublasSetWorkspace"), Is.EqualTo(1));
        blas.SetStream(Stream, workspace);
        Assert.That(Calls("cublasSetStream"), Is.EqualTo(1));
        blas.SetStream(other, workspace);
        Assert.That(Calls("cublasSetStream"), Is.EqualTo(2));
        Assert.That(Calls("cublasSetWorkspace"), Is.EqualTo(2));
        Assert.That(blas.Stream, Is.SameAs(other));
        Assert.Throws<ArgumentException>(() => blas.SetStream(other, workspace.Slice(1)));
        // The handle holds both.
        other.Dispose();
        workspace.Dispose();
        Assert.That(Calls("cuMemFree") + Calls("cuStreamDestroy"), Is.Zero);
        blas.Dispose();
        Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
        Assert.That(Calls("cuStreamDestroy"), Is.EqualTo(1));
        Assert.Throws<ObjectDisposedException>(() =>
            blas.MathMode = cublasMath_t.CUBLAS_DEFAULT_MATH
        );
    }

    [Test]
    public void The_arithmetic_is_true_float32_until_it_is_set()
    {
        using var blas = CuBlasHandle.Create(Stream);
        Assert.That(blas.MathMode, Is.EqualTo(cublasMath_t.CUBLAS_PEDANTIC_MATH));
        blas.MathMode = cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH;
        blas.MathMode = cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH;
        Assert.That(Calls("cublasSetMathMode"), Is.EqualTo(2));
    }

    [Test]
    public void A_refused_call_is_an_error_with_status_and_shapes()
    {
        using var blas = CuBlasHandle.Create(Stream);
        using var buffer = Context.Allocate<float>(4);
        Gpu.Refuse("cublasSgemm", (int)cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED, times: 1);
        var error = Assert.Throws<CublasException>(() =>
            blas.Multiply(new(buffer, 2, 2), false, new(buffer, 2, 2), false, new(buffer, 2, 2))
        );
        Assert.That(error.Status, Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED));
        Assert.That(error.StatusName, Is.EqualTo("CUBLAS_STATUS_EXECUTION_FAILED"));
        Assert.That(error.Call, Is.EqualTo("cublasSgemm"));
        Assert.That(error.Message, Does.Contain("2 x 2 by 2 x 2"));
        Gpu.Refuse("cublasSetMathMode", (int)cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED);
        Assert.Throws<CublasException>(() => CuBlasHandle.Create(Stream));
    }

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }
}
