using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>What the virtual cuBLASLt refuses; that its products are right is tested through Interop.</summary>
public sealed unsafe class LtMatmulTests : LibraryTest
{
    private const cublasStatus_t Invalid = cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE;

    private CuBlasLt _lt = null!;
    private cublasLtHandle_t _handle;
    private cublasLtMatmulDesc_t _descriptor;
    private cublasLtMatmulPreference_t _preference;
    private cublasLtMatrixLayout_t _a;
    private cublasLtMatrixLayout_t _b;
    private cublasLtMatrixLayout_t _c;

    // C [2, 3] = A [2, 100] B [100, 3] with a bias [2], all column-major.
    [SetUp]
    public void Make()
    {
        _lt = new CuBlasLt(Device.Symbols(LibraryKind.CuBlasLt));
        cublasLtHandle_t handle;
        cublasLtMatmulDesc_t descriptor;
        cublasLtMatmulPreference_t preference;
        Check(_lt.cublasLtCreate(&handle));
        Check(
            _lt.cublasLtMatmulDescCreate(
                &descriptor,
                cublasComputeType_t.CUBLAS_COMPUTE_32F,
                cudaDataType.CUDA_R_32F
            )
        );
        Check(_lt.cublasLtMatmulPreferenceCreate(&preference));
        (_handle, _descriptor, _preference) = (handle, descriptor, preference);
        (_a, _b, _c) = (Layout(2, 100), Layout(100, 3), Layout(2, 3));
        Check(Epilogue(cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS));
    }

    [TearDown]
    public void Destroy()
    {
        if (Device.IsPoisoned)
            return;
        foreach (cublasLtMatrixLayout_t layout in (cublasLtMatrixLayout_t[])[_a, _b, _c])
            Check(_lt.cublasLtMatrixLayoutDestroy(layout));
        Check(_lt.cublasLtMatmulDescDestroy(_descriptor));
        Check(_lt.cublasLtMatmulPreferenceDestroy(_preference));
        Check(_lt.cublasLtDestroy(_handle));
    }

