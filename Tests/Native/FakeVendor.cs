using System.Runtime.InteropServices;
using Sequor.Native;
using Sequor.Native.Generator;

namespace Sequor.Tests.Native;

/// <summary>
/// Libraries that tell versions and nothing else. The versions are those of the process, since a function that
/// native code calls knows no object.
/// </summary>
internal static unsafe class FakeVendor
{
    public static int DriverVersion { get; set; }
    public static CUresult InitResult { get; set; }
    public static int Devices { get; set; }
    public static int CuDnnVersion { get; set; }
    public static int CudartVersion { get; set; }
    public static int CuBlasMajor { get; set; }

    /// <summary>Versions of a machine on which all goes well.</summary>
    public static void Reset()
    {
        DriverVersion = 12040;
        InitResult = CUresult.CUDA_SUCCESS;
        Devices = 2;
        CuDnnVersion = 90600;
        CudartVersion = 12060;
        CuBlasMajor = 12;
    }

    public static FakeLibrary Driver(bool procAddress = true)
    {
        var symbols = new Dictionary<string, nint>
        {
            ["cuInit"] = (nint)(delegate* unmanaged<uint, CUresult>)&Init,
            ["cuDriverGetVersion"] = (nint)(delegate* unmanaged<int*, CUresult>)&GetVersion,
        };
        if (procAddress)
            symbols["cuGetProcAddress_v2"] = (nint)
                (delegate* unmanaged<
                    byte*,
                    void**,
                    int,
                    ulong,
                    CUdriverProcAddressQueryResult*,
                    CUresult>)
                    &GetProcAddress;
        return new FakeLibrary(symbols);
    }

    /// <summary>A cuDNN for the CUDA version of the process, or for CUDA 13.</summary>
    public static FakeLibrary CuDnn(string? realPath = null, bool of13 = false) =>
        new(
            new()
            {
                ["cudnnGetVersion"] = (nint)(delegate* unmanaged<nuint>)&GetCuDnnVersion,
                ["cudnnGetCudartVersion"] = of13
                    ? (nint)(delegate* unmanaged<nuint>)&Get13
                    : (nint)(delegate* unmanaged<nuint>)&GetCudartVersion,
            }
        )
        {
            RealPath = realPath,
        };

    public static FakeLibrary CuBlas() =>
        new(
            new()
            {
                ["cublasGetProperty"] = (nint)
                    (delegate* unmanaged<libraryPropertyType, int*, cublasStatus_t>)&GetProperty,
            }
        );

    /// <summary>A cuBLASLt of cuBLAS's version, or of another one; of all other functions it has the names alone.</summary>
    public static FakeLibrary CuBlasLt(bool isOther = false, string? lacks = null)
    {
        var symbols = Tables
            .All<FunctionFact>()
            .Where(f => f.File.Class == nameof(Sequor.Native.CuBlasLt) && f.Fact.Symbol != lacks)
            .ToDictionary(f => f.Fact.Symbol, _ => (nint)1);
        if (symbols.ContainsKey("cublasLtGetProperty"))
            symbols["cublasLtGetProperty"] = isOther
                ? (nint)(delegate* unmanaged<libraryPropertyType, int*, cublasStatus_t>)&GetOther
                : (nint)
                    (delegate* unmanaged<libraryPropertyType, int*, cublasStatus_t>)&GetProperty;
        return new(symbols);
    }

    public static FakeLibrary Nvrtc() =>
        new(
            new()
            {
                ["nvrtcVersion"] = (nint)
                    (delegate* unmanaged<int*, int*, nvrtcResult>)&NvrtcVersion,
            }
        );

    public static FakeLibrary Nvml() =>
        new(new() { ["nvmlInit_v2"] = (nint)(delegate* unmanaged<nvmlReturn_t>)&NvmlInit });

    /// <summary>A library that has nothing of what is asked for.</summary>
    public static FakeLibrary Other() => new([]);

    [UnmanagedCallersOnly]
    private static CUresult Init(uint flags) =>
        flags == 0 ? InitResult : CUresult.CUDA_ERROR_INVALID_VALUE;

    [UnmanagedCallersOnly]
    private static CUresult GetVersion(int* version)
    {
        *version = DriverVersion;
        return CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetCount(int* count)
    {
        *count = Devices;
        return CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetProcAddress(
        byte* symbol,
        void** address,
        int version,
        ulong flags,
        CUdriverProcAddressQueryResult* status
    )
    {
        bool known = Marshal.PtrToStringUTF8((nint)symbol) == "cuDeviceGetCount";
        *address = known ? (delegate* unmanaged<int*, CUresult>)&GetCount : null;
        return known ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_NOT_FOUND;
    }

    [UnmanagedCallersOnly]
    private static nuint GetCuDnnVersion() => (nuint)CuDnnVersion;

    [UnmanagedCallersOnly]
    private static nuint Get13() => 13000;

    [UnmanagedCallersOnly]
    private static nuint GetCudartVersion() => (nuint)CudartVersion;

    [UnmanagedCallersOnly]
    private static cublasStatus_t GetProperty(libraryPropertyType part, int* value)
    {
        *value = part == libraryPropertyType.MAJOR_VERSION ? CuBlasMajor : 4 + (int)part;
        return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static cublasStatus_t GetOther(libraryPropertyType part, int* value)
    {
        *value = part == libraryPropertyType.MAJOR_VERSION ? CuBlasMajor : 7 + (int)part;
        return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static nvrtcResult NvrtcVersion(int* major, int* minor)
    {
        *major = 12;
        *minor = 6;
        return nvrtcResult.NVRTC_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static nvmlReturn_t NvmlInit() => nvmlReturn_t.NVML_SUCCESS;
}
