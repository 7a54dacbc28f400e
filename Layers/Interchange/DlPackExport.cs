using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.Layers;

/// <summary>
/// The structs that are handed to other code, each in one block with its sizes and strides. The deleter gives back the block and lets go of
/// the tensor's storage; it may come on any thread.
/// </summary>
internal static unsafe class DlPackExport
{
    /// <summary>Makes a struct that holds the tensor's storage.</summary>
    public static nint Make(Tensor tensor, DlPackForm form, bool readOnly)
    {
        Storage storage = tensor.Storage;
        int head =
            form == DlPackForm.Plain ? sizeof(DLManagedTensor) : sizeof(DLManagedTensorVersioned);
        int rank = tensor.Shape.Rank;
        byte* block = (byte*)NativeMemory.AllocZeroed((nuint)(head + 2 * rank * sizeof(long)));
        var sizes = (long*)(block + head);
        void* context;
        try
        {
            storage.Hold();
            context = (void*)GCHandle.ToIntPtr(GCHandle.Alloc(storage));
        }
        catch
        {
            NativeMemory.Free(block);
            throw;
        }
        DLTensor described = Describe(tensor, sizes);
        if (form == DlPackForm.Plain)
            *(DLManagedTensor*)block = new()
            {
                dl_tensor = described,
                manager_ctx = context,
                deleter = &DeletePlain,
            };
        else
            *(DLManagedTensorVersioned*)block = new()
            {
                version = new()
                {
                    major = DlPackConstants.DLPACK_MAJOR_VERSION,
                    minor = DlPackConstants.DLPACK_MINOR_VERSION,
                },
                manager_ctx = context,
                deleter = &DeleteVersioned,
                flags = readOnly ? DlPackConstants.DLPACK_FLAG_BITMASK_READ_ONLY : 0,
                dl_tensor = described,
            };
        return (nint)block;
    }

    private static DLTensor Describe(Tensor tensor, long* sizes)
    {
        int rank = tensor.Shape.Rank;
        long* strides = sizes + rank;
        long stride = 1;
        for (int i = rank - 1; i >= 0; i--)
        {
            sizes[i] = tensor.Shape[i];
            strides[i] = stride;
            stride *= Math.Max(1, sizes[i]);
        }
        return new()
        {
            data = tensor.Count == 0 ? null : (void*)tensor.Address,
            device = tensor.Backend.MemoryDevice,
            ndim = rank,
            dtype = new()
            {
                code = (byte)DLDataTypeCode.kDLFloat,
                bits = 32,
                lanes = 1,
            },
            shape = sizes,
            strides = strides,
        };
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void DeletePlain(DLManagedTensor* self)
    {
        if (self != null)
            Delete(self, self->manager_ctx);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void DeleteVersioned(DLManagedTensorVersioned* self)
    {
        if (self != null)
            Delete(self, self->manager_ctx);
    }

    [SuppressMessage(
        "Design",
        "CA1031:Do not catch general exception types",
        Justification = "The caller is not managed code, which no exception may reach."
    )]
    private static void Delete(void* self, void* context)
    {
        try
        {
            GCHandle handle = GCHandle.FromIntPtr((nint)context);
            var storage = (Storage)handle.Target!;
            handle.Free();
            NativeMemory.Free(self);
            storage.Drop();
        }
        catch (Exception)
        {
            // There is nobody to tell: the consumer's call has no result.
        }
    }
}
