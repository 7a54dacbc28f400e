using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's device functions: the number of devices, their names, identifiers, memory and attributes.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetCount")]
    [Since(2000)]
    private static CUresult cuDeviceGetCount(int* count) =>
        Started(
            nameof(cuDeviceGetCount),
            device =>
            {
                NeedOut(count, nameof(cuDeviceGetCount), nameof(count));
                *count = device.Options.DeviceCount;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGet")]
    [Since(2000)]
    private static CUresult cuDeviceGet(CUdevice* device, int ordinal) =>
        OfDevice(
            nameof(cuDeviceGet),
            new CUdevice(ordinal),
            _ =>
            {
                NeedOut(device, nameof(cuDeviceGet), nameof(device));
                *device = new CUdevice(ordinal);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetName")]
    [Since(2000)]
    private static CUresult cuDeviceGetName(byte* name, int len, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceGetName),
            dev,
            device => Text(device.Options.DeviceName, name, len, nameof(cuDeviceGetName))
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetUuid")]
    [Since(11040)]
    private static CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceGetUuid),
            dev,
            _ =>
            {
                NeedOut(uuid, nameof(cuDeviceGetUuid), nameof(uuid));
                VirtualCard.Uuid(dev.Value).CopyTo(new Span<byte>(uuid, 16));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetPCIBusId")]
    [Since(4010)]
    private static CUresult cuDeviceGetPCIBusId(byte* pciBusId, int len, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceGetPCIBusId),
            dev,
            _ => Text(VirtualCard.PciBusId(dev.Value), pciBusId, len, nameof(cuDeviceGetPCIBusId))
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceTotalMem_v2")]
    [Since(3020)]
    private static CUresult cuDeviceTotalMem(nuint* bytes, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceTotalMem),
            dev,
            device =>
            {
                NeedOut(bytes, nameof(cuDeviceTotalMem), nameof(bytes));
                *bytes = (nuint)device.Options.TotalMemory;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetAttribute")]
    [Since(2000)]
    private static CUresult cuDeviceGetAttribute(
        int* pi,
        CUdevice_attribute attrib,
        CUdevice dev
    ) =>
        OfDevice(
            nameof(cuDeviceGetAttribute),
            dev,
            device =>
            {
                NeedOut(pi, nameof(cuDeviceGetAttribute), nameof(pi));
                if (DeviceAttributes.Of(device.Options, attrib, dev.Value) is not { } value)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                *pi = value;
                return Success;
            }
        );

    /// <summary>Writes a zero-terminated text, cut to fit.</summary>
    private static CUresult Text(string text, byte* to, int room, string call)
    {
        NeedOut(to, call, "name");
        if (room < 1)
            return CUresult.CUDA_ERROR_INVALID_VALUE;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int count = Math.Min(bytes.Length, room - 1);
        bytes.AsSpan(0, count).CopyTo(new Span<byte>(to, room));
        to[count] = 0;
        return Success;
    }
}
