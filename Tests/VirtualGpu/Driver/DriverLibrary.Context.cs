using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <content>The primary context, and the calling thread's stack of contexts.</content>
internal static unsafe partial class DriverLibrary
{
    private const int GreatestPriority = -5;

    [UnmanagedCallersOnly(EntryPoint = "cuDevicePrimaryCtxRetain")]
    [Since(7000)]
    private static CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) =>
        OfDevice(
            nameof(cuDevicePrimaryCtxRetain),
            dev,
            device =>
            {
                NeedOut(pctx, nameof(cuDevicePrimaryCtxRetain), nameof(pctx));
                if (device.IsPoisoned)
                    return device.Sticky;
                device.Primary ??= new VirtualContext(device, primary: true, device.PrimaryFlags);
                device.PrimaryHolds++;
                *pctx = new CUcontext(device.Primary.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    [Since(11000)]
    private static CUresult cuDevicePrimaryCtxRelease(CUdevice dev) =>
        OfDevice(
            nameof(cuDevicePrimaryCtxRelease),
            dev,
            device =>
            {
                if (device.Primary is not { } primary)
                {
                    device.Record(
                        FaultKind.DoubleFree,
                        nameof(cuDevicePrimaryCtxRelease),
                        nameof(dev),
                        dev.Value,
                        "the primary context is released more often than it was retained"
                    );
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                }
                if (--device.PrimaryHolds == 0)
                {
                    device.Primary = null;
                    primary.Destroy();
                }
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDevicePrimaryCtxGetState")]
    [Since(7000)]
    private static CUresult cuDevicePrimaryCtxGetState(CUdevice dev, uint* flags, int* active) =>
        OfDevice(
            nameof(cuDevicePrimaryCtxGetState),
            dev,
            device =>
            {
                NeedOut(flags, nameof(cuDevicePrimaryCtxGetState), nameof(flags));
                NeedOut(active, nameof(cuDevicePrimaryCtxGetState), nameof(active));
                *flags = device.PrimaryFlags;
                *active = device.Primary is null ? 0 : 1;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDevicePrimaryCtxSetFlags_v2")]
    [Since(11000)]
    private static CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, uint flags) =>
        OfDevice(
            nameof(cuDevicePrimaryCtxSetFlags),
            dev,
            device =>
            {
                if ((flags & ~(uint)CUctx_flags.CU_CTX_FLAGS_MASK) != 0)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                device.PrimaryFlags = flags;
                if (device.Primary is { } primary)
                    primary.Flags = flags;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxSetCurrent")]
    [Since(4000)]
    private static CUresult cuCtxSetCurrent(CUcontext ctx) =>
        Started(
            nameof(cuCtxSetCurrent),
            device =>
            {
                List<VirtualContext> stack = device.ContextStack;
                VirtualContext? context = null;
                if (ctx.Value != 0)
                {
                    context = device.Contexts.Find(ctx.Value, nameof(cuCtxSetCurrent), nameof(ctx));
                    if (context is null)
                        return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                }
                if (stack.Count > 0)
                    stack.RemoveAt(stack.Count - 1);
                if (context is not null)
                    stack.Add(context);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetCurrent")]
    [Since(4000)]
    private static CUresult cuCtxGetCurrent(CUcontext* pctx) =>
        Started(
            nameof(cuCtxGetCurrent),
            device =>
            {
                NeedOut(pctx, nameof(cuCtxGetCurrent), nameof(pctx));
                *pctx = new CUcontext(device.CurrentContext?.Handle ?? 0);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxPushCurrent_v2")]
    [Since(4000)]
    private static CUresult cuCtxPushCurrent(CUcontext ctx) =>
        Started(
            nameof(cuCtxPushCurrent),
            device =>
            {
                if (
                    device.Contexts.Find(ctx.Value, nameof(cuCtxPushCurrent), nameof(ctx))
                    is not { } context
                )
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                device.ContextStack.Add(context);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxPopCurrent_v2")]
    [Since(4000)]
    private static CUresult cuCtxPopCurrent(CUcontext* pctx) =>
        Started(
            nameof(cuCtxPopCurrent),
            device =>
            {
                if (device.CurrentContext is not { } context)
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                device.ContextStack.RemoveAt(device.ContextStack.Count - 1);
                if (pctx != null)
                    *pctx = new CUcontext(context.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetDevice")]
    [Since(2000)]
    private static CUresult cuCtxGetDevice(CUdevice* device) =>
        InContext(
            nameof(cuCtxGetDevice),
            (_, _) =>
            {
                NeedOut(device, nameof(cuCtxGetDevice), nameof(device));
                *device = new CUdevice(0);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetFlags")]
    [Since(7000)]
    private static CUresult cuCtxGetFlags(uint* flags) =>
        InContext(
            nameof(cuCtxGetFlags),
            (_, context) =>
            {
                NeedOut(flags, nameof(cuCtxGetFlags), nameof(flags));
                *flags = context.Flags;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxSynchronize")]
    [Since(2000)]
    private static CUresult cuCtxSynchronize() =>
        InContext(
            nameof(cuCtxSynchronize),
            (device, context) =>
            {
                Spoil(
                    device.Captures.Where(c => c.Origin.Context == context),
                    nameof(cuCtxSynchronize)
                );
                device.Work.WaitEach(context.Streams.Select(s => s.Tail));
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetStreamPriorityRange")]
    [Since(5050)]
    private static CUresult cuCtxGetStreamPriorityRange(
        int* leastPriority,
        int* greatestPriority
    ) =>
        InContext(
            nameof(cuCtxGetStreamPriorityRange),
            (_, _) =>
            {
                if (leastPriority != null)
                    *leastPriority = 0;
                if (greatestPriority != null)
                    *greatestPriority = GreatestPriority;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetLimit")]
    [Since(3010)]
    private static CUresult cuCtxGetLimit(nuint* pvalue, CUlimit limit) =>
        InContext(
            nameof(cuCtxGetLimit),
            (_, context) =>
            {
                NeedOut(pvalue, nameof(cuCtxGetLimit), nameof(pvalue));
                if (!context.Limits.TryGetValue(limit, out nuint value))
                    return CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT;
                *pvalue = value;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxSetLimit")]
    [Since(3010)]
    private static CUresult cuCtxSetLimit(CUlimit limit, nuint value) =>
        InContext(
            nameof(cuCtxSetLimit),
            (_, context) =>
            {
                if (!context.Limits.ContainsKey(limit))
                    return CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT;
                context.Limits[limit] = value;
                return Success;
            }
        );
}
