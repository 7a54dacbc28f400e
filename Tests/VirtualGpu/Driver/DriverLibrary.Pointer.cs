using System.Runtime.InteropServices;
using Sequor.Native;
using static Sequor.Native.CUpointer_attribute;

namespace Sequor.VirtualGpu;

// The driver's queries about an address: which memory it belongs to and of which kind that is.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuPointerGetAttribute")]
    [Since(4000)]
    private static CUresult cuPointerGetAttribute(
        void* data,
        CUpointer_attribute attribute,
        CUdeviceptr ptr
    ) =>
        InContext(
            nameof(cuPointerGetAttribute),
            (device, _) =>
            {
                NeedOut(data, nameof(cuPointerGetAttribute), nameof(data));
                // No misuse: it is how one asks whether an address is CUDA's.
                if (!Known(device, ptr) || Value(device, attribute, ptr) is not { } value)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                Put(data, attribute, value);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuPointerGetAttributes")]
    [Since(7000)]
    private static CUresult cuPointerGetAttributes(
        uint numAttributes,
        CUpointer_attribute* attributes,
        void** data,
        CUdeviceptr ptr
    ) =>
        InContext(
            nameof(cuPointerGetAttributes),
            (device, _) =>
            {
                const string call = nameof(cuPointerGetAttributes);
                NeedOut(attributes, call, nameof(attributes));
                NeedOut(data, call, nameof(data));
                for (uint i = 0; i < numAttributes; i++)
                {
                    NeedOut(data[i], call, nameof(data));
                    ulong? value = Known(device, ptr)
                        ? Value(device, attributes[i], ptr)
                        : Unknown(attributes[i]);
                    if (value is null)
                        return CUresult.CUDA_ERROR_INVALID_VALUE;
                    Put(data[i], attributes[i], value.Value);
                }
                return Success;
            }
        );

    private static bool Known(VirtualDevice device, CUdeviceptr ptr) =>
        device.Memory.Owns((nint)ptr.Value) || device.Host.At((nint)ptr.Value) is not null;

    /// <summary>What is said of an address that CUDA does not know: nothing, but no device either.</summary>
    private static ulong? Unknown(CUpointer_attribute attribute) =>
        !Enum.IsDefined(attribute) ? null
        : attribute == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL ? unchecked((ulong)-2L)
        : 0;

    private static ulong? Value(
        VirtualDevice device,
        CUpointer_attribute attribute,
        CUdeviceptr ptr
    )
    {
        nint address = (nint)ptr.Value;
        if (device.Memory.At(address) is { Released: false } memory)
            return attribute switch
            {
                CU_POINTER_ATTRIBUTE_CONTEXT => (ulong)memory.Context.Handle,
                CU_POINTER_ATTRIBUTE_MEMORY_TYPE => (ulong)CUmemorytype.CU_MEMORYTYPE_DEVICE,
                CU_POINTER_ATTRIBUTE_DEVICE_POINTER => ptr.Value,
                CU_POINTER_ATTRIBUTE_BUFFER_ID => memory.Id,
                CU_POINTER_ATTRIBUTE_IS_MANAGED => 0,
                CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL => (ulong)memory.Context.Ordinal,
                CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE => memory
                    is { Pool: null, Foreign: null }
                    ? 1UL
                    : 0,
                CU_POINTER_ATTRIBUTE_RANGE_START_ADDR => (ulong)memory.Address,
                CU_POINTER_ATTRIBUTE_RANGE_SIZE => (ulong)memory.Bytes,
                CU_POINTER_ATTRIBUTE_MAPPED => 1,
                CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE => (ulong)(memory.Pool?.Handle ?? 0),
                // Device memory has no address for the host.
                _ => null,
            };
        HostBlock pinned = device.Host.At(address)!;
        return attribute switch
        {
            CU_POINTER_ATTRIBUTE_CONTEXT => (ulong)(device.CurrentContext?.Handle ?? 0),
            CU_POINTER_ATTRIBUTE_MEMORY_TYPE => (ulong)CUmemorytype.CU_MEMORYTYPE_HOST,
            CU_POINTER_ATTRIBUTE_DEVICE_POINTER => ptr.Value,
            CU_POINTER_ATTRIBUTE_HOST_POINTER => ptr.Value,
            CU_POINTER_ATTRIBUTE_IS_MANAGED => 0,
            CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL => (ulong)(device.CurrentContext?.Ordinal ?? 0),
            CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE => 0,
            CU_POINTER_ATTRIBUTE_RANGE_START_ADDR => (ulong)pinned.Address,
            CU_POINTER_ATTRIBUTE_RANGE_SIZE => (ulong)pinned.Bytes,
            CU_POINTER_ATTRIBUTE_MAPPED => 1,
            CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE => 0,
            _ => null,
        };
    }

    private static void Put(void* to, CUpointer_attribute attribute, ulong value)
    {
        if (
            attribute
            is CU_POINTER_ATTRIBUTE_MEMORY_TYPE
                or CU_POINTER_ATTRIBUTE_IS_MANAGED
                or CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
                or CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE
                or CU_POINTER_ATTRIBUTE_MAPPED
        )
            *(int*)to = unchecked((int)value);
        else
            *(ulong*)to = value;
    }
}
