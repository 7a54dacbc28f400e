using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>cuBLASLt's products with a bias, or with the sums of a factor beside them.</summary>
public sealed class CuBlasLtTests : InteropFixture
{
    [Test]
    public void A_bias_is_added_and_a_gradient_summed_up_row_major(
        [Values(1, 3)] int m,
        [Values(1, 5)] int n,
        [Values(1, 4, 130)] int k,
        [Values] bool transposeA,
        [Values] bool transposeB,
        [Values] CuBlasLtEpilogue epilogue,
        [Values(0f, 1f)] float beta
    )
    {
        float[] a = Numbers(m * k, 1);
        float[] b = Numbers(k * n, 2);
        float[] c = Numbers(m * n, 3);
        using CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
        using CuBlasLtPlan plan = lt.Plan(
            new CuBlasLtShape(transposeA, transposeB, m, n, k, epilogue)
            {
                MostWorkspaceBytes = 4096,
            }
        );
        float[] bias = Numbers(plan.Shape.VectorCount, 4);
        using DeviceBuffer<float> deviceA = Upload(a);
        using DeviceBuffer<float> deviceB = Upload(b);
        using DeviceBuffer<float> deviceC = Upload(c);
        using DeviceBuffer<float> vector = Upload(bias);
        using DeviceBuffer<byte> workspace = Context.Allocate<byte>(4096);
        using CuBlasLtProduct product = plan.Bind(vector);
        product.Multiply(
            transposeA ? new(deviceA, k, m) : new(deviceA, m, k),
            transposeB ? new(deviceB, n, k) : new(deviceB, k, n),
            new(deviceC, m, n),
            workspace,
            Stream,
            beta
        );

        float[] result = deviceC.Span.ToArray(Stream);
        float[] sums = vector.Span.ToArray(Stream);
        for (int i = 0; i < m; i++)
        {
            double sumOfA = 0;
            for (int l = 0; l < k; l++)
                sumOfA += a[transposeA ? l * m + i : i * k + l];
            if (epilogue == CuBlasLtEpilogue.Sums)
                Assert.That(sums[i], Is.EqualTo(sumOfA).Within(1e-4), $"sum {i}");
            for (int j = 0; j < n; j++)
            {
                double sum = beta * c[i * n + j];
                for (int l = 0; l < k; l++)
                    sum +=
                        (double)a[transposeA ? l * m + i : i * k + l]
                        * b[transposeB ? j * k + l : l * n + j];
                if (epilogue == CuBlasLtEpilogue.Bias)
                    sum += bias[j];
                Assert.That(result[i * n + j], Is.EqualTo(sum).Within(1e-4), $"{i}, {j}");
            }
        }
    }

    // An algorithm that joins parts of sums as they come would differ here in every second run.
    [Test]
    public void Products_repeat_bit_for_bit()
    {
        const int m = 2,
            n = 3,
            k = 500;
        using CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
        using CuBlasLtPlan plan = lt.Plan(new(false, true, m, n, k, CuBlasLtEpilogue.Bias));
        Assert.That(plan.WorkspaceBytes, Is.Zero);
        using DeviceBuffer<float> a = Upload(Numbers(m * k, 1));
        using DeviceBuffer<float> b = Upload(Numbers(n * k, 2));
        using DeviceBuffer<float> bias = Upload(Numbers(n, 3));
        using DeviceBuffer<float> c = Context.Allocate<float>(m * n);
        using CuBlasLtProduct product = plan.Bind(bias);
        float[][] results =
        [
            .. Enumerable
                .Range(0, 4)
                .Select(_ =>
                {
                    product.Multiply(new(a, m, k), new(b, n, k), new(c, m, n), default, Stream);
                    return c.Span.ToArray(Stream);
                }),
        ];
        Assert.That(results, Is.All.EqualTo(results[0]));
    }

    [Test]
    public void What_does_not_fit_is_refused_before_any_call()
    {
        using CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
        foreach (
            (CuBlasLtShape shape, string why) in ((CuBlasLtShape, string)[])
                [
                    (new(false, true, 0, 2, 2, CuBlasLtEpilogue.Bias), "above 0"),
                    (new(false, true, 2, 2, 2, (CuBlasLtEpilogue)7), "no epilogue 7"),
                    (
                        new(false, true, 2, 2, 2, CuBlasLtEpilogue.Bias) { Alignment = 12 },
                        "power of 2"
                    ),
                    (
                        new(false, true, 2, 2, 2, CuBlasLtEpilogue.Bias)
                        {
                            MostWorkspaceBytes = -1,
                        },
                        "below 0"
                    ),
                    (default, "above 0"),
                ]
        )
            Assert.That(
                Assert.Throws<ArgumentException>(() => lt.Plan(shape)).Message,
                Does.Contain(why)
            );
        using CuBlasLtPlan plan = lt.Plan(
            new(false, true, 2, 3, 100, CuBlasLtEpilogue.Bias)
            {
                Alignment = 16,
                MostWorkspaceBytes = 4096,
            }
        );
        Assert.That(plan.WorkspaceBytes, Is.Positive);
        using DeviceBuffer<float> buffer = Context.Allocate<float>(512);
        using DeviceBuffer<byte> workspace = Context.Allocate<byte>(4096);
        Assert.Throws<ArgumentException>(() => plan.Bind(buffer.Slice(0, 2)));
        Assert.Throws<ArgumentException>(() => plan.Bind(buffer.Slice(1)));
        using CuBlasLtProduct product = plan.Bind(buffer);
        Matrix a = new(buffer, 2, 100);
        Matrix b = new(buffer, 3, 100);
        Matrix c = new(buffer, 2, 3);
        Gpu.Counts.Reset();
        Refused(a with { Rows = 1 }, b, c, workspace, "wants 2 x 100");
        Refused(a, b with { Columns = 3, Stride = 3 }, c, workspace, "wants 3 x 100");
        Refused(a, b, c with { Stride = 4 }, workspace, "4 apart");
        Refused(a with { Elements = buffer.Slice(1) }, b, c, workspace, "aligned to 16");
        Refused(a, b, c, workspace.Slice(0, 16), "there are 16");
        Refused(a, b, c, workspace.Slice(16), "aligned to 256");
        Assert.Throws<ArgumentNullException>(() => product.Multiply(a, b, c, workspace, null!));
        product.Dispose();
        Assert.Throws<ObjectDisposedException>(() => product.Multiply(a, b, c, workspace, Stream));
        Assert.That(Calls("cublasLtMatmul"), Is.Zero);

        void Refused(Matrix x, Matrix y, Matrix z, DeviceSpan<byte> scratch, string why) =>
            Assert.That(
                Assert
                    .Throws<ArgumentException>(() => product.Multiply(x, y, z, scratch, Stream))
                    .Message,
                Does.Contain(why)
            );
    }

