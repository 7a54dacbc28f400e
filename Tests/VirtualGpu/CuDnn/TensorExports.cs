using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Calls with tensor descriptors.</summary>
internal static unsafe class TensorExports
{
    [UnmanagedCallersOnly(EntryPoint = "cudnnCreateTensorDescriptor")]
    private static cudnnStatus_t Create(cudnnTensorDescriptor_t* descriptor) =>
        CuDnnCall.Run(
            "cudnnCreateTensorDescriptor",
            device => CuDnnCall.Create(device, (nint*)descriptor, new TensorDescriptor())
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDestroyTensorDescriptor")]
    private static cudnnStatus_t Destroy(cudnnTensorDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnDestroyTensorDescriptor",
            device =>
                CuDnnCall.Destroy<TensorDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnDestroyTensorDescriptor"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnSetTensorNdDescriptor")]
    private static cudnnStatus_t Set(
        cudnnTensorDescriptor_t descriptor,
        cudnnDataType_t type,
        int count,
        int* sizes,
        int* strides
    ) =>
        CuDnnCall.Run(
            "cudnnSetTensorNdDescriptor",
            device =>
            {
                TensorDescriptor found = CuDnnCall.Find<TensorDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnSetTensorNdDescriptor",
                    "tensorDesc"
                );
                CuDnnRefusal.Unless(Enum.IsDefined(type), $"dataType is {(int)type}");
                // Up to 2 dimensions are documented as unsupported, which hardware forgives.
                if (count is < 3 or > 8)
                    throw CuDnnRefusal.NotSupported($"nbDims is {count}, allowed are 3 to 8");
                CuDnnRefusal.Unless(sizes != null && strides != null, "dimA or strideA is null");
                var size = new Span<int>(sizes, count);
                CuDnnRefusal.Unless(
                    size.IndexOfAnyExceptInRange(1, int.MaxValue) < 0,
                    "a size in dimA is below 1"
                );
                found.Set(type, size.ToArray(), new Span<int>(strides, count).ToArray());
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetTensorNdDescriptor")]
    private static cudnnStatus_t Get(
        cudnnTensorDescriptor_t descriptor,
        int requested,
        cudnnDataType_t* type,
        int* count,
        int* sizes,
        int* strides
    ) =>
        CuDnnCall.Run(
            "cudnnGetTensorNdDescriptor",
            device =>
            {
                TensorDescriptor found = CuDnnCall.Find<TensorDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnGetTensorNdDescriptor",
                    "tensorDesc"
                );
                CuDnnRefusal.Unless(
                    requested >= 0 && type != null && count != null,
                    "nbDimsRequested is below 0, or dataType or nbDims is null"
                );
                int given = Math.Min(requested, found.Sizes.Length);
                CuDnnRefusal.Unless(
                    given == 0 || sizes != null && strides != null,
                    "dimA or strideA is null"
                );
                *type = found.Type;
                *count = found.Sizes.Length;
                for (int i = 0; i < given; i++)
                    (sizes[i], strides[i]) = (found.Sizes[i], found.Strides[i]);
            }
        );
}
