using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>
/// Stream-ordered memory of the virtual GPU: its order across streams, and the thresholds and limits of its pools.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class PoolTests
{
    private static CUdeviceptr AllocAsync(Rig rig, CUstream stream, int bytes)
    {
        CUdeviceptr memory;
        Rig.Ok(rig.Driver.cuMemAllocAsync(&memory, (nuint)bytes, stream));
        return memory;
    }

    [Test]
    public void Memory_lives_in_stream_order()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUdeviceptr memory = AllocAsync(rig, stream, 16);
        Rig.Ok(rig.Driver.cuMemsetD32Async(memory, 1, 4, stream));
        Rig.Ok(rig.Driver.cuMemFreeAsync(memory, stream));
        Rig.Gives(rig.Driver.cuMemsetD32Async(memory, 1, 4, stream), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.UseAfterFree);
        Rig.Gives(rig.Driver.cuMemFreeAsync(memory, stream), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DoubleFree);
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        rig.Finish();
    }

    /// <summary>Whether a fault of this kind was found with any seed.</summary>
    private static bool Found(FaultKind kind, Action<Rig> submit)
    {
        bool found = false;
        for (int seed = 0; seed < 20; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            submit(rig);
            _ = rig.Driver.cuCtxSynchronize();
            foreach (VirtualFault fault in rig.Device.Faults)
            {
                Assert.That(fault.Kind, Is.EqualTo(kind));
                found = true;
            }
        }
        return found;
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Use_in_another_stream_needs_an_event(bool ordered)
    {
        bool found = Found(
            FaultKind.UseAfterFree,
            rig =>
            {
                CUstream one = rig.Stream();
                CUstream two = rig.Stream();
                CUevent mark = rig.Event();
                CUdeviceptr memory = AllocAsync(rig, one, 16);
                if (ordered)
                {
                    Rig.Ok(rig.Driver.cuEventRecord(mark, one));
                    Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
                }
                _ = rig.Driver.cuMemsetD32Async(memory, 1, 4, two);
            }
        );
        Assert.That(found, Is.Not.EqualTo(ordered));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_release_in_another_stream_needs_an_event(bool ordered)
    {
        bool found = Found(
            FaultKind.UseAfterFree,
            rig =>
            {
                CUstream one = rig.Stream();
                CUstream two = rig.Stream();
                CUevent mark = rig.Event();
                CUdeviceptr memory = AllocAsync(rig, one, 16);
                Rig.Ok(rig.Driver.cuStreamSynchronize(one));
                Rig.Ok(rig.Driver.cuMemsetD32Async(memory, 1, 4, two));
                if (ordered)
                {
                    Rig.Ok(rig.Driver.cuEventRecord(mark, two));
                    Rig.Ok(rig.Driver.cuStreamWaitEvent(one, mark, 0));
                }
                _ = rig.Driver.cuMemFreeAsync(memory, one);
            }
        );
        Assert.That(found, Is.Not.EqualTo(ordered));
    }

    [Test]
    public void The_threshold_says_what_a_pool_keeps()
    {
        using var rig = new Rig(new() { TotalMemory = 1000 });
        CUmemoryPool pool;
        Rig.Ok(rig.Driver.cuDeviceGetDefaultMemPool(&pool, new CUdevice(0)));
        CUmemoryPool current;
        Rig.Ok(rig.Driver.cuDeviceGetMemPool(&current, new CUdevice(0)));
        Assert.That(current, Is.EqualTo(pool));
        ulong keep = 500;
        Rig.Ok(
            rig.Driver.cuMemPoolSetAttribute(
                pool,
                CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                &keep
            )
        );
        CUdeviceptr memory = AllocAsync(rig, default, 600);
        Rig.Ok(rig.Driver.cuMemFreeAsync(memory, default));
        Rig.Ok(rig.Driver.cuCtxSynchronize());
        Assert.That(
            Get(rig, pool, CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT),
            Is.EqualTo(500)
        );
        Assert.That(
            Get(rig, pool, CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH),
            Is.EqualTo(600)
        );
        nuint free;
        nuint total;
        Rig.Ok(rig.Driver.cuMemGetInfo(&free, &total));
        Assert.That((long)free, Is.EqualTo(500));
        // What a pool only keeps is there when it is needed.
        CUdeviceptr large = rig.Alloc(900);
        Rig.Ok(rig.Driver.cuMemFree(large));
        Rig.Ok(rig.Driver.cuMemPoolTrimTo(pool, 0));
        Rig.Gives(rig.Driver.cuMemPoolDestroy(pool), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        rig.Finish();
    }

    [Test]
    public void A_pool_of_ones_own_has_a_limit_and_is_a_leak()
    {
        using var rig = new Rig();
        CUmemPoolProps properties = default;
        properties.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location.type = CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE;
        properties.maxSize = 100;
        CUmemoryPool pool;
        Rig.Ok(rig.Driver.cuMemPoolCreate(&pool, &properties));
        CUdeviceptr memory;
        Rig.Gives(
            rig.Driver.cuMemAllocFromPoolAsync(&memory, 101, pool, default),
            CUDA_ERROR_OUT_OF_MEMORY
        );
        Rig.Ok(rig.Driver.cuMemAllocFromPoolAsync(&memory, 100, pool, default));
        nint from;
        Rig.Ok(
            rig.Driver.cuPointerGetAttribute(
                &from,
                CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE,
                memory
            )
        );
        Assert.That(from, Is.EqualTo(pool.Value));
        Rig.Ok(rig.Driver.cuMemFree(memory));
        Assert.That(rig.Device.Leaks(), Has.One.EqualTo("1 x memory pool"));
        Rig.Ok(rig.Driver.cuDeviceSetMemPool(new CUdevice(0), pool));
        Rig.Ok(rig.Driver.cuMemPoolDestroy(pool));
        AllocAndFree(rig);
        Rig.Gives(rig.Driver.cuMemPoolTrimTo(pool, 0), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DestroyedHandle);
        properties.location.id = 3;
        Rig.Gives(rig.Driver.cuMemPoolCreate(&pool, &properties), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        rig.Finish();
    }

    [Test]
    public void No_bytes_of_a_pool_are_a_null_address()
    {
        using var rig = new Rig();
        CUmemoryPool pool;
        Rig.Ok(rig.Driver.cuDeviceGetDefaultMemPool(&pool, new CUdevice(0)));
        var memory = new CUdeviceptr(1);
        Rig.Ok(rig.Driver.cuMemAllocAsync(&memory, 0, default));
        Assert.That(memory, Is.EqualTo(default(CUdeviceptr)));
        memory = new CUdeviceptr(1);
        Rig.Ok(rig.Driver.cuMemAllocFromPoolAsync(&memory, 0, pool, default));
        Assert.That(memory, Is.EqualTo(default(CUdeviceptr)));
        Rig.Ok(rig.Driver.cuMemFreeAsync(memory, default));
        rig.Finish();
    }

    private static void AllocAndFree(Rig rig) =>
        Rig.Ok(rig.Driver.cuMemFreeAsync(AllocAsync(rig, default, 1000), default));

    private static long Get(Rig rig, CUmemoryPool pool, CUmemPool_attribute attribute)
    {
        ulong value;
        Rig.Ok(rig.Driver.cuMemPoolGetAttribute(pool, attribute, &value));
        return (long)value;
    }
}
