using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>
/// Memory and events that processes share. A context of another process stands for that process: what it has of this one it has by bytes
/// that were sent.
/// </summary>
public sealed class IpcTests : InteropFixture
{
    private CudaContext _process = null!;
    private CudaStream _there = null!;

    [SetUp]
    public void StartOther()
    {
        _process = CudaContext.Attach(Gpu.CreateContext(process: 1).Handle, Libraries);
        _there = _process.CreateStream();
    }

    [TearDown]
    public void EndOther()
    {
        _there.Dispose();
        _process.Dispose();
    }

    [Test]
    public void Another_process_uses_the_same_bytes()
    {
        using var ours = Upload(1, 2, 3, 4);
        byte[] sent = ours.Export().ToArray();
        Assert.That(sent, Has.Length.EqualTo(CudaIpcMemoryHandle.Size));

        using CudaIpcMemory memory = _process.OpenMemory(new CudaIpcMemoryHandle(sent));
        Assert.That(memory.ByteCount, Is.EqualTo(16));
        using DeviceBuffer<float> theirs = memory.Buffer<float>(3, byteOffset: 4);
        Assert.That(theirs.Handle.Value, Is.EqualTo(memory.Handle.Value + 4));
        Assert.That(theirs.Handle.Value, Is.Not.EqualTo(ours.Handle.Value + 4));
        Assert.That(theirs.Span.ToArray(_there), Is.EqualTo(new float[] { 2, 3, 4 }));
        theirs.Slice(1, 1).Fill(9, _there);
        _there.Synchronize();
        Assert.That(ours.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 2, 9, 4 }));
        Assert.That(theirs.IsShared, Is.True);
        Assert.That(_process.Ledger.CurrentBytes, Is.Zero);
    }

    [Test]
    public void Memory_is_closed_when_its_last_buffer_goes()
    {
        using var ours = Upload(5);
        CudaIpcMemoryHandle handle = ours.Export();
        CudaIpcMemory first = _process.OpenMemory(handle);
        CudaIpcMemory second = _process.OpenMemory(handle);
        Assert.That(second.Handle, Is.EqualTo(first.Handle), "it is counted");
        DeviceBuffer<float> buffer = first.Buffer<float>(1);
        first.Dispose();
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Buffer<float>(1));
        Assert.Throws<ObjectDisposedException>(() => _ = first.Handle);
        Assert.That(Calls("cuIpcCloseMemHandle"), Is.EqualTo(1));
        Assert.That(buffer.Span.ToArray(_there), Is.EqualTo(new float[] { 5 }));
        buffer.Dispose();
        Assert.That(Calls("cuIpcCloseMemHandle"), Is.EqualTo(2));
        Assert.That(Calls("cuMemFree"), Is.Zero);
    }

    [Test]
    public void An_event_orders_the_work_of_both_processes([Range(1, 10)] int round)
    {
        using CudaEvent written = Context.CreateEvent(interprocess: true);
        using CudaEvent opened = _process.OpenEvent(
            new CudaIpcEventHandle(written.Export().ToArray())
        );
        using var ours = Upload(0, 0);
        using CudaIpcMemory memory = _process.OpenMemory(ours.Export());
        using DeviceBuffer<float> theirs = memory.Buffer<float>(2);
        using var copy = _process.Allocate<float>(2);
        ours.Span.Fill(round, Stream);
        written.Record(Stream);
        _there.Wait(opened);
        copy.Span.CopyFrom(theirs.Span, _there);
        Assert.That(copy.Span.ToArray(_there), Is.All.EqualTo((float)round));

        // And back: whoever opened it records it as well.
        theirs.Span.Fill(-round, _there);
        opened.Record(_there);
        Stream.Wait(written);
        Assert.That(ours.Span.ToArray(Stream), Is.All.EqualTo((float)-round));
        opened.Synchronize();
        Assert.That(opened.IsDone && written.IsDone, Is.True);
        Assert.That(opened.TakesTime, Is.False);
    }

    [Test]
    public void A_handle_is_not_opened_where_it_was_made()
    {
        using var ours = Upload(1);
        var error = Assert.Throws<CudaException>(() => Context.OpenMemory(ours.Export()));
        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_INVALID_CONTEXT));
        Assert.That(error.Message, Does.Contain("in the process that exported it"));
        using CudaEvent mark = Context.CreateEvent(interprocess: true);
        error = Assert.Throws<CudaException>(() => Context.OpenEvent(mark.Export()));
        Assert.That(error.Message, Does.Contain("in the process that exported it"));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(63)]
    [TestCase(65)]
    public void A_handle_of_another_size_is_refused(int bytes)
    {
        byte[] sent = Enumerable.Repeat((byte)1, bytes).ToArray();
        var error = Assert.Throws<ArgumentException>(() => new CudaIpcMemoryHandle(sent));
        Assert.That(error.Message, Does.Contain($"64 bytes, not {bytes}"));
        Assert.Throws<ArgumentException>(() => new CudaIpcEventHandle(sent));
    }

    [Test]
    public void Bytes_that_are_no_handle_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new CudaIpcMemoryHandle(new byte[64]));
        Assert.Throws<ArgumentException>(() => _process.OpenMemory(default));
        Assert.Throws<ArgumentException>(() => _process.OpenEvent(default));
        using var ours = Upload(1);
        byte[] sent = ours.Export().ToArray();
        for (int at = 0; at < sent.Length; at++)
        {
            byte[] changed = [.. sent];
            changed[at] ^= 0x40;
            var error = Assert.Throws<CudaException>(() =>
                _process.OpenMemory(new CudaIpcMemoryHandle(changed))
            );
            Assert.That(error.Message, Does.Contain("no handle of memory"), $"byte {at}");
        }
        // One of memory is none of an event.
        Assert.Throws<CudaException>(() => _process.OpenEvent(new CudaIpcEventHandle(sent)));
        Assert.That(new CudaIpcMemoryHandle(sent), Is.EqualTo(ours.Export()));
        Assert.That(
            new CudaIpcMemoryHandle(sent).GetHashCode(),
            Is.EqualTo(ours.Export().GetHashCode())
        );
        using var more = Upload(2);
        Assert.That(more.Export() != ours.Export(), Is.True);
    }

    [Test]
    public void What_has_no_handle_is_said_in_words()
    {
        using var pooled = Stream.Allocate<float>(4);
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => pooled.Export()).Message,
            Does.Contain("from a memory pool; allocate it from the context")
        );
        using var theirs = DeviceBuffer<float>.Wrap(Context, (nint)pooled.Handle.Value, 4);
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => theirs.Export()).Message,
            Does.Contain("memory of pools")
        );
        using var ours = Upload(1, 2, 3, 4);
        using CudaIpcMemory memory = _process.OpenMemory(ours.Export());
        using DeviceBuffer<float> opened = memory.Buffer<float>(4);
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => opened.Export()).Message,
            Does.Contain("not this process's own")
        );
        using CudaEvent plain = Context.CreateEvent();
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => plain.Export()).Message,
            Does.Contain("interprocess: true")
        );
        Assert.That(
            Assert
                .Throws<ArgumentException>(() =>
                    Context.CreateEvent(timing: true, interprocess: true)
                )
                .Message,
            Does.Contain("no time")
        );
        ours.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ours.Export());
    }

    [Test]
    public void A_callers_memory_is_exported_with_its_place_in_its_allocation()
    {
        using var block = Upload(1, 2, 3, 4);
        using var part = DeviceBuffer<float>.Wrap(Context, (nint)block.Handle.Value + 8, 2);
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => part.Export()).Message,
            Does.Contain("8 bytes within its allocation")
        );
        CudaIpcMemoryHandle handle = part.Export(out long offset);
        Assert.That(offset, Is.EqualTo(8));
        using CudaIpcMemory memory = _process.OpenMemory(handle);
        using DeviceBuffer<float> theirs = memory.Buffer<float>(2, offset);
        Assert.That(theirs.Span.ToArray(_there), Is.EqualTo(new float[] { 3, 4 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Buffer<float>(3, offset));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Buffer<float>(0));
        Assert.Throws<ArgumentException>(() => memory.Buffer<float>(1, 2));
    }

    [Test]
    public void Memory_that_its_process_freed_too_early_is_found_out()
    {
        ExpectFaults();
        var ours = Upload(1);
        CudaIpcMemory memory = _process.OpenMemory(ours.Export());
        CudaIpcMemoryHandle handle = ours.Export();
        ours.Dispose();
        Assert.Throws<CudaException>(() => memory.Buffer<float>(1).Span.ToArray(_there));
        ExpectPendingError();
        ForgiveLeaks();
        _ = handle;
    }

    [Test]
    public void Memory_that_was_freed_is_not_opened()
    {
        var ours = Upload(1);
        CudaIpcMemoryHandle handle = ours.Export();
        ours.Dispose();
        var error = Assert.Throws<CudaException>(() => _process.OpenMemory(handle));
        Assert.That(error.Message, Does.Contain("was freed"));
        CudaEvent mark = Context.CreateEvent(interprocess: true);
        CudaIpcEventHandle gone = mark.Export();
        mark.Dispose();
        Assert.That(
            Assert.Throws<CudaException>(() => _process.OpenEvent(gone)).Message,
            Does.Contain("destroyed")
        );
    }

    [Test]
    public void An_event_of_another_process_is_opened_not_used()
    {
        ExpectFaults();
        using CudaEvent mark = Context.CreateEvent(interprocess: true);
        mark.Record(Stream);
        Assert.Throws<CudaException>(() => _there.Wait(mark));
        using CudaEvent opened = _process.OpenEvent(mark.Export());
        mark.Dispose();
        Assert.Throws<CudaException>(() => _there.Wait(opened));
    }
}
