using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>
/// A virtual device with a context, a stream and handles of the virtual cuDNN and cuBLAS, all called through Native's
/// tables. Every test ends with nothing leaked and no misuse that it did not ask for.
/// </summary>
[NonParallelizable]
public abstract unsafe class LibraryTest
{
    private readonly List<CUdeviceptr> _allocated = [];
    private VirtualDevice? _device;

    private protected VirtualDevice Device => _device!;
    private protected CudaDriver Driver { get; private set; } = null!;
    private protected CuDnn Dnn { get; private set; } = null!;
    private protected CuBlas Blas { get; private set; } = null!;
    private protected CUcontext Context { get; private set; }
    private protected CUstream Stream { get; private set; }
    private protected cudnnHandle_t DnnHandle { get; private set; }
    private protected cublasHandle_t BlasHandle { get; private set; }

    [SetUp]
    public void Start()
    {
        _device = VirtualDevice.Start(new() { Seed = TestContext.CurrentContext.Random.Next() });
        Driver = new CudaDriver(Device.Symbols(LibraryKind.CudaDriver));
        Dnn = new CuDnn(NativeExport.Library("virtual cuDNN", CuDnnLibrary.Exports));
        Blas = new CuBlas(NativeExport.Library("virtual cuBLAS", CuBlasLibrary.Exports));
        CUcontext context;
        CUstream stream;
        cudnnHandle_t dnn;
        cublasHandle_t blas;
        Check(Driver.cuInit(0));
        Check(Driver.cuDevicePrimaryCtxRetain(&context, new CUdevice(0)));
        Check(Driver.cuCtxSetCurrent(context));
        Check(Driver.cuStreamCreate(&stream, (uint)CUstream_flags.CU_STREAM_NON_BLOCKING));
        Check(Dnn.cudnnCreate(&dnn));
        Check(Dnn.cudnnSetStream(dnn, stream));
        Check(Blas.cublasCreate(&blas));
        Check(Blas.cublasSetStream(blas, stream));
        (Context, Stream, DnnHandle, BlasHandle) = (context, stream, dnn, blas);
    }

    [TearDown]
    public void Stop()
    {
        if (_device is null)
            return;
        try
        {
            // After a fault the device answers nothing any more: what it holds is no leak of the test's.
            if (_device.IsPoisoned || TestContext.CurrentContext.Result.FailCount > 0)
                return;
            Check(Dnn.cudnnDestroy(DnnHandle));
            Check(Blas.cublasDestroy(BlasHandle));
            Synchronize();
            foreach (CUdeviceptr address in _allocated)
                Check(Driver.cuMemFree(address));
            Check(Driver.cuStreamDestroy(Stream));
            Check(Driver.cuDevicePrimaryCtxRelease(new CUdevice(0)));
            _device.AssertClean();
        }
        finally
        {
            _allocated.Clear();
            _device.Dispose();
            _device = null;
        }
    }

    private protected void Check(CUresult result) =>
        Assert.That(
            result,
            Is.EqualTo(CUresult.CUDA_SUCCESS),
            () => string.Join("\n", Device.Faults)
        );

    private protected void Check(cudnnStatus_t status)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            Assert.Fail($"{status}: {LastError()}");
    }

    private protected static void Check(cublasStatus_t status) =>
        Assert.That(status, Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_SUCCESS));

    private protected string LastError()
    {
        byte* text = stackalloc byte[1000];
        Dnn.cudnnGetLastErrorString(text, 1000);
        return Marshal.PtrToStringUTF8((nint)text)!;
    }

    /// <summary>A call is refused with a status, and says why.</summary>
    private protected void Refused(cudnnStatus_t actual, cudnnStatus_t expected, string why)
    {
        string said = LastError();
        Assert.That(actual, Is.EqualTo(expected), said);
        Assert.That(said, Does.Contain(why));
    }

    /// <summary>Device memory that was never written; 0 bytes give null.</summary>
    private protected nint Allocate(long bytes)
    {
        if (bytes == 0)
            return 0;
        CUdeviceptr address;
        Check(Driver.cuMemAlloc(&address, (nuint)bytes));
        _allocated.Add(address);
        return (nint)address.Value;
    }

    private protected nint Upload<T>(params T[] values)
        where T : unmanaged
    {
        nint address = Allocate((long)values.Length * sizeof(T));
        Write(address, values);
        return address;
    }

    private protected void Write<T>(nint address, T[] values)
        where T : unmanaged
    {
        fixed (T* from = values)
            Check(
                // In the stream: a copy outside of it need not have arrived when its work begins.
                Driver.cuMemcpyHtoDAsync(
                    new CUdeviceptr((ulong)address),
                    from,
                    (nuint)(values.Length * sizeof(T)),
                    Stream
                )
            );
        Synchronize();
    }

    private protected T[] Download<T>(nint address, long count)
        where T : unmanaged
    {
        Synchronize();
        var values = new T[count];
        fixed (T* to = values)
            Check(
                Driver.cuMemcpyDtoH(to, new CUdeviceptr((ulong)address), (nuint)(count * sizeof(T)))
            );
        return values;
    }

    private protected void Synchronize() => Check(Driver.cuStreamSynchronize(Stream));

    /// <summary>The work that was put in ends in a misuse.</summary>
    private protected void Faults(FaultKind kind, string call, string argument, string detail)
    {
        Assert.That(Driver.cuStreamSynchronize(Stream), Is.Not.EqualTo(CUresult.CUDA_SUCCESS));
        VirtualFault fault = Device.TakeFaults()[0];
        Assert.Multiple(() =>
        {
            Assert.That(fault.Kind, Is.EqualTo(kind), fault.ToString());
            Assert.That(fault.Call, Is.EqualTo(call));
            Assert.That(fault.Argument, Is.EqualTo(argument));
            Assert.That(fault.Detail, Does.Contain(detail));
        });
    }

    private protected static float[] Floats(double[] values) =>
        Array.ConvertAll(values, value => (float)value);
}
