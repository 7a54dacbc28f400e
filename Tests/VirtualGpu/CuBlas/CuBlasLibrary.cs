using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual cuBLAS: versions, errors, handles.</summary>
internal static unsafe class CuBlasLibrary
{
    private const int WorkspaceAlignment = 256;

    private static readonly Dictionary<cublasStatus_t, nint> s_names =
        Enum.GetValues<cublasStatus_t>()
            .ToDictionary(s => s, s => Marshal.StringToCoTaskMemUTF8(s.ToString()));

    private static readonly nint s_unknown = Marshal.StringToCoTaskMemUTF8("unknown status");

    /// <summary>What the library exports.</summary>
    public static IReadOnlyList<NativeExport> Exports { get; } =
        NativeExport.Of(typeof(CuBlasLibrary), typeof(GemmExports));

    [UnmanagedCallersOnly(EntryPoint = "cublasCreate_v2")]
    private static cublasStatus_t Create(cublasHandle_t* handle) =>
        CuBlasCall.Run(
            "cublasCreate",
            device =>
            {
                CaptureGuard.Refuse(device, "cublasCreate");
                CuBlasCall.Unless(handle != null, "handle is null");
                if (device.CurrentContext is not { } context)
                    throw new CuBlasRefusal(
                        cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED,
                        "no context is current"
                    );
                if (device.AllocationFails())
                    throw new CuBlasRefusal(
                        cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED,
                        "out of device memory"
                    );
                *handle = new(
                    device.Table<CuBlasHandle>(CuBlasHandle.Kind).Add(new CuBlasHandle(context))
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasDestroy_v2")]
    private static cublasStatus_t Destroy(cublasHandle_t handle) =>
        CuBlasCall.Run(
            "cublasDestroy",
            device =>
            {
                CaptureGuard.Refuse(device, "cublasDestroy");
                CuBlasCall.Find(device, handle, "cublasDestroy");
                device
                    .Table<CuBlasHandle>(CuBlasHandle.Kind)
                    .Remove(handle.Value, "cublasDestroy", "handle");
                device.Work.WaitAll();
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasGetVersion_v2")]
    private static cublasStatus_t GetVersion(cublasHandle_t handle, int* version) =>
        CuBlasCall.Run(
            "cublasGetVersion",
            device =>
            {
                // The handle is not looked at, as in cuBLAS.
                CuBlasCall.Unless(version != null, "version is null");
                (int major, int minor, int patch) = LibraryVersions.CuBlas;
                *version = major * 10000 + minor * 100 + patch;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasGetProperty")]
    private static cublasStatus_t GetProperty(libraryPropertyType type, int* value)
    {
        if (value == null || !Enum.IsDefined(type))
            return cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE;
        (int major, int minor, int patch) = LibraryVersions.CuBlas;
        *value = type switch
        {
            libraryPropertyType.MAJOR_VERSION => major,
            libraryPropertyType.MINOR_VERSION => minor,
            _ => patch,
        };
        return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly(EntryPoint = "cublasGetCudartVersion")]
    private static nuint GetCudartVersion() => (nuint)LibraryVersions.Cudart;

    [UnmanagedCallersOnly(EntryPoint = "cublasGetStatusName")]
    private static byte* GetStatusName(cublasStatus_t status) =>
        (byte*)s_names.GetValueOrDefault(status, s_unknown);

    [UnmanagedCallersOnly(EntryPoint = "cublasGetStatusString")]
    private static byte* GetStatusString(cublasStatus_t status) =>
        (byte*)s_names.GetValueOrDefault(status, s_unknown);

    [UnmanagedCallersOnly(EntryPoint = "cublasSetStream_v2")]
    private static cublasStatus_t SetStream(cublasHandle_t handle, CUstream stream) =>
        CuBlasCall.Run(
            "cublasSetStream",
            device =>
            {
                CuBlasHandle found = CuBlasCall.Find(device, handle, "cublasSetStream");
                if (stream.Value != 0)
                    CuBlasCall.Unless(
                        VirtualStream.Resolve(stream.Value, "cublasSetStream")?.Context
                            == found.Context,
                        "the stream is none of the handle's context"
                    );
                found.Stream = stream.Value;
                // The caller's workspace is forgotten, even if the stream is the same.
                (found.Workspace, found.WorkspaceBytes) = (0, 0);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasGetStream_v2")]
    private static cublasStatus_t GetStream(cublasHandle_t handle, CUstream* stream) =>
        CuBlasCall.Run(
            "cublasGetStream",
            device =>
            {
                CuBlasCall.Unless(stream != null, "streamId is null");
                *stream = new(CuBlasCall.Find(device, handle, "cublasGetStream").Stream);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasSetWorkspace_v2")]
    private static cublasStatus_t SetWorkspace(
        cublasHandle_t handle,
        void* workspace,
        nuint bytes
    ) =>
        CuBlasCall.Run(
            "cublasSetWorkspace",
            device =>
            {
                CuBlasHandle found = CuBlasCall.Find(device, handle, "cublasSetWorkspace");
                CuBlasCall.Unless(
                    (nint)workspace % WorkspaceAlignment == 0,
                    $"workspace is no multiple of {WorkspaceAlignment}"
                );
                CuBlasCall.Unless(
                    workspace != null || bytes == 0,
                    "workspace is null, and workspaceSizeInBytes is not 0"
                );
                (found.Workspace, found.WorkspaceBytes) = ((nint)workspace, (long)bytes);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasSetMathMode")]
    private static cublasStatus_t SetMathMode(cublasHandle_t handle, cublasMath_t mode) =>
        CuBlasCall.Run(
            "cublasSetMathMode",
            device =>
            {
                const cublasMath_t flag =
                    cublasMath_t.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
                CuBlasHandle found = CuBlasCall.Find(device, handle, "cublasSetMathMode");
                CuBlasCall.Unless(Enum.IsDefined(mode & ~flag), $"mode is {(int)mode}");
                found.Math = mode;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasSetPointerMode_v2")]
    private static cublasStatus_t SetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode) =>
        CuBlasCall.Run(
            "cublasSetPointerMode",
            device =>
            {
                CuBlasHandle found = CuBlasCall.Find(device, handle, "cublasSetPointerMode");
                CuBlasCall.Unless(Enum.IsDefined(mode), $"mode is {(int)mode}");
                found.PointerMode = mode;
            }
        );
}
