using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>The primary context, the thread's stack, and what goes with a context.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class ContextTests
{
    [Test]
    public void The_primary_context_is_counted()
    {
        using var rig = new Rig();
        var device = new CUdevice(0);
        CUcontext again;
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRetain(&again, device));
        Assert.That(again, Is.EqualTo(rig.Context));
        uint flags;
        int active;
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(device));
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxGetState(device, &flags, &active));
        Assert.That(active, Is.EqualTo(1));
        Assert.That(rig.Device.Leaks(), Has.One.Contains("primary context"));
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(device));
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxGetState(device, &flags, &active));
        Assert.That(active, Is.Zero);
        Rig.Gives(rig.Driver.cuDevicePrimaryCtxRelease(device), CUDA_ERROR_INVALID_CONTEXT);
        rig.Found(FaultKind.DoubleFree);
        rig.Device.AssertClean();
    }

    [Test]
    public void Each_thread_has_its_own_stack_of_contexts()
    {
        using var rig = new Rig();
        CUdeviceptr memory;
        Rig.Ok(rig.Driver.cuCtxPushCurrent(rig.Context));
        CUcontext top;
        Rig.Ok(rig.Driver.cuCtxPopCurrent(&top));
        Assert.That(top, Is.EqualTo(rig.Context));
        CUresult elsewhere = default;
        var thread = new Thread(() =>
        {
            CUdeviceptr mine;
            elsewhere = rig.Driver.cuMemAlloc(&mine, 4);
        });
        thread.Start();
        thread.Join();
        Rig.Gives(elsewhere, CUDA_ERROR_INVALID_CONTEXT);
        Rig.Ok(rig.Driver.cuCtxSetCurrent(default));
        Rig.Gives(rig.Driver.cuMemAlloc(&memory, 4), CUDA_ERROR_INVALID_CONTEXT);
        Rig.Gives(rig.Driver.cuCtxPopCurrent(&top), CUDA_ERROR_INVALID_CONTEXT);
        Rig.Gives(rig.Driver.cuCtxSetCurrent(new CUcontext(77)), CUDA_ERROR_INVALID_CONTEXT);
        rig.Found(FaultKind.BadHandle);
        rig.Finish();
    }

    [Test]
    public void What_a_context_takes_with_it_is_a_leak_and_gone()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUevent mark = rig.Event();
        CUdeviceptr memory = rig.Alloc(100);
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(new CUdevice(0)));
        Rig.Gives(rig.Driver.cuMemFree(memory), CUDA_ERROR_CONTEXT_IS_DESTROYED);
        CUcontext next;
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRetain(&next, new CUdevice(0)));
        Assert.That(next, Is.Not.EqualTo(rig.Context));
        Rig.Gives(rig.Driver.cuCtxSetCurrent(rig.Context), CUDA_ERROR_INVALID_CONTEXT);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Ok(rig.Driver.cuCtxSetCurrent(next));
        Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Gives(rig.Driver.cuEventDestroy(mark), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Gives(rig.Driver.cuMemFree(memory), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DoubleFree);
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(new CUdevice(0)));
        Assert.That(
            rig.Device.Leaks(),
            Has.Count.EqualTo(3)
                .And.One.Contains("100 bytes")
                .And.One.Contains("1 x stream")
                .And.One.Contains("1 x event")
        );
        Assert.That(rig.Device.AssertClean, Throws.InvalidOperationException);
    }

    [Test]
    public void Memory_events_and_streams_of_another_context_are_refused()
    {
        using var rig = new Rig();
        CUdeviceptr mine = rig.Filled(1, 2);
        CUevent mark = rig.Event();
        VirtualContext other = rig.Device.CreateContext();
        Rig.Ok(rig.Driver.cuCtxPushCurrent(new CUcontext(other.Handle)));
        CUdeviceptr theirs = rig.Filled(3, 4);
        CUstream stream = rig.Stream();
        float* host = stackalloc float[2];
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host, mine, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.OtherContext);
        Rig.Gives(rig.Driver.cuMemFree(mine), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.OtherContext);
        Rig.Gives(rig.Driver.cuEventRecord(mark, stream), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.OtherContext);
        nint context;
        Rig.Ok(
            rig.Driver.cuPointerGetAttribute(
                &context,
                CUpointer_attribute.CU_POINTER_ATTRIBUTE_CONTEXT,
                mine
            )
        );
        Assert.That(context, Is.EqualTo(rig.Context.Value));

        // Library work sees it when it runs.
        rig.Enqueue(
            stream,
            "work",
            () => rig.Device.Memory.Read<float>((nint)mine.Value, 2, "work", "x")
        );
        Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
        rig.Found(FaultKind.OtherContext);
        Assert.That(theirs.Value, Is.Not.Zero);
    }

    // Stack, messages, heap, and what the second cache fetches at a time: rounded, raised or refused.
    [TestCase(0, 4097, 4112)]
    [TestCase(0, 512 << 10, 512 << 10)]
    [TestCase(0, (512 << 10) + 1, -1)]
    [TestCase(1, 1, 393216)]
    [TestCase(2, 1, 4 << 20)]
    [TestCase(2, 9 << 20, 9 << 20)]
    [TestCase(5, 128, 128)]
    [TestCase(5, 129, -1)]
    public void A_limit_is_set_to_what_the_device_can(int limit, int asked, int told)
    {
        using var rig = new Rig();
        var kind = (CUlimit)limit;
        nuint before;
        nuint value;
        Rig.Ok(rig.Driver.cuCtxGetLimit(&before, kind));
        CUresult result = rig.Driver.cuCtxSetLimit(kind, (nuint)asked);
        Rig.Ok(rig.Driver.cuCtxGetLimit(&value, kind));
        Rig.Gives(result, told < 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS);
        Assert.That((long)value, Is.EqualTo(told < 0 ? (long)before : told));
        if (told < 0)
            rig.Found(FaultKind.BadArgument);
        rig.Finish();
    }

    [Test]
    public void A_primary_context_maps_host_memory_and_takes_one_way_to_schedule()
    {
        using var rig = new Rig();
        var device = new CUdevice(0);
        uint flags;
        Rig.Ok(rig.Driver.cuCtxGetFlags(&flags));
        Assert.That(flags, Is.EqualTo((uint)CUctx_flags.CU_CTX_MAP_HOST));
        // Two ways at once; what every primary context has; what there is not.
        foreach (uint wrong in new uint[] { 3, 8, 256 })
        {
            Rig.Gives(
                rig.Driver.cuDevicePrimaryCtxSetFlags(device, wrong),
                CUDA_ERROR_INVALID_VALUE
            );
            rig.Found(FaultKind.BadArgument);
        }
        // The core dump's flag (0x20) is taken, and not told of the context.
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxSetFlags(device, 0x24));
        Rig.Ok(rig.Driver.cuCtxGetFlags(&flags));
        Assert.That(flags, Is.EqualTo(0xCu));
        int active;
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxGetState(device, &flags, &active));
        Assert.That((flags, active), Is.EqualTo((0x24u, 1)));
        rig.Finish();
    }

    [Test]
    public void Limits_and_priorities_are_told()
    {
        using var rig = new Rig();
        nuint value;
        Rig.Ok(rig.Driver.cuCtxSetLimit(CUlimit.CU_LIMIT_STACK_SIZE, 4096));
        Rig.Ok(rig.Driver.cuCtxGetLimit(&value, CUlimit.CU_LIMIT_STACK_SIZE));
        Assert.That((long)value, Is.EqualTo(4096));
        Rig.Gives(rig.Driver.cuCtxGetLimit(&value, (CUlimit)99), CUDA_ERROR_UNSUPPORTED_LIMIT);
        int least;
        int greatest;
        Rig.Ok(rig.Driver.cuCtxGetStreamPriorityRange(&least, &greatest));
        CUstream stream;
        Rig.Ok(rig.Driver.cuStreamCreateWithPriority(&stream, 1, greatest - 10));
        int priority;
        Rig.Ok(rig.Driver.cuStreamGetPriority(stream, &priority));
        Assert.That(priority, Is.EqualTo(greatest).And.LessThan(least));
        CUcontext context;
        Rig.Ok(rig.Driver.cuStreamGetCtx(stream, &context));
        Assert.That(context, Is.EqualTo(rig.Context));
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        rig.Finish();
    }
}
