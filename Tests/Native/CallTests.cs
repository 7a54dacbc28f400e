using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native;

namespace Sequor.Tests.Native;

/// <summary>Calls arrive with every argument in its place, in registers, on the stack and by type.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe partial class CallTests
{
    [Test]
    public void Eleven_arguments_of_a_launch_arrive()
    {
        CudaDriver driver = Driver("cuLaunchKernel", (nint)Entry("cuLaunchKernel"));
        void* parameters = null;
        CUresult result = driver.cuLaunchKernel(
            new CUfunction(1),
            2,
            3,
            4,
            5,
            6,
            7,
            uint.MaxValue,
            new CUstream(nint.MinValue),
            &parameters,
            (void**)10
        );
        Assert.That(result, Is.EqualTo(CUresult.CUDA_ERROR_LAUNCH_FAILED));
        Assert.That(
            s_arguments,
            Is.EqualTo(
                new object[]
                {
                    (nint)1,
                    2u,
                    3u,
                    4u,
                    5u,
                    6u,
                    7u,
                    uint.MaxValue,
                    nint.MinValue,
                    (nint)(&parameters),
                    (nint)10,
                }
            )
        );
    }

    [Test]
    public void Addresses_and_sizes_keep_all_their_bits()
    {
        CudaDriver driver = Driver("cuMemcpyHtoDAsync", (nint)Entry("cuMemcpyHtoDAsync"));
        CUresult result = driver.cuMemcpyHtoDAsync(
            new CUdeviceptr(ulong.MaxValue),
            (void*)2,
            unchecked((nuint)(1L << 40)),
            default
        );
        Assert.That(result, Is.EqualTo(CUresult.CUDA_ERROR_INVALID_VALUE));
        Assert.That(
            s_arguments,
            Is.EqualTo(
                new object[] { ulong.MaxValue, (nint)2, unchecked((nuint)(1L << 40)), (nint)0 }
            )
        );
    }

    [Test]
    public void What_a_call_writes_comes_back()
    {
        CudaDriver driver = Driver("cuDeviceGetUuid", (nint)Entry("cuDeviceGetUuid"));
        CUuuid id;
        Assert.That(
            driver.cuDeviceGetUuid(&id, new CUdevice(3)),
            Is.EqualTo(CUresult.CUDA_SUCCESS)
        );
        Assert.That(new Span<byte>(id.bytes, 16).ToArray(), Is.EqualTo(Enumerable.Range(3, 16)));
    }

    [Test]
    public void Twenty_arguments_of_a_recurrent_net_arrive()
    {
        var cudnn = new CuDnn(
            new FakeSymbols("cudnn")
            {
                ["cudnnRNNForward"] = (nint)
                    (delegate* unmanaged<
                        cudnnHandle_t,
                        cudnnRNNDescriptor_t,
                        cudnnForwardMode_t,
                        int*,
                        cudnnRNNDataDescriptor_t,
                        void*,
                        cudnnRNNDataDescriptor_t,
                        void*,
                        cudnnTensorDescriptor_t,
                        void*,
                        void*,
                        cudnnTensorDescriptor_t,
                        void*,
                        void*,
                        nuint,
                        void*,
                        nuint,
                        void*,
                        nuint,
                        void*,
                        cudnnStatus_t>)
                        &RnnForward,
            }
        );
        cudnnStatus_t status = cudnn.cudnnRNNForward(
            new(1),
            new(2),
            cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING,
            (int*)4,
            new(5),
            (void*)6,
            new(7),
            (void*)8,
            new(9),
            (void*)10,
            (void*)11,
            new(12),
            (void*)13,
            (void*)14,
            15,
            (void*)16,
            17,
            (void*)18,
            19,
            (void*)20
        );
        Assert.That(status, Is.EqualTo(cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED));
        Assert.That(
            s_arguments,
            Is.EqualTo(
                new object[]
                {
                    1,
                    2,
                    1,
                    4,
                    5,
                    6,
                    7,
                    8,
                    9,
                    10,
                    11,
                    12,
                    13,
                    14,
                    15,
                    16,
                    17,
                    18,
                    19,
                    20,
                }
            )
        );
    }

    [Test]
    public void Floating_point_arguments_arrive_between_others()
    {
        var cudnn = new CuDnn(
            new FakeSymbols("cudnn")
            {
                ["cudnnRNNSetClip_v9"] = (nint)
                    (delegate* unmanaged<
                        cudnnRNNDescriptor_t,
                        cudnnRNNClipMode_t,
                        double,
                        double,
                        cudnnStatus_t>)
                        &SetClip,
                ["cudnnSetDropoutDescriptor"] = (nint)
                    (delegate* unmanaged<
                        cudnnDropoutDescriptor_t,
                        cudnnHandle_t,
                        float,
                        void*,
                        nuint,
                        ulong,
                        cudnnStatus_t>)
                        &SetDropout,
            }
        );
        cudnn.cudnnRNNSetClip_v9(new(1), cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX, -2.5, 1e300);
        Assert.That(s_arguments, Is.EqualTo(new object[] { (nint)1, 1, -2.5, 1e300 }));
        cudnn.cudnnSetDropoutDescriptor(new(1), new(2), 0.3f, (void*)4, 5, ulong.MaxValue);
        Assert.That(
            s_arguments,
            Is.EqualTo(new object[] { (nint)1, (nint)2, 0.3f, (nint)4, (nuint)5, ulong.MaxValue })
        );
    }

    [Test]
    public void A_matrix_product_and_a_text_come_through()
    {
        var cublas = new CuBlas(
            new FakeSymbols("cublas")
            {
                ["cublasSgemm_v2"] = (nint)
                    (delegate* unmanaged<
                        cublasHandle_t,
                        cublasOperation_t,
                        cublasOperation_t,
                        int,
                        int,
                        int,
                        float*,
                        float*,
                        int,
                        float*,
                        int,
                        float*,
                        float*,
                        int,
                        cublasStatus_t>)
                        &Sgemm,
                ["cublasGetStatusName"] = (nint)
                    (delegate* unmanaged<cublasStatus_t, byte*>)&StatusName,
            }
        );
        float alpha = 2;
        float beta = -1;
        cublasStatus_t status = cublas.cublasSgemm(
            new(1),
            cublasOperation_t.CUBLAS_OP_T,
            cublasOperation_t.CUBLAS_OP_N,
            4,
            5,
            6,
            &alpha,
            (float*)8,
            -9,
            (float*)10,
            11,
            &beta,
            (float*)13,
            14
        );
        Assert.That(status, Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED));
        Assert.That(
            s_arguments,
            Is.EqualTo(new object[] { 1, 1, 0, 4, 5, 6, 2f, 8, -9, 10, 11, -1f, 13, 14 })
        );
        byte* name = cublas.cublasGetStatusName((cublasStatus_t)7);
        Assert.That(Marshal.PtrToStringUTF8((nint)name), Is.EqualTo("7"));
    }

    [Test]
    public void A_missing_symbol_is_reported_by_name_when_it_is_called()
    {
        var cublas = new CuBlas(new FakeSymbols("some/libcublas.so.12"));
        Assert.That(cublas.Missing, Does.Contain("cublasCreate_v2"));
        var e = Assert.Throws<MissingSymbolException>(() => cublas.cublasCreate(null));
        Assert.That(e.Symbol, Is.EqualTo("cublasCreate_v2"));
        Assert.That(
            e.Message,
            Is.EqualTo(
                "cublasCreate was called, but some/libcublas.so.12 has no symbol cublasCreate_v2."
            )
        );
    }
}
