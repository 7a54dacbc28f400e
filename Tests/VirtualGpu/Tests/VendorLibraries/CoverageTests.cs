using System.Reflection;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Native.Generator;
using Sequor.Tests.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>The virtual libraries as such: every function is there, versions, errors, handles.</summary>
public sealed unsafe class CoverageTests : LibraryTest
{
    [Test]
    public void Every_declared_function_is_there()
    {
        Assert.That(Dnn.Missing, Is.Empty);
        Assert.That(Blas.Missing, Is.Empty);
        Assert.That(new CuBlasLt(Device.Symbols(LibraryKind.CuBlasLt)).Missing, Is.Empty);
    }

    [TestCase(typeof(CuDnn))]
    [TestCase(typeof(CuBlas))]
    [TestCase(typeof(CuBlasLt))]
    public void Every_export_has_the_types_that_callers_use(Type table)
    {
        Dictionary<string, string> names = Tables
            .All<FunctionFact>()
            .Where(f => f.File.Class == table.Name)
            .ToDictionary(f => f.Fact.Symbol, f => f.Fact.Name);
        IReadOnlyList<NativeExport> exports =
            table == typeof(CuDnn) ? CuDnnLibrary.Exports
            : table == typeof(CuBlas) ? CuBlasLibrary.Exports
            : CuBlasLtLibrary.Exports;
        Assert.That(exports.Select(e => e.Symbol), Is.EquivalentTo(names.Keys));
        foreach (NativeExport export in exports)
        {
            MethodInfo declared = table.GetMethod(names[export.Symbol])!;
            Assert.That(export.Method.ReturnType, Is.EqualTo(declared.ReturnType), export.Symbol);
            Assert.That(
                export.Method.GetParameters().Select(p => p.ParameterType),
                Is.EqualTo(declared.GetParameters().Select(p => p.ParameterType)),
                export.Symbol
            );
        }
    }

    [Test]
    public void Versions_are_of_one_release()
    {
        int version;
        int major;
        Check(Blas.cublasGetVersion(BlasHandle, &version));
        Check(Blas.cublasGetProperty(libraryPropertyType.MAJOR_VERSION, &major));
        Assert.Multiple(() =>
        {
            Assert.That(Dnn.cudnnGetVersion() / 10000, Is.EqualTo((nuint)9));
            Assert.That(Dnn.cudnnGetCudartVersion(), Is.EqualTo(Blas.cublasGetCudartVersion()));
            Assert.That(Dnn.cudnnGetMaxDeviceVersion(), Is.GreaterThanOrEqualTo((nuint)860));
        });
        Assert.That(version / 10000, Is.EqualTo(major));
        Check(Dnn.cudnnGraphVersionCheck());
        Check(Dnn.cudnnOpsVersionCheck());
        Check(Dnn.cudnnCnnVersionCheck());
        Check(Dnn.cudnnAdvVersionCheck());
    }

    [Test]
    public void Statuses_have_names()
    {
        byte* dnn = Dnn.cudnnGetErrorString(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_PADDING);
        byte* blas = Blas.cublasGetStatusName(cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED);
        byte* text = Blas.cublasGetStatusString(cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED);
        Assert.That(
            Marshal.PtrToStringUTF8((nint)dnn),
            Is.EqualTo("CUDNN_STATUS_NOT_SUPPORTED_PADDING")
        );
        Assert.That(Marshal.PtrToStringUTF8((nint)blas), Is.EqualTo("CUBLAS_STATUS_ALLOC_FAILED"));
        Assert.That(Marshal.PtrToStringUTF8((nint)text), Is.Not.Empty);
    }

    [Test]
    public void The_last_error_is_told_once_and_cut_to_the_room_for_it()
    {
        Assert.That(
            Dnn.cudnnCreateTensorDescriptor(null),
            Is.EqualTo(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM)
        );
        byte* text = stackalloc byte[8];
        Dnn.cudnnGetLastErrorString(text, 8);
        Assert.That(Marshal.PtrToStringUTF8((nint)text), Is.EqualTo("cudnnCr"));
        Assert.That(LastError(), Is.Empty);
    }

    [Test]
    public void A_destroyed_handle_and_one_of_another_kind_are_found()
    {
        cudnnHandle_t other;
        CUstream stream;
        Check(Dnn.cudnnCreate(&other));
        Check(Dnn.cudnnDestroy(other));
        Refused(
            Dnn.cudnnGetStream(other, &stream),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "no cuDNN handle"
        );
        Refused(
            Dnn.cudnnGetStream(new(BlasHandle.Value), &stream),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "no cuDNN handle"
        );
        Assert.That(
            Blas.cublasGetStream(new(other.Value), &stream),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED)
        );
        Assert.That(
            Device.TakeFaults().Select(f => f.Kind),
            Is.EqualTo(
                new[] { FaultKind.DestroyedHandle, FaultKind.BadHandle, FaultKind.BadHandle }
            )
        );
    }

    [Test]
    public void A_handle_that_is_not_destroyed_is_a_leak()
    {
        cudnnHandle_t other;
        cudnnTensorDescriptor_t tensor;
        Check(Dnn.cudnnCreate(&other));
        Check(Dnn.cudnnCreateTensorDescriptor(&tensor));
        Assert.That(Device.LiveHandles()["cuDNN handle"], Is.EqualTo(2));
        var e = Assert.Throws<InvalidOperationException>(Device.AssertClean);
        Assert.That(e.Message, Does.Contain("1 x cuDNN tensor descriptor"));
        Check(Dnn.cudnnDestroy(other));
        Check(Dnn.cudnnDestroyTensorDescriptor(tensor));
    }

    [Test]
    public void Handles_need_a_context_and_memory()
    {
        cudnnHandle_t dnn;
        cublasHandle_t blas;
        Device.FailAllocation(1);
        Assert.That(
            Dnn.cudnnCreate(&dnn),
            Is.EqualTo(cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        );
        Device.FailAllocation(1);
        Assert.That(
            Blas.cublasCreate(&blas),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED)
        );
        Check(Driver.cuCtxSetCurrent(default));
        Assert.That(Dnn.cudnnCreate(&dnn), Is.EqualTo(cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED));
        Assert.That(
            Blas.cublasCreate(&blas),
            Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED)
        );
        Check(Driver.cuCtxSetCurrent(Context));
    }

    [Test]
    public void A_refused_call_returns_what_the_test_wants()
    {
        Device.Refuse("cudnnCreateTensorDescriptor", 3000, times: 1);
        cudnnTensorDescriptor_t tensor;
        Refused(
            Dnn.cudnnCreateTensorDescriptor(&tensor),
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "CUDNN_STATUS_NOT_SUPPORTED"
        );
    }

    [Test]
    public void Creating_a_handle_spoils_a_capture()
    {
        CUgraph graph;
        cudnnHandle_t other;
        Check(
            Driver.cuStreamBeginCapture(
                Stream,
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
            )
        );
        Refused(
            Dnn.cudnnCreate(&other),
            cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER,
            "CAPTURE"
        );
        Assert.That(
            Driver.cuStreamEndCapture(Stream, &graph),
            Is.EqualTo(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED)
        );
        Assert.That(Device.TakeFaults().Single().Kind, Is.EqualTo(FaultKind.Capture));
    }
}
