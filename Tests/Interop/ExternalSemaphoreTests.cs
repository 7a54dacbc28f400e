using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using FaultKind = Sequor.VirtualGpu.FaultKind;

namespace Sequor.Tests.Interop;

/// <summary>Semaphores of another API in the order of a stream.</summary>
public sealed class ExternalSemaphoreTests : InteropFixture
{
    [Test]
    public void A_stream_waits_for_a_timeline_and_moves_it_on()
    {
        using var vulkan = new OtherApi(64);
        using CudaExternalSemaphore semaphore = Context.ImportSemaphore(
            ExternalSemaphoreHandle.TimelineFileDescriptor(vulkan.Descriptor())
        );
        Assert.That(semaphore.HasValue, Is.True);
        using var buffer = Upload(1, 2);
        Stream.Wait(semaphore, 5);
        buffer.Span.Fill(9, Stream);
        Stream.Signal(semaphore, 6);
        for (int i = 0; i < 50; i++)
            Assert.That(Stream.IsIdle, Is.False, "the other side has not come so far");
        Assert.That(vulkan.Value, Is.Zero);

        vulkan.Value = 4;
        Assert.That(Stream.IsIdle, Is.False);
        vulkan.Value = 5;
        Stream.Synchronize();
        Assert.That(vulkan.Value, Is.EqualTo(6));
        Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(9f));
    }

    [Test]
    public void A_wait_for_what_is_signalled_later_ends_then()
    {
        using var vulkan = new OtherApi(64);
        using CudaExternalSemaphore semaphore = Context.ImportSemaphore(
            ExternalSemaphoreHandle.TimelineFileDescriptor(vulkan.Descriptor())
        );
        Stream.Wait(semaphore, 1);
        // The host waits meanwhile; another stream, thread or process goes on.
        using CudaStream other = Context.CreateStream();
        Task signal = Task.Run(() =>
        {
            Thread.Sleep(20);
            other.Signal(semaphore, 1);
            other.Synchronize();
        });
        Stream.Synchronize();
        Assert.That(signal.Wait(TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(vulkan.Value, Is.EqualTo(1));
    }

    [Test]
    public void A_binary_semaphore_ends_one_wait_a_signal()
    {
        using var vulkan = new OtherApi(64);
        using CudaExternalSemaphore semaphore = Context.ImportSemaphore(
            ExternalSemaphoreHandle.FileDescriptor(vulkan.Descriptor())
        );
        Assert.That(semaphore.HasValue, Is.False);
        Stream.Wait(semaphore);
        vulkan.Value = 1;
        Stream.Synchronize();
        Assert.That(vulkan.Value, Is.Zero, "the wait took the signal");
        Stream.Signal(semaphore);
        Stream.Synchronize();
        Assert.That(vulkan.Value, Is.EqualTo(1));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Stream.Signal(semaphore, 2));
        Assert.That(error.Message, Does.Contain("no value"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stream.Wait(semaphore, 1));
    }

    [Test]
    public void What_cannot_be_is_refused()
    {
        using var vulkan = new OtherApi(64);
        CudaExternalSemaphore semaphore = Context.ImportSemaphore(
            ExternalSemaphoreHandle.FileDescriptor(vulkan.Descriptor())
        );
        Assert.Throws<ArgumentNullException>(() => Stream.Wait((CudaExternalSemaphore)null!));
        Assert.Throws<ArgumentNullException>(() => Stream.Signal(null!));
        using CudaContext theirs = CudaContext.Attach(Gpu.CreateContext().Handle, Libraries);
        using CudaStream elsewhere = theirs.CreateStream();
        Assert.Throws<ArgumentException>(() => elsewhere.Signal(semaphore));
        semaphore.Dispose();
        semaphore.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Stream.Signal(semaphore));
        Assert.That(Calls("cuDestroyExternalSemaphore"), Is.EqualTo(1));
        var error = Assert.Throws<CudaException>(() =>
            Context.ImportSemaphore(ExternalSemaphoreHandle.FileDescriptor(999_999))
        );
        Assert.That(error.Message, Does.Contain("CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD"));
    }

    [Test]
    public void In_a_capture_the_virtual_driver_says_that_it_has_none()
    {
        ExpectFaults();
        using var vulkan = new OtherApi(64);
        using CudaExternalSemaphore semaphore = Context.ImportSemaphore(
            ExternalSemaphoreHandle.FileDescriptor(vulkan.Descriptor())
        );
        Assert.Throws<CudaException>(() =>
            CudaGraph.Capture(Stream, () => Stream.Signal(semaphore)).Dispose()
        );
        Assert.That(Gpu.TakeFaults().Select(f => f.Kind), Has.Member(FaultKind.NotSupported));
    }

    [Test]
    public unsafe void The_driver_is_told_what_the_header_asks_for()
    {
        CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC said = ExternalSemaphoreHandle
            .TimelineFileDescriptor(7)
            .Describe(null);
        Assert.That((said.fd, (int)said.type, said.flags), Is.EqualTo((7, 9, 0u)));
        said = ExternalSemaphoreHandle.Direct3D12Fence(9).Describe(null);
        Assert.That(((nint)said.handle, (int)said.type), Is.EqualTo(((nint)9, 4)));
        (ExternalSemaphoreHandle Handle, bool HasValue)[] kinds =
        [
            (ExternalSemaphoreHandle.FileDescriptor(1), false),
            (ExternalSemaphoreHandle.Win32(8), false),
            (ExternalSemaphoreHandle.Win32("name"), false),
            (ExternalSemaphoreHandle.Win32Kmt(8), false),
            (ExternalSemaphoreHandle.TimelineFileDescriptor(1), true),
            (ExternalSemaphoreHandle.TimelineWin32(8), true),
            (ExternalSemaphoreHandle.Direct3D12Fence(8), true),
            (ExternalSemaphoreHandle.Direct3D11Fence(8), true),
        ];
        foreach ((ExternalSemaphoreHandle handle, bool hasValue) in kinds)
            Assert.That(handle.HasValue, Is.EqualTo(hasValue), $"{handle.Kind}");
    }
}
