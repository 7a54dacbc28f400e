using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Pinned host memory, allocated or registered.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class PinnedMemoryTests
{
    [Test]
    public void Pinned_memory_is_checked_too()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1, 2);
        float* host = rig.Pinned(2);
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host + 1, memory, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.OutOfBounds);
        CUdeviceptr there;
        Rig.Ok(rig.Driver.cuMemHostGetDevicePointer(&there, host, 0));
        Assert.That(there.Value, Is.EqualTo((ulong)host));
        Rig.Gives(rig.Driver.cuMemFreeHost(host + 1), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(rig.Driver.cuMemHostUnregister(host), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Assert.That(rig.Device.Leaks(), Has.One.Contains("pinned"));
        Rig.Ok(rig.Driver.cuMemFreeHost(host));
        Rig.Gives(rig.Driver.cuMemFreeHost(host), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DoubleFree);
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host, memory, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.UseAfterFree);
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }

    [Test]
    public void Registered_memory_counts_as_pinned()
    {
        using var rig = new Rig();
        float* own = stackalloc float[4];
        Rig.Ok(rig.Driver.cuMemHostRegister(own, 16, 0));
        Rig.Gives(
            rig.Driver.cuMemHostRegister(own + 2, 16, 0),
            CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
        );
        int type;
        Rig.Ok(
            rig.Driver.cuPointerGetAttribute(
                &type,
                CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                new CUdeviceptr((ulong)own)
            )
        );
        Assert.That(type, Is.EqualTo((int)CUmemorytype.CU_MEMORYTYPE_HOST));
        Rig.Ok(rig.Driver.cuMemHostUnregister(own));
        Rig.Gives(rig.Driver.cuMemHostUnregister(own), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
        rig.Found(FaultKind.BadArgument);
        rig.Finish();
    }

    // Asked for PORTABLE (1) or WRITECOMBINED (4) or not, pinned memory is DEVICEMAP (2) as well; of registered memory
    // READ_ONLY (8) is not told.
    [TestCase(false, 0u, 2u)]
    [TestCase(false, 2u, 2u)]
    [TestCase(false, 5u, 7u)]
    [TestCase(true, 0u, 2u)]
    [TestCase(true, 1u, 3u)]
    [TestCase(true, 8u, 2u)]
    public void Pinned_memory_is_mapped_whatever_was_asked_for(
        bool registered,
        uint asked,
        uint told
    )
    {
        using var rig = new Rig();
        float* own = stackalloc float[4];
        void* host = own;
        uint flags;
        Rig.Gives(rig.Driver.cuMemHostGetFlags(&flags, own), CUDA_ERROR_INVALID_VALUE);
        Rig.Ok(
            registered
                ? rig.Driver.cuMemHostRegister(own, 16, asked)
                : rig.Driver.cuMemHostAlloc(&host, 16, asked)
        );
        Rig.Ok(rig.Driver.cuMemHostGetFlags(&flags, (float*)host + 1));
        Assert.That(flags, Is.EqualTo(told));
        Rig.Ok(registered ? rig.Driver.cuMemHostUnregister(own) : rig.Driver.cuMemFreeHost(host));
        rig.Finish();
    }

    [Test]
    public void Host_memory_is_pinned_in_one_way_and_given_back_in_that()
    {
        using var rig = new Rig();
        float* own = stackalloc float[4];
        float* pinned = rig.Pinned(4);
        void Wrong(CUresult result)
        {
            Rig.Gives(result, CUDA_ERROR_INVALID_VALUE);
            rig.Found(FaultKind.BadArgument);
        }

        Wrong(rig.Driver.cuMemHostRegister(pinned, 16, 0));
        Wrong(rig.Driver.cuMemHostRegister(own, 16, 16));
        Rig.Ok(rig.Driver.cuMemHostRegister(own, 16, 0));
        Wrong(rig.Driver.cuMemHostUnregister(own + 1));
        Wrong(rig.Driver.cuMemHostUnregister(null));
        CUdeviceptr there;
        Wrong(rig.Driver.cuMemHostGetDevicePointer(&there, own, 1));
        Rig.Ok(rig.Driver.cuMemHostUnregister(own));
        Rig.Ok(rig.Driver.cuMemFreeHost(null));
        Rig.Ok(rig.Driver.cuMemFreeHost(pinned));
        rig.Finish();
    }
}
