using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Calls with dropout descriptors.</summary>
internal static unsafe class DropoutExports
{
    [UnmanagedCallersOnly(EntryPoint = "cudnnCreateDropoutDescriptor")]
    private static cudnnStatus_t Create(cudnnDropoutDescriptor_t* descriptor) =>
        CuDnnCall.Run(
            "cudnnCreateDropoutDescriptor",
            device => CuDnnCall.Create(device, (nint*)descriptor, new DropoutDescriptor())
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDestroyDropoutDescriptor")]
    private static cudnnStatus_t Destroy(cudnnDropoutDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnDestroyDropoutDescriptor",
            device =>
                CuDnnCall.Destroy<DropoutDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnDestroyDropoutDescriptor"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDropoutGetStatesSize")]
    private static cudnnStatus_t GetStatesSize(cudnnHandle_t handle, nuint* bytes) =>
        CuDnnCall.Run(
            "cudnnDropoutGetStatesSize",
            device =>
            {
                CuDnnLibrary.Find(device, handle, "cudnnDropoutGetStatesSize");
                CuDnnRefusal.Unless(bytes != null, "sizeInBytes is null");
                *bytes = DropoutStates.Bytes;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnSetDropoutDescriptor")]
    private static cudnnStatus_t Set(
        cudnnDropoutDescriptor_t descriptor,
        cudnnHandle_t handle,
        float rate,
        void* states,
        nuint bytes,
        ulong seed
    ) =>
        CuDnnCall.Run(
            "cudnnSetDropoutDescriptor",
            device =>
            {
                const string call = "cudnnSetDropoutDescriptor";
                CuDnnHandle library = CuDnnLibrary.Find(device, handle, call);
                DropoutDescriptor found = Keep(device, descriptor, rate, states, bytes, seed, call);
                // Without states the ones that the descriptor has stay as they are.
                if (states == null)
                    return;
                CaptureGuard.Refuse(library.Resolve(device, call), $"{call} fills states");
                nint at = found.States;
                library.Enqueue(
                    device,
                    call,
                    "dropout states",
                    memory => DropoutStates.Begin(memory, at, seed, call)
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRestoreDropoutDescriptor")]
    private static cudnnStatus_t Restore(
        cudnnDropoutDescriptor_t descriptor,
        cudnnHandle_t handle,
        float rate,
        void* states,
        nuint bytes,
        ulong seed
    ) =>
        CuDnnCall.Run(
            "cudnnRestoreDropoutDescriptor",
            device =>
            {
                const string call = "cudnnRestoreDropoutDescriptor";
                CuDnnLibrary.Find(device, handle, call);
                CuDnnRefusal.Unless(states != null, "states is null");
                Keep(device, descriptor, rate, states, bytes, seed, call);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetDropoutDescriptor")]
    private static cudnnStatus_t Get(
        cudnnDropoutDescriptor_t descriptor,
        cudnnHandle_t handle,
        float* rate,
        void** states,
        ulong* seed
    ) =>
        CuDnnCall.Run(
            "cudnnGetDropoutDescriptor",
            device =>
            {
                const string call = "cudnnGetDropoutDescriptor";
                CuDnnLibrary.Find(device, handle, call);
                DropoutDescriptor found = Find(device, descriptor, call);
                CuDnnRefusal.Unless(found.IsSet, "the descriptor is not set");
                if (rate != null)
                    *rate = found.Rate;
                if (states != null)
                    *states = (void*)found.States;
                if (seed != null)
                    *seed = found.Seed;
            }
        );

    private static DropoutDescriptor Find(
        VirtualDevice device,
        cudnnDropoutDescriptor_t descriptor,
        string call
    ) => CuDnnCall.Find<DropoutDescriptor>(device, descriptor.Value, call, "dropoutDesc");

    private static DropoutDescriptor Keep(
        VirtualDevice device,
        cudnnDropoutDescriptor_t descriptor,
        float rate,
        void* states,
        nuint bytes,
        ulong seed,
        string call
    )
    {
        DropoutDescriptor found = Find(device, descriptor, call);
        if (states != null)
            CuDnnRefusal.Unless(
                bytes >= DropoutStates.Bytes,
                $"stateSizeInBytes is {bytes}, needed are {DropoutStates.Bytes}"
            );
        // cuDNN takes it, and keeps all or nothing.
        if (!(rate is >= 0 and <= 1))
            device.Record(
                FaultKind.BadArgument,
                call,
                "dropout",
                descriptor.Value,
                $"dropout is {rate}, allowed are 0 to 1"
            );
        (found.IsSet, found.Rate, found.Seed) = (true, rate, seed);
        if (states != null)
            found.States = (nint)states;
        return found;
    }
}