    [Test]
    public void A_shape_without_an_algorithm_is_told_by_its_status(
        [Values(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED, cublasStatus_t.CUBLAS_STATUS_SUCCESS)]
            cublasStatus_t answer
    )
    {
        using CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
        Gpu.Manners.NoEpilogue = shape => shape == "TN 3 2 4" ? answer : null;
        var error = Assert.Throws<CublasException>(() =>
            lt.Plan(new(false, true, 2, 3, 4, CuBlasLtEpilogue.Bias))
        );
        Assert.That(error.Status, Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED));
        Assert.That(error.Call, Is.EqualTo("cublasLtMatmulAlgoGetHeuristic"));
        Assert.That(error.Message, Does.Contain("2 x 3 x 4, B transposed, Bias"));
    }

    [Test]
    public void Refused_calls_leave_nothing_behind(
        [Values(
            "cublasLtCreate",
            "cublasLtMatrixLayoutCreate",
            "cublasLtMatmulDescCreate",
            "cublasLtMatmulDescSetAttribute",
            "cublasLtMatmulPreferenceCreate",
            "cublasLtMatmulPreferenceSetAttribute",
            "cublasLtMatmulAlgoGetHeuristic",
            "cublasLtMatmul"
        )]
            string call,
        [Values(0, 1, 2, 3)] int after
    )
    {
        Gpu.Refuse(call, (int)cublasStatus_t.CUBLAS_STATUS_INTERNAL_ERROR, after, times: 1);
        using DeviceBuffer<float> buffer = Upload(Numbers(64, 1));
        CublasException? error = null;
        try
        {
            using CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
            using CuBlasLtPlan plan = lt.Plan(new(false, true, 2, 3, 4, CuBlasLtEpilogue.Bias));
            using CuBlasLtProduct product = plan.Bind(buffer);
            product.Multiply(
                new(buffer, 2, 4),
                new(buffer, 3, 4),
                new(buffer.Slice(32), 2, 3),
                default,
                Stream
            );
        }
        catch (CublasException e)
        {
            error = e;
        }
        // Calls that are made once have no second time.
        Assert.That(error?.Call ?? call, Is.EqualTo(call));
        Assert.That(error is null, Is.EqualTo(after >= Calls(call)));
    }

    [Test]
    public void Objects_may_be_disposed_in_any_order()
    {
        CuBlasLtHandle lt = CuBlasLtHandle.Create(Context);
        CuBlasLtPlan plan = lt.Plan(new(false, true, 2, 3, 4, CuBlasLtEpilogue.Bias));
        DeviceBuffer<float> bias = Upload(Numbers(3, 1));
        using DeviceBuffer<float> buffer = Upload(Numbers(64, 1));
        CuBlasLtProduct product = plan.Bind(bias);
        lt.Dispose();
        plan.Dispose();
        bias.Dispose();
        Assert.That(Calls("cublasLtDestroy") + Calls("cuMemFree"), Is.Zero);
        Assert.Throws<ObjectDisposedException>(() => plan.Bind(buffer));
        Assert.Throws<ObjectDisposedException>(() => lt.Plan(plan.Shape));
        product.Multiply(
            new(buffer, 2, 4),
            new(buffer, 3, 4),
            new(buffer.Slice(32), 2, 3),
            default,
            Stream
        );
        product.Dispose();
        Assert.That((Calls("cublasLtDestroy"), Calls("cuMemFree")), Is.EqualTo((1, 1)));
    }

    [Test]
    public void Without_a_cuBLASLt_there_is_no_handle()
    {
        CudaLibraries libraries = CudaLibraries.From(
            Gpu.Symbols(LibraryKind.CudaDriver),
            Gpu.Symbols(LibraryKind.CuDnn),
            Gpu.Symbols(LibraryKind.CuBlas)
        );
        Assert.That(libraries.Failure, Is.Null);
        Assert.That(libraries.CuBlasLt, Is.Null);
        using CudaContext context = CudaContext.Primary(libraries.Device());
        var error = Assert.Throws<LibraryException>(() => CuBlasLtHandle.Create(context));
        Assert.That(error.Message, Does.Contain("cuBLASLt"));
        Gpu.Manners.OtherCuBlasLt = true;
        libraries = CudaLibraries.From(
            Gpu.Symbols(LibraryKind.CudaDriver),
            Gpu.Symbols(LibraryKind.CuDnn),
            Gpu.Symbols(LibraryKind.CuBlas),
            cuBlasLt: Gpu.Symbols(LibraryKind.CuBlasLt)
        );
        Assert.That(
            libraries.Native.CuBlasLt.Failure!.Kind,
            Is.EqualTo(FailureKind.UnsupportedVersion)
        );
    }

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }
}
