using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Each misuse of memory is found, by the call or when the work runs.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class MemoryTests
{
    [Test]
    public void Values_go_over_and_come_back()
    {
        using var rig = new Rig();
        CUdeviceptr a = rig.Filled(1, 2, 3);
        CUdeviceptr b = rig.Alloc(12);
        Rig.Ok(rig.Driver.cuMemcpyDtoD(b, a, 12));
        Assert.That(rig.Read(b, 3), Is.EqualTo(new float[] { 1, 2, 3 }));
        Rig.Ok(rig.Driver.cuMemsetD32(b, 0x40000000, 2));
        Assert.That(rig.Read(b, 3), Is.EqualTo(new float[] { 2, 2, 3 }));
        Rig.Ok(rig.Driver.cuMemFree(a));
        Rig.Ok(rig.Driver.cuMemFree(b));
        rig.Finish();
    }

    [Test]
    public void Addresses_are_multiples_of_256_and_no_more_and_never_given_twice()
    {
        using var rig = new Rig();
        HashSet<ulong> seen = [];
        ulong last = 0;
        for (int i = 1; i < 50; i++)
        {
            CUdeviceptr memory = rig.Alloc(i * 37);
            Assert.That(memory.Value % 512, Is.EqualTo(256ul));
            Assert.That(seen.Add(memory.Value));
            Assert.That(memory.Value, Is.GreaterThan(last + 4096));
            last = memory.Value + (ulong)(i * 37);
            Rig.Ok(rig.Driver.cuMemFree(memory));
        }
        Assert.That(rig.Device.Counts.Allocations, Is.EqualTo(49));
        Assert.That(rig.Device.Counts.PeakBytes, Is.EqualTo(49 * 37));
        rig.Finish();
    }

    [TestCase(0, 20, FaultKind.OutOfBounds)]
    [TestCase(12, 8, FaultKind.OutOfBounds)]
    [TestCase(16, 4, FaultKind.OutOfBounds)]
    [TestCase(-4, 4, FaultKind.OutOfBounds)]
    public void Copies_that_leave_their_memory_are_refused(int at, int bytes, FaultKind kind)
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1, 2, 3, 4);
        var address = new CUdeviceptr(memory.Value + (ulong)at);
        byte* host = stackalloc byte[32];
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host, address, (nuint)bytes), CUDA_ERROR_INVALID_VALUE);
        rig.Found(kind);
        Rig.Gives(rig.Driver.cuMemcpyHtoD(address, host, (nuint)bytes), CUDA_ERROR_INVALID_VALUE);
        rig.Found(kind);
        Rig.Gives(rig.Driver.cuMemsetD8(address, 0, (nuint)bytes), CUDA_ERROR_INVALID_VALUE);
        rig.Found(kind);
        Rig.Gives(
            rig.Driver.cuMemcpyDtoDAsync(memory, address, (nuint)bytes, default),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(kind);
        Assert.That(rig.Device.IsPoisoned, Is.False);
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }

    [Test]
    public void Host_and_device_addresses_are_not_taken_for_each_other()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1);
        float host = 0;
        Rig.Gives(
            rig.Driver.cuMemcpyHtoD(memory, (void*)memory.Value, 4),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(
            rig.Driver.cuMemcpyDtoH(&host, new CUdeviceptr((ulong)&host), 4),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.OutOfBounds);
        Rig.Gives(rig.Driver.cuMemcpyHtoD(memory, null, 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Ok(rig.Driver.cuMemcpyHtoD(memory, null, 0));
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }

    [Test]
    public void Frees_that_are_wrong_are_refused()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Alloc(64);
        Rig.Gives(
            rig.Driver.cuMemFree(new CUdeviceptr(memory.Value + 16)),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.OutOfBounds);
        Rig.Ok(rig.Driver.cuMemFree(memory));
        Rig.Gives(rig.Driver.cuMemFree(memory), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DoubleFree);
        Rig.Gives(rig.Driver.cuMemsetD8(memory, 0, 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.UseAfterFree);
        Rig.Ok(rig.Driver.cuMemFree(default));
        CUdeviceptr none;
        Rig.Gives(rig.Driver.cuMemAlloc(&none, 0), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(rig.Driver.cuMemAlloc(null, 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        rig.Finish();
    }

    [Test]
    public void What_was_never_written_is_not_read()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Alloc(16);
        Rig.Ok(rig.Driver.cuMemsetD32(memory, 7, 3));
        uint* host = stackalloc uint[4];
        Rig.Ok(rig.Driver.cuMemcpyDtoH(host, memory, 12));
        Rig.Gives(rig.Driver.cuMemcpyDtoH(host, memory, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
        VirtualFault fault = rig.Fault();
        Assert.That(fault.Kind, Is.EqualTo(FaultKind.Uninitialised));
        Assert.That(fault.Detail, Does.Contain("from 12 on"));
    }

    [Test]
    public void Copies_on_the_device_carry_what_was_not_written_along()
    {
        using var rig = new Rig();
        CUdeviceptr from = rig.Alloc(1024);
        CUdeviceptr to = rig.Alloc(1024);
        Rig.Ok(rig.Driver.cuMemsetD8(to, 1, 1024));
        Rig.Ok(rig.Driver.cuMemsetD32(new CUdeviceptr(from.Value + 400), 7, 100));
        Rig.Ok(rig.Driver.cuMemcpyDtoD(to, from, 1000));
        byte* host = stackalloc byte[1024];
        Rig.Ok(rig.Driver.cuMemcpyDtoH(host, new CUdeviceptr(to.Value + 400), 400));
        Rig.Ok(rig.Driver.cuMemcpyDtoH(host, new CUdeviceptr(to.Value + 1000), 24));
        Rig.Gives(
            rig.Driver.cuMemcpyDtoH(host, new CUdeviceptr(to.Value + 396), 8),
            CUDA_ERROR_ILLEGAL_ADDRESS
        );
        rig.Found(FaultKind.Uninitialised);
    }

    [TestCase(0, 4, false, FaultKind.OutOfBounds)]
    [TestCase(2, 1, false, FaultKind.Misaligned)]
    [TestCase(0, 3, false, null)]
    [TestCase(0, 4, true, FaultKind.OutOfBounds)]
    [TestCase(8, -1, true, FaultKind.NotSupported)]
    [TestCase(-4096, 1, true, FaultKind.OutOfBounds)]
    public void Work_of_libraries_is_checked_when_it_runs(
        int at,
        int count,
        bool write,
        FaultKind? kind
    )
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1, 2, 3);
        CUstream stream = rig.Stream();
        nint address = (nint)memory.Value + at;
        rig.Enqueue(
            stream,
            "work",
            () =>
            {
                _ = write
                    ? rig.Device.Memory.Write<float>(address, count, "work", "y")
                    : rig.Device.Memory.Read<float>(address, count, "work", "x");
            }
        );
        CUresult result = rig.Driver.cuStreamSynchronize(stream);
        if (kind is null)
        {
            Rig.Ok(result);
            Assert.That(rig.Device.Counts.Work["work"], Is.EqualTo(new WorkCount(1, count * 4, 0)));
            return;
        }
        Rig.Gives(
            result,
            kind == FaultKind.Misaligned
                ? CUDA_ERROR_MISALIGNED_ADDRESS
                : CUDA_ERROR_ILLEGAL_ADDRESS
        );
        VirtualFault fault = rig.Fault();
        Assert.That(fault.Kind, Is.EqualTo(kind));
        Assert.That(fault.Call, Is.EqualTo("work"));
        Assert.That(fault.Argument, Is.EqualTo(write ? "y" : "x"));
    }

    [Test]
    public void Wider_elements_need_wider_alignment()
    {
        using var rig = new Rig();
        nint memory = (nint)rig.Filled(1, 2, 3, 4).Value;
        DeviceMemory device = rig.Device.Memory;
        Assert.That(device.Read<double>(memory + 8, 1, "test", "x").Length, Is.EqualTo(1));
        Assert.That(
            () => device.Read<double>(memory + 4, 1, "test", "x").Length,
            Throws.TypeOf<VirtualFaultException>().With.Message.Contains("Misaligned")
        );
        // Three floats need no more than one float does.
        Assert.That(device.Read<Three>(memory + 4, 1, "test", "x").Length, Is.EqualTo(1));
        Assert.That(device.Read<float>(memory + 3, 0, "test", "x").Length, Is.Zero);
    }

    private readonly record struct Three(float A, float B, float C);

    [Test]
    public void Copies_onto_themselves_are_refused()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1, 2, 3, 4);
        var next = new CUdeviceptr(memory.Value + 4);
        Rig.Gives(rig.Driver.cuMemcpyDtoD(next, memory, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Ok(rig.Driver.cuMemcpyDtoD(next, memory, 4));
        Assert.That(rig.Read(memory, 4), Is.EqualTo(new float[] { 1, 1, 3, 4 }));
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }

    [Test]
    public void A_workspace_is_left_as_garbage_that_no_one_may_read()
    {
        using var rig = new Rig();
        nint memory = (nint)rig.Filled(1, 2, 3, 4).Value;
        rig.Device.Memory.Scribble(memory + 4, 8);
        Assert.That(rig.Device.Memory.Read<float>(memory, 1, "test", "x")[0], Is.EqualTo(1f));
        Assert.That(rig.Device.Memory.Read<float>(memory + 12, 1, "test", "x")[0], Is.EqualTo(4f));
        Assert.That(
            () => rig.Device.Memory.Read<float>(memory, 2, "test", "x").Length,
            Throws.TypeOf<VirtualFaultException>().With.Message.Contains("from 4 on")
        );
        Assert.That(rig.Device.Memory.Owns(memory + 15));
        Assert.That(rig.Device.Memory.Owns(memory + 16), Is.False);
    }

    [Test]
    public void Addresses_are_told_apart_by_their_attributes()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Alloc(100);
        var inside = new CUdeviceptr(memory.Value + 60);
        CUdeviceptr begin;
        nuint bytes;
        Rig.Ok(rig.Driver.cuMemGetAddressRange(&begin, &bytes, inside));
        Assert.That((begin, (long)bytes), Is.EqualTo((memory, 100L)));
        var unknown = new CUdeviceptr(memory.Value + 100);
        Rig.Gives(rig.Driver.cuMemGetAddressRange(&begin, &bytes, unknown), CUDA_ERROR_NOT_FOUND);
        int type;
        int device;
        ulong start;
        CUpointer_attribute* asked = stackalloc CUpointer_attribute[3];
        asked[0] = CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
        asked[1] = CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
        asked[2] = CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR;
        void** to = stackalloc void*[3];
        to[0] = &type;
        to[1] = &device;
        to[2] = &start;
        Rig.Ok(rig.Driver.cuPointerGetAttributes(3, asked, to, inside));
        Assert.That((type, device, start), Is.EqualTo((2, 0, memory.Value)));
        Rig.Ok(rig.Driver.cuPointerGetAttributes(3, asked, to, unknown));
        Assert.That((type, device, start), Is.EqualTo((0, -2, 0ul)));
        Rig.Gives(
            rig.Driver.cuPointerGetAttribute(&type, asked[0], unknown),
            CUDA_ERROR_INVALID_VALUE
        );
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }

    [Test]
    public void Leaks_are_listed_at_the_end()
    {
        using var rig = new Rig();
        rig.Alloc(100);
        rig.Stream();
        rig.Event();
        rig.Event();
        Assert.That(
            rig.Device.LiveHandles(),
            Is.EquivalentTo(new Dictionary<string, int> { ["stream"] = 1, ["event"] = 2 })
        );
        Assert.That(
            rig.Device.AssertClean,
            Throws
                .InvalidOperationException.With.Message.Contains("100 bytes of device memory")
                .And.Message.Contains("1 x stream")
                .And.Message.Contains("2 x event")
        );
    }
}