    [Test]
    public void Sizes_of_attributes_and_values_are_looked_at()
    {
        int value = 0;
        long wide = 0;
        uint odd = 12;
        Assert.That(
            Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, &wide, 8),
            Is.EqualTo(Invalid)
        );
        Assert.That(
            Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, null, 4),
            Is.EqualTo(Invalid)
        );
        Assert.That(
            Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &value, 4),
            Is.EqualTo(Invalid)
        );
        Assert.That(
            Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, &value, 4),
            Is.EqualTo(Invalid)
        );
        Assert.That(Set((cublasLtMatmulDescAttributes_t)99, &value, 4), Is.EqualTo(Invalid));
        Assert.That(
            Prefer(
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                &value,
                4
            ),
            Is.EqualTo(Invalid)
        );
        Assert.That(
            Prefer(
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                &odd,
                4
            ),
            Is.EqualTo(Invalid)
        );
        cublasLtMatrixLayout_t layout;
        Assert.That(
            _lt.cublasLtMatrixLayoutCreate(&layout, cudaDataType.CUDA_R_32F, 3, 2, 2),
            Is.EqualTo(Invalid)
        );
    }

    [Test]
    public void An_epilogue_wants_its_pointer_and_layouts_that_go_together()
    {
        Assert.That(Heuristic(out _), Is.EqualTo(Invalid), "no bias pointer");
        Bias(16);
        Check(Heuristic(out _));
        cublasLtMatrixLayout_t right = _b;
        _b = Layout(99, 3);
        Assert.That(Heuristic(out _), Is.EqualTo(Invalid), "99 rows for 100 columns");
        Check(_lt.cublasLtMatrixLayoutDestroy(_b));
        _b = right;
        cublasLtMatmulDesc_t other;
        Check(
            _lt.cublasLtMatmulDescCreate(
                &other,
                cublasComputeType_t.CUBLAS_COMPUTE_16F,
                cudaDataType.CUDA_R_32F
            )
        );
        (other, _descriptor) = (_descriptor, other);
        Assert.That(
            Heuristic(out _),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED),
            "sums in half precision"
        );
        (other, _descriptor) = (_descriptor, other);
        Check(_lt.cublasLtMatmulDescDestroy(other));
        Assert.That(_lt.cublasLtMatmulDescDestroy(other), Is.EqualTo(Invalid), "destroyed before");
        Assert.That(Device.TakeFaults().Single().Kind, Is.EqualTo(FaultKind.DestroyedHandle));
    }

    [Test]
    public void A_product_wants_its_workspace_its_alignment_and_the_algorithm_of_its_shape()
    {
        ulong room = 4096;
        Check(
            Prefer(
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                &room,
                8
            )
        );
        uint scheme = 2;
        Check(
            Prefer(
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                &scheme,
                4
            )
        );
        nint bias = Upload(1f, 2f);
        Bias(bias);
        Check(Heuristic(out cublasLtMatmulHeuristicResult_t found));
        Assert.That(found.workspaceSize, Is.EqualTo((nuint)(2 * 3 * 4 * 2)));
        nint a = Upload(Enumerable.Repeat(1f, 204).ToArray());
        nint b = Upload(Enumerable.Repeat(1f, 300).ToArray());
        nint c = Upload(new float[6]);
        nint workspace = Allocate(4096);
        Assert.That(Multiply(found, a, b, c, workspace, 16), Is.EqualTo(Invalid), "workspace");
        Assert.That(Multiply(found, a + 4, b, c, workspace, 4096), Is.EqualTo(Invalid), "a");
        Bias(bias + 4);
        Assert.That(Multiply(found, a, b, c, workspace, 4096), Is.EqualTo(Invalid), "the bias");
        Bias(bias);
        Check(Multiply(found, a, b, c, workspace, 4096));
        Assert.That(
            Download<float>(c, 6),
            Is.EqualTo(new[] { 101f, 102f, 101f, 102f, 101f, 102f })
        );
        Check(Epilogue(cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BGRADA));
        Assert.That(
            Multiply(found, a, b, c, workspace, 4096),
            Is.EqualTo(Invalid),
            "another epilogue"
        );
        Check(Heuristic(out found));
        Check(Multiply(found, a, b, c, workspace, 4096));
        Assert.That(Download<float>(bias, 2), Is.EqualTo(new[] { 100f, 100f }));
    }

    // As the manual of CUBLASLT_REDUCTION_SCHEME_INPLACE does not say in which order parts follow.
    [Test]
    public void Sums_that_are_joined_in_place_need_not_repeat()
    {
        nint bias = Upload(1f, 2f);
        Bias(bias);
        Check(Heuristic(out cublasLtMatmulHeuristicResult_t found));
        nint a = Upload(Enumerable.Repeat(1f, 200).ToArray());
        nint b = Upload(Enumerable.Repeat(1f, 300).ToArray());
        nint c = Upload(new float[6]);
        var seen = new HashSet<float>();
        for (int i = 0; i < 2; i++)
        {
            Check(Multiply(found, a, b, c, 0, 0));
            seen.Add(Download<float>(c, 6)[0]);
        }
        Assert.That(seen, Has.Count.EqualTo(2));
    }

    private cublasStatus_t Multiply(
        cublasLtMatmulHeuristicResult_t found,
        nint a,
        nint b,
        nint c,
        nint workspace,
        nuint bytes
    )
    {
        float one = 1;
        float zero = 0;
        return _lt.cublasLtMatmul(
            _handle,
            _descriptor,
            &one,
            (void*)a,
            _a,
            (void*)b,
            _b,
            &zero,
            (void*)c,
            _c,
            (void*)c,
            _c,
            &found.algo,
            (void*)workspace,
            bytes,
            Stream
        );
    }

    private cublasStatus_t Heuristic(out cublasLtMatmulHeuristicResult_t found)
    {
        cublasLtMatmulHeuristicResult_t result = default;
        int count;
        cublasStatus_t status = _lt.cublasLtMatmulAlgoGetHeuristic(
            _handle,
            _descriptor,
            _a,
            _b,
            _c,
            _c,
            _preference,
            1,
            &result,
            &count
        );
        found = result;
        return status;
    }

    private cublasStatus_t Epilogue(cublasLtEpilogue_t epilogue) =>
        Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 4);

    private void Bias(nint address) =>
        Check(Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address, 8));

    private cublasStatus_t Set(
        cublasLtMatmulDescAttributes_t attribute,
        void* value,
        nuint bytes
    ) => _lt.cublasLtMatmulDescSetAttribute(_descriptor, attribute, value, bytes);

    private cublasStatus_t Prefer(
        cublasLtMatmulPreferenceAttributes_t attribute,
        void* value,
        nuint bytes
    ) => _lt.cublasLtMatmulPreferenceSetAttribute(_preference, attribute, value, bytes);

    private cublasLtMatrixLayout_t Layout(ulong rows, ulong columns)
    {
        cublasLtMatrixLayout_t layout;
        Check(
            _lt.cublasLtMatrixLayoutCreate(
                &layout,
                cudaDataType.CUDA_R_32F,
                rows,
                columns,
                (long)rows
            )
        );
        return layout;
    }
}
