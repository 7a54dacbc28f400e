using NUnit.Framework;
using Sequor.Native;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Several devices: what each has for itself, access between them, and copies between contexts.</summary>
[NonParallelizable]
public sealed unsafe class PeerTests
{
    [Test]
    public void Each_device_has_a_primary_context_and_a_pool_of_its_own()
    {
        using var rig = new Rig(new() { DeviceCount = 2 });
        CUcontext other = Retained(rig, 1);
        Assert.That(other, Is.Not.EqualTo(rig.Context));
        CUmemoryPool first;
        CUmemoryPool second;
        Rig.Ok(rig.Driver.cuDeviceGetDefaultMemPool(&first, new CUdevice(0)));
        Rig.Ok(rig.Driver.cuDeviceGetDefaultMemPool(&second, new CUdevice(1)));
        Assert.That(first, Is.Not.EqualTo(second));
        Rig.Gives(rig.Driver.cuDeviceSetMemPool(new CUdevice(1), first), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        int bus;
        Rig.Ok(
            rig.Driver.cuDeviceGetAttribute(
                &bus,
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_PCI_BUS_ID,
                new CUdevice(1)
            )
        );
        Assert.That(bus, Is.EqualTo(11));
        Rig.Gives(rig.Driver.cuDeviceGet((CUdevice*)&bus, 2), CUDA_ERROR_INVALID_DEVICE);
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(new CUdevice(1)));
        rig.Finish();
    }

    [Test]
    public void Access_is_enabled_once_and_one_way()
    {
        using var rig = new Rig(new() { DeviceCount = 2 });
        CUcontext other = Retained(rig, 1);
        Rig.Ok(rig.Driver.cuCtxEnablePeerAccess(other, 0));
        Rig.Gives(
            rig.Driver.cuCtxEnablePeerAccess(other, 0),
            CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED
        );
        Rig.Gives(rig.Driver.cuCtxEnablePeerAccess(other, 1), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(rig.Driver.cuCtxEnablePeerAccess(rig.Context, 0), CUDA_ERROR_INVALID_CONTEXT);
        rig.Found(FaultKind.BadArgument);
        CUdeviceptr mine = rig.Filled(1, 2);
        Rig.Ok(rig.Driver.cuCtxPushCurrent(other));
        Rig.Gives(rig.Driver.cuMemsetD8(mine, 0, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.OtherContext);
        CUdeviceptr theirs = rig.Filled(3, 4);
        Rig.Ok(rig.Driver.cuCtxPopCurrent(null));
        Assert.That(rig.Read(theirs, 2), Is.EqualTo(new float[] { 3, 4 }));
        Rig.Ok(rig.Driver.cuCtxDisablePeerAccess(other));
        Rig.Gives(rig.Driver.cuCtxDisablePeerAccess(other), CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
        float* host = stackalloc float[2];
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host, theirs, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.OtherContext);
    }

    [Test]
    public void Devices_that_do_not_reach_each_other_say_so()
    {
        using var rig = new Rig(
            new() { DeviceCount = 2, CanAccessPeer = (one, other) => one == 1 && other == 0 }
        );
        CUcontext other = Retained(rig, 1);
        Assert.That((Can(0, 1), Can(1, 0), Can(0, 0)), Is.EqualTo((0, 1, 0)));
        Rig.Gives(rig.Driver.cuCtxEnablePeerAccess(other, 0), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
        int value;
        Rig.Gives(
            rig.Driver.cuDeviceCanAccessPeer(&value, new CUdevice(0), new CUdevice(2)),
            CUDA_ERROR_INVALID_DEVICE
        );
        Rig.Gives(
            rig.Driver.cuDeviceGetP2PAttribute(
                &value,
                CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED,
                new CUdevice(1),
                new CUdevice(1)
            ),
            CUDA_ERROR_INVALID_DEVICE
        );
        Rig.Gives(
            rig.Driver.cuDeviceGetP2PAttribute(&value, 0, new CUdevice(1), new CUdevice(0)),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.BadArgument);

        int Can(int one, int to)
        {
            int can;
            Rig.Ok(rig.Driver.cuDeviceCanAccessPeer(&can, new CUdevice(one), new CUdevice(to)));
            return can;
        }
    }

    [Test]
    public void A_peer_copy_names_the_contexts_of_its_memory()
    {
        using var rig = new Rig(new() { DeviceCount = 2 });
        CUcontext other = Retained(rig, 1);
        CUdeviceptr mine = rig.Filled(1, 2);
        Rig.Ok(rig.Driver.cuCtxPushCurrent(other));
        CUdeviceptr theirs = rig.Alloc(8);
        Rig.Ok(rig.Driver.cuCtxPopCurrent(null));
        CUstream stream = rig.Stream();
        Rig.Gives(
            rig.Driver.cuMemcpyPeerAsync(theirs, rig.Context, mine, rig.Context, 8, stream),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.OtherContext);
        Rig.Gives(
            rig.Driver.cuMemcpyPeerAsync(theirs, new CUcontext(7), mine, rig.Context, 8, stream),
            CUDA_ERROR_INVALID_CONTEXT
        );
        rig.Found(FaultKind.BadHandle);
        Rig.Gives(
            rig.Driver.cuMemcpyPeerAsync(theirs, other, mine, rig.Context, 12, stream),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.OutOfBounds);
        Rig.Ok(rig.Driver.cuMemcpyPeerAsync(theirs, other, mine, rig.Context, 8, stream));
        Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
        Rig.Ok(rig.Driver.cuCtxPushCurrent(other));
        Assert.That(rig.Read(theirs, 2), Is.EqualTo(new float[] { 1, 2 }));
    }

    [Test]
    public void A_peer_copy_of_memory_freed_meanwhile_faults()
    {
        using var rig = new Rig(new() { DeviceCount = 2, Seed = 3 });
        CUcontext other = Retained(rig, 1);
        CUstream stream = rig.Stream();
        CUmemoryPool pool;
        Rig.Ok(rig.Driver.cuDeviceGetDefaultMemPool(&pool, new CUdevice(0)));
        CUdeviceptr mine;
        Rig.Ok(rig.Driver.cuMemAllocFromPoolAsync(&mine, 8, pool, stream));
        Rig.Ok(rig.Driver.cuMemsetD32Async(mine, 1, 2, stream));
        Rig.Ok(rig.Driver.cuCtxPushCurrent(other));
        CUdeviceptr theirs = rig.Alloc(8);
        CUstream there = rig.Stream();
        // Nothing orders it behind the fill.
        Rig.Ok(rig.Driver.cuMemcpyPeerAsync(theirs, other, mine, rig.Context, 8, there));
        Rig.Gives(rig.Driver.cuStreamSynchronize(there), CUDA_ERROR_ILLEGAL_ADDRESS);
        rig.Found(FaultKind.UseAfterFree);
    }

    private static CUcontext Retained(Rig rig, int ordinal)
    {
        CUcontext context;
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRetain(&context, new CUdevice(ordinal)));
        return context;
    }
}
