using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's context functions: the primary context, its limits, and each calling thread's stack of contexts.
internal static unsafe partial class DriverLibrary
{
    private const int GreatestPriority = -5;

    // Local memory of a thread.
    private const nuint MostStack = 512 << 10;
    private const nuint LeastPrintf = 393216;
    private const nuint LeastHeap = 4 << 20;
    private const nuint MostFetch = 128;

    // The core dump's flags are taken, and not told again.
    private const uint KeptFlags = (uint)(
        CUctx_flags.CU_CTX_SCHED_MASK
        | CUctx_flags.CU_CTX_LMEM_RESIZE_TO_MAX
        | CUctx_flags.CU_CTX_SYNC_MEMOPS
    );

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
                VirtualCard card = device.Cards[dev.Value];
                card.Primary ??= new VirtualContext(
                    device,
                    primary: true,
                    PrimaryContextFlags(card.PrimaryFlags),
                    card.Ordinal
                );
                card.PrimaryHolds++;
                *pctx = new CUcontext(card.Primary.Handle);
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
                VirtualCard card = device.Cards[dev.Value];
                if (card.Primary is not { } primary)
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
                if (--card.PrimaryHolds == 0)
                {
                    card.Primary = null;
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
                VirtualCard card = device.Cards[dev.Value];
                *flags = card.PrimaryFlags;
                *active = card.Primary is null ? 0 : 1;
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
                uint schedule = flags & (uint)CUctx_flags.CU_CTX_SCHED_MASK;
                // A primary context maps host memory anyhow.
                if (
                    (flags & ~(uint)CUctx_flags.CU_CTX_FLAGS_MASK) != 0
                    || (flags & (uint)CUctx_flags.CU_CTX_MAP_HOST) != 0
                    || (schedule & (schedule - 1)) != 0
                )
                    return Bad(
                        device,
                        nameof(cuDevicePrimaryCtxSetFlags),
                        nameof(flags),
                        $"{flags}; one way to schedule at most, and no CU_CTX_MAP_HOST"
                    );
                VirtualCard card = device.Cards[dev.Value];
                card.PrimaryFlags = flags;
                if (card.Primary is { } primary)
                    primary.Flags = PrimaryContextFlags(flags);
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

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetId")]
    [Since(12000)]
    private static CUresult cuCtxGetId(CUcontext ctx, ulong* ctxId) =>
        InContext(
            nameof(cuCtxGetId),
            (device, current) =>
            {
                const string call = nameof(cuCtxGetId);
                NeedOut(ctxId, call, nameof(ctxId));
                VirtualContext? context =
                    ctx.Value == 0 ? current : device.Contexts.Find(ctx.Value, call, nameof(ctx));
                if (context is null)
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                // Handles are never used again.
                *ctxId = (ulong)context.Handle;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxGetDevice")]
    [Since(2000)]
    private static CUresult cuCtxGetDevice(CUdevice* device) =>
        InContext(
            nameof(cuCtxGetDevice),
            (_, context) =>
            {
                NeedOut(device, nameof(cuCtxGetDevice), nameof(device));
                *device = new CUdevice(context.Ordinal);
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
        Unsafe(
            nameof(cuCtxSetLimit),
            (device, context) =>
            {
                if (!context.Limits.ContainsKey(limit))
                    return CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT;
                if (LimitOf(limit, value) is not { } set)
                    return Bad(device, nameof(cuCtxSetLimit), nameof(value), $"{limit} to {value}");
                context.Limits[limit] = set;
                return Success;
            }
        );

    /// <summary>What a limit becomes when it is set to a value; null where that is refused.</summary>
    private static nuint? LimitOf(CUlimit limit, nuint value) =>
        limit switch
        {
            CUlimit.CU_LIMIT_STACK_SIZE => value > MostStack ? null : (value + 15) / 16 * 16,
            CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE => Math.Max(value, LeastPrintf),
            CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE => Math.Max(value, LeastHeap),
            CUlimit.CU_LIMIT_MAX_L2_FETCH_GRANULARITY => value > MostFetch ? null : value,
            _ => value,
        };

    /// <summary>What a primary context tells of the flags that were set for it.</summary>
    private static uint PrimaryContextFlags(uint set) =>
        set & KeptFlags | (uint)CUctx_flags.CU_CTX_MAP_HOST;
}
