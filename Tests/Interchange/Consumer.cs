using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native;

namespace Sequor.Tests.Interchange;

/// <summary>Other code that takes tensors by DLPack: it reads the structs by hand, and calls their deleters.</summary>
internal static unsafe class Consumer
{
    /// <summary>What a struct says of its tensor.</summary>
    public static DLTensor Tensor(nint managed, DlPackForm form) =>
        form == DlPackForm.Plain
            ? ((DLManagedTensor*)managed)->dl_tensor
            : ((DLManagedTensorVersioned*)managed)->dl_tensor;

    public static long[] Sizes(nint managed, DlPackForm form)
    {
        DLTensor tensor = Tensor(managed, form);
        return new ReadOnlySpan<long>(tensor.shape, tensor.ndim).ToArray();
    }

    public static long[] Strides(nint managed, DlPackForm form)
    {
        DLTensor tensor = Tensor(managed, form);
        return new ReadOnlySpan<long>(tensor.strides, tensor.ndim).ToArray();
    }

    /// <summary>The values of a tensor in host memory, one by one by their strides.</summary>
    public static float[] Values(nint managed, DlPackForm form)
    {
        DLTensor tensor = Tensor(managed, form);
        return
        [
            .. Offsets(Sizes(managed, form), Strides(managed, form))
                .Select(at =>
                    Marshal.PtrToStructure<float>(
                        (nint)tensor.data + (nint)tensor.byte_offset + (nint)(at * sizeof(float))
                    )
                ),
        ];
    }

    /// <summary>Where each value lies, in elements from the first, in row-major order.</summary>
    public static IEnumerable<long> Offsets(long[] sizes, long[] strides)
    {
        long count = sizes.Aggregate(1L, (all, size) => all * size);
        for (long i = 0; i < count; i++)
        {
            (long rest, long at) = (i, 0);
            for (int d = sizes.Length - 1; d >= 0; d--)
            {
                at += rest % sizes[d] * strides[d];
                rest /= sizes[d];
            }
            yield return at;
        }
    }

    /// <summary>Gives it back, as consumers do: by its own deleter.</summary>
    public static void Delete(nint managed, DlPackForm form)
    {
        if (form == DlPackForm.Plain)
            ((DLManagedTensor*)managed)->deleter((DLManagedTensor*)managed);
        else
            ((DLManagedTensorVersioned*)managed)->deleter((DLManagedTensorVersioned*)managed);
    }

    /// <summary>Gives it back on a thread of its own, as a collector of Python's may.</summary>
    public static void DeleteElsewhere(nint managed, DlPackForm form)
    {
        var thread = new Thread(() => Delete(managed, form));
        thread.Start();
        thread.Join();
    }
}
