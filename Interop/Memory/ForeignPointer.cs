using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Checks whether a caller's address can be used in a context.</summary>
internal static unsafe class ForeignPointer
{
    public static void Check(CudaContext context, nint address, long bytes, int alignment)
    {
        if (address == 0)
            throw new ArgumentException("The address is null.", nameof(address));
        if (address % alignment != 0)
            throw new ArgumentException(
                $"The address 0x{address:x} is not a multiple of {alignment}.",
                nameof(address)
            );
        CUcontext owner = default;
        uint type = 0;
        int ordinal = -1;
        uint managed = 0;
        ulong start = 0;
        nuint size = 0;
        CUpointer_attribute* attributes = stackalloc CUpointer_attribute[]
        {
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_CONTEXT,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_SIZE,
        };
        void** values = stackalloc void*[] { &owner, &type, &ordinal, &managed, &start, &size };
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuPointerGetAttributes(6, attributes, values, new((ulong)address)),
            nameof(CudaDriver.cuPointerGetAttributes)
        );
        if (type == 0)
            throw new ArgumentException(
                $"The address 0x{address:x} is not one that CUDA knows; is it the host's?",
                nameof(address)
            );
        if (type == (uint)CUmemorytype.CU_MEMORYTYPE_HOST && managed == 0)
            throw new ArgumentException(
                $"The address 0x{address:x} is of host memory; device memory is needed.",
                nameof(address)
            );
        // Memory from pools and mapped memory has no context, so only its device is compared.
        if (owner.Value != 0 && owner != context.NativeHandle)
            throw new ArgumentException(
                $"The memory at 0x{address:x} is of another context (0x{owner.Value:x})"
                    + $" than 0x{context.NativeHandle.Value:x}.",
                nameof(address)
            );
        if (managed == 0 && ordinal != context.Device.Index)
            throw new ArgumentException(
                $"The memory at 0x{address:x} is of device {ordinal},"
                    + $" the context of device {context.Device.Index}.",
                nameof(address)
            );
        // For mapped memory the driver reports only one of its parts, so only ranges of cuMemAlloc can be checked against it.
        if (owner.Value != 0 && (ulong)address + (ulong)bytes > start + size)
            throw new ArgumentException(
                $"{bytes} bytes from 0x{address:x} are more than the allocation has:"
                    + $" {start + size - (ulong)address} to its end.",
                nameof(address)
            );
    }
}
