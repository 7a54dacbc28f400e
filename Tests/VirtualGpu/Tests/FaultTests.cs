using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>What comes after a fault, failures that tests ask for, and counts.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class FaultTests
{
    [Test]
    public void After_a_fault_every_call_fails_and_nothing_runs()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Alloc(16);
        CUstream stream = rig.Stream();
        bool ran = false;
        rig.Enqueue(
            stream,
            "bad",
            () => rig.Device.Memory.Read<float>((nint)memory.Value, 4, "bad", "x")
        );
        rig.Enqueue(stream, "after", () => ran = true);
        Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
        Assert.That(ran, Is.False);
        rig.Found(FaultKind.Uninitialised);
        CUdeviceptr more;
        Rig.Gives(rig.Driver.cuMemAlloc(&more, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
        Rig.Gives(rig.Driver.cuMemFree(memory), CUDA_ERROR_ILLEGAL_ADDRESS);
        Rig.Gives(rig.Driver.cuStreamDestroy(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
        byte* text;
        Rig.Ok(rig.Driver.cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
        Rig.Ok(rig.Driver.cuCtxSetCurrent(default));
        Rig.Ok(rig.Driver.cuDevicePrimaryCtxRelease(new CUdevice(0)));
    }

    [Test]
    public void An_exception_in_work_is_recorded_and_crosses_nothing()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        rig.Enqueue(stream, "broken", () => throw new FormatException("oh"));
        Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_FAILED);
        VirtualFault fault = rig.Fault();
        Assert.That(fault.Kind, Is.EqualTo(FaultKind.Internal));
        Assert.That(fault.Detail, Does.Contain("oh"));
    }

    [Test]
    public void The_allocation_that_a_test_names_fails()
    {
        using var rig = new Rig(new() { FailAllocation = 2 });
        CUdeviceptr first = rig.Alloc(4);
        CUdeviceptr memory;
        Rig.Gives(rig.Driver.cuMemAlloc(&memory, 4), CUDA_ERROR_OUT_OF_MEMORY);
        void* host;
        rig.Device.FailAllocation(1);
        Rig.Gives(rig.Driver.cuMemHostAlloc(&host, 4, 0), CUDA_ERROR_OUT_OF_MEMORY);
        rig.Device.FailAllocation(1);
        Rig.Gives(rig.Driver.cuMemAllocAsync(&memory, 4, default), CUDA_ERROR_OUT_OF_MEMORY);
        Rig.Ok(rig.Driver.cuMemFree(rig.Alloc(4)));
        Rig.Ok(rig.Driver.cuMemFree(first));
        rig.Finish();
    }

    [Test]
    public void Memory_is_as_large_as_it_is_said_to_be()
    {
        using var rig = new Rig(new() { TotalMemory = 1000 });
        CUdeviceptr half = rig.Alloc(600);
        CUdeviceptr more;
        Rig.Gives(rig.Driver.cuMemAlloc(&more, 401), CUDA_ERROR_OUT_OF_MEMORY);
        Rig.Gives(rig.Driver.cuMemAlloc(&more, nuint.MaxValue), CUDA_ERROR_OUT_OF_MEMORY);
        CUdeviceptr rest = rig.Alloc(400);
        nuint free;
        nuint total;
        Rig.Ok(rig.Driver.cuMemGetInfo(&free, &total));
        Assert.That(((long)free, (long)total), Is.EqualTo((0L, 1000L)));
        Rig.Ok(rig.Driver.cuMemFree(half));
        Rig.Ok(rig.Driver.cuMemFree(rest));
        rig.Finish();
    }

    [Test]
    public void Calls_are_refused_as_a_test_wants()
    {
        using var rig = new Rig();
        rig.Device.Refuse("cuStreamCreate", (int)CUDA_ERROR_UNKNOWN, after: 1, times: 2);
        CUstream first = rig.Stream();
        CUstream stream;
        Rig.Gives(rig.Driver.cuStreamCreate(&stream, 0), CUDA_ERROR_UNKNOWN);
        Rig.Gives(rig.Driver.cuStreamCreate(&stream, 0), CUDA_ERROR_UNKNOWN);
        Rig.Ok(rig.Driver.cuStreamDestroy(rig.Stream()));
        rig.Device.Refuse("cuStreamDestroy", (int)CUDA_ERROR_INVALID_HANDLE);
        Rig.Gives(rig.Driver.cuStreamDestroy(first), CUDA_ERROR_INVALID_HANDLE);
        rig.Device.RefuseNothing();
        Rig.Ok(rig.Driver.cuStreamDestroy(first));
        rig.Finish();
    }

    [Test]
    public void What_is_done_is_counted()
    {
        using var rig = new Rig();
        CUdeviceptr a = rig.Filled(1, 2, 3);
        CUdeviceptr b = rig.Alloc(12);
        rig.Device.Counts.Reset();
        Rig.Ok(rig.Driver.cuMemcpyDtoD(b, a, 12));
        Rig.Ok(rig.Driver.cuMemsetD8(b, 0, 4));
        rig.Read(b, 2);
        VirtualCounts counts = rig.Device.Counts;
        Assert.That(
            (
                counts.BytesHostToDevice,
                counts.BytesDeviceToDevice,
                counts.BytesFilled,
                counts.BytesDeviceToHost
            ),
            Is.EqualTo((0L, 12L, 4L, 8L))
        );
        Assert.That(
            counts.Calls,
            Is.EquivalentTo(
                new Dictionary<string, long>
                {
                    ["cuMemcpyDtoD"] = 1,
                    ["cuMemcpyDtoH"] = 1,
                    ["cuMemsetD8"] = 1,
                }
            )
        );
        Assert.That(counts.Of("cuMemAlloc"), Is.Zero);
        Assert.That(counts.OfAll("cuMemcpy"), Is.EqualTo(2));
        Assert.That((counts.LiveBytes, counts.PeakBytes), Is.EqualTo((24L, 24L)));
        Rig.Ok(rig.Driver.cuMemFree(a));
        Assert.That((counts.LiveBytes, counts.PeakBytes), Is.EqualTo((12L, 24L)));
        Rig.Ok(rig.Driver.cuMemFree(b));
        rig.Finish();
    }
}
