using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native;

namespace Sequor.Tests.Native;

// The functions that the tests call through function pointers; each keeps its arguments for the test to compare.
public sealed unsafe partial class CallTests
{
    private static object[] s_arguments = [];

    /// <summary>A driver that has one entry, found the way entries are found.</summary>
    private static CudaDriver Driver(string name, nint entry)
    {
        s_entry = (name, entry);
        var driver = new CudaDriver(
            new FakeSymbols("driver")
            {
                ["cuGetProcAddress_v2"] = (nint)
                    (delegate* unmanaged<
                        byte*,
                        void**,
                        int,
                        ulong,
                        CUdriverProcAddressQueryResult*,
                        CUresult>)
                        &GetProcAddress,
            }
        );
        Assert.That(driver.All.Count - driver.Missing.Count, Is.EqualTo(2));
        return driver;
    }

    private static (string Name, nint Address) s_entry;

    private static void* Entry(string name) =>
        name switch
        {
            "cuLaunchKernel" => (delegate* unmanaged<
                CUfunction,
                uint,
                uint,
                uint,
                uint,
                uint,
                uint,
                uint,
                CUstream,
                void**,
                void**,
                CUresult>)
                &LaunchKernel,
            "cuMemcpyHtoDAsync" => (delegate* unmanaged<
                CUdeviceptr,
                void*,
                nuint,
                CUstream,
                CUresult>)
                &Copy,
            "cuDeviceGetUuid" => (delegate* unmanaged<CUuuid*, CUdevice, CUresult>)&Uuid,
            _ => null,
        };

    [UnmanagedCallersOnly]
    private static CUresult GetProcAddress(
        byte* symbol,
        void** address,
        int version,
        ulong flags,
        CUdriverProcAddressQueryResult* status
    )
    {
        bool known =
            version == 12000 && flags == 0 && Marshal.PtrToStringUTF8((nint)symbol) == s_entry.Name;
        *address = known ? (void*)s_entry.Address : null;
        *status = known
            ? CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS
            : CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
        return known ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_NOT_FOUND;
    }

    [UnmanagedCallersOnly]
    private static CUresult LaunchKernel(
        CUfunction f,
        uint gx,
        uint gy,
        uint gz,
        uint bx,
        uint by,
        uint bz,
        uint shared,
        CUstream stream,
        void** parameters,
        void** extra
    )
    {
        s_arguments =
        [
            f.Value,
            gx,
            gy,
            gz,
            bx,
            by,
            bz,
            shared,
            stream.Value,
            (nint)parameters,
            (nint)extra,
        ];
        return CUresult.CUDA_ERROR_LAUNCH_FAILED;
    }

    [UnmanagedCallersOnly]
    private static CUresult Copy(CUdeviceptr to, void* from, nuint bytes, CUstream stream)
    {
        s_arguments = [to.Value, (nint)from, bytes, stream.Value];
        return CUresult.CUDA_ERROR_INVALID_VALUE;
    }

    [UnmanagedCallersOnly]
    private static CUresult Uuid(CUuuid* id, CUdevice device)
    {
        for (int i = 0; i < 16; i++)
            id->bytes[i] = (byte)(device.Value + i);
        return CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static cudnnStatus_t RnnForward(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t rnn,
        cudnnForwardMode_t mode,
        int* lengths,
        cudnnRNNDataDescriptor_t xDesc,
        void* x,
        cudnnRNNDataDescriptor_t yDesc,
        void* y,
        cudnnTensorDescriptor_t hDesc,
        void* hx,
        void* hy,
        cudnnTensorDescriptor_t cDesc,
        void* cx,
        void* cy,
        nuint weightBytes,
        void* weights,
        nuint workBytes,
        void* work,
        nuint reserveBytes,
        void* reserve
    )
    {
        nint[] all =
        [
            handle.Value,
            rnn.Value,
            (nint)mode,
            (nint)lengths,
            xDesc.Value,
            (nint)x,
            yDesc.Value,
            (nint)y,
            hDesc.Value,
            (nint)hx,
            (nint)hy,
            cDesc.Value,
            (nint)cx,
            (nint)cy,
            (nint)weightBytes,
            (nint)weights,
            (nint)workBytes,
            (nint)work,
            (nint)reserveBytes,
            (nint)reserve,
        ];
        s_arguments = [.. all.Select(v => (object)(int)v)];
        return cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED;
    }

    [UnmanagedCallersOnly]
    private static cudnnStatus_t SetClip(
        cudnnRNNDescriptor_t rnn,
        cudnnRNNClipMode_t mode,
        double low,
        double high
    )
    {
        s_arguments = [rnn.Value, (int)mode, low, high];
        return cudnnStatus_t.CUDNN_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static cudnnStatus_t SetDropout(
        cudnnDropoutDescriptor_t dropout,
        cudnnHandle_t handle,
        float rate,
        void* states,
        nuint bytes,
        ulong seed
    )
    {
        s_arguments = [dropout.Value, handle.Value, rate, (nint)states, bytes, seed];
        return cudnnStatus_t.CUDNN_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly]
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
    )
    {
        s_arguments =
        [
            (int)handle.Value,
            (int)transA,
            (int)transB,
            m,
            n,
            k,
            *alpha,
            (int)a,
            lda,
            (int)b,
            ldb,
            *beta,
            (int)c,
            ldc,
        ];
        return cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED;
    }

    private static readonly nint s_text = Marshal.StringToCoTaskMemUTF8("7");

    [UnmanagedCallersOnly]
    private static byte* StatusName(cublasStatus_t status) =>
        status == cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE ? (byte*)s_text : null;
}
