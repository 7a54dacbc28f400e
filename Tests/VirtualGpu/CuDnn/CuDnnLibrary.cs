using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual cuDNN: versions, errors, handles.</summary>
internal static unsafe class CuDnnLibrary
{
    private const int Version = 90600;

    private static readonly Dictionary<cudnnStatus_t, nint> s_names =
        Enum.GetValues<cudnnStatus_t>()
            .Distinct()
            .ToDictionary(s => s, s => Marshal.StringToCoTaskMemUTF8(s.ToString()));

    private static readonly nint s_unknown = Marshal.StringToCoTaskMemUTF8("CUDNN_UNKNOWN_STATUS");

    /// <summary>What the library exports.</summary>
    public static IReadOnlyList<NativeExport> Exports { get; } =
        NativeExport.Of(
            typeof(CuDnnLibrary),
            typeof(TensorExports),
            typeof(DropoutExports),
            typeof(RnnDescriptorExports),
            typeof(RnnExports),
            typeof(GraphExports)
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetVersion")]
    private static nuint GetVersion() => Version;

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetMaxDeviceVersion")]
    private static nuint GetMaxDeviceVersion() => 900;

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetCudartVersion")]
    private static nuint GetCudartVersion() => (nuint)LibraryVersions.Cudart;

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetErrorString")]
    private static byte* GetErrorString(cudnnStatus_t status) =>
        (byte*)s_names.GetValueOrDefault(status, s_unknown);

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetLastErrorString")]
    private static void GetLastErrorString(byte* message, nuint room)
    {
        if (message == null || room == 0)
            return;
        byte[] text = Encoding.UTF8.GetBytes(CuDnnCall.TakeLastError());
        int length = (int)Math.Min((nuint)text.Length, room - 1);
        text.AsSpan(0, length).CopyTo(new Span<byte>(message, length));
        message[length] = 0;
    }

    [UnmanagedCallersOnly(EntryPoint = "cudnnGraphVersionCheck")]
    private static cudnnStatus_t GraphVersionCheck() =>
        CuDnnCall.Run("cudnnGraphVersionCheck", _ => { });

    [UnmanagedCallersOnly(EntryPoint = "cudnnOpsVersionCheck")]
    private static cudnnStatus_t OpsVersionCheck() =>
        CuDnnCall.Run("cudnnOpsVersionCheck", _ => { });

    [UnmanagedCallersOnly(EntryPoint = "cudnnCnnVersionCheck")]
    private static cudnnStatus_t CnnVersionCheck() =>
        CuDnnCall.Run("cudnnCnnVersionCheck", _ => { });

    [UnmanagedCallersOnly(EntryPoint = "cudnnAdvVersionCheck")]
    private static cudnnStatus_t AdvVersionCheck() =>
        CuDnnCall.Run("cudnnAdvVersionCheck", _ => { });

    [UnmanagedCallersOnly(EntryPoint = "cudnnCreate")]
    private static cudnnStatus_t Create(cudnnHandle_t* handle) =>
        CuDnnCall.Run(
            "cudnnCreate",
            device =>
            {
                CaptureGuard.Refuse(device, "cudnnCreate");
                if (device.CurrentContext is not { } context)
                    throw new CuDnnRefusal(
                        cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED,
                        "no context is current"
                    );
                if (device.AllocationFails())
                    throw new CuDnnRefusal(
                        cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
                        "out of device memory"
                    );
                device.Work.WaitAll();
                CuDnnCall.Create(device, (nint*)handle, new CuDnnHandle(context));
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDestroy")]
    private static cudnnStatus_t Destroy(cudnnHandle_t handle) =>
        CuDnnCall.Run(
            "cudnnDestroy",
            device =>
            {
                CaptureGuard.Refuse(device, "cudnnDestroy");
                CuDnnCall.Destroy<CuDnnHandle>(device, handle.Value, "cudnnDestroy");
                device.Work.WaitAll();
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnSetStream")]
    private static cudnnStatus_t SetStream(cudnnHandle_t handle, CUstream stream) =>
        CuDnnCall.Run(
            "cudnnSetStream",
            device =>
            {
                CuDnnHandle found = Find(device, handle, "cudnnSetStream");
                if (
                    stream.Value != 0
                    && VirtualStream.Resolve(stream.Value, "cudnnSetStream")?.Context
                        != found.Context
                )
                    throw new CuDnnRefusal(
                        cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH,
                        "the stream is none of the handle's context"
                    );
                found.Stream = stream.Value;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetStream")]
    private static cudnnStatus_t GetStream(cudnnHandle_t handle, CUstream* stream) =>
        CuDnnCall.Run(
            "cudnnGetStream",
            device =>
            {
                CuDnnRefusal.Unless(stream != null, "streamId is null");
                *stream = new(Find(device, handle, "cudnnGetStream").Stream);
            }
        );

    /// <summary>The handle's object.</summary>
    /// <exception cref="CuDnnRefusal">There is none.</exception>
    public static CuDnnHandle Find(VirtualDevice device, cudnnHandle_t handle, string call) =>
        CuDnnCall.Find<CuDnnHandle>(device, handle.Value, call, "handle");
}
