using NUnit.Framework;
using Sequor.Interop;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Interop;

/// <summary>A device that shares nothing with other processes, and takes no timeline semaphores.</summary>
public sealed class IpcDeviceTests : InteropFixture
{
    private protected override VirtualOptions Options =>
        new() { Interprocess = false, TimelineSemaphores = false };

    [Test]
    public void It_says_so()
    {
        Assert.That(Context.Device.SharesWithProcesses, Is.False);
        using var ours = Upload(1);
        Assert.That(
            Assert.Throws<NotSupportedException>(() => ours.Export()).Message,
            Does.Contain("CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED is 0")
        );
        var handle = new CudaIpcMemoryHandle(Enumerable.Repeat((byte)1, 64).ToArray());
        Assert.Throws<NotSupportedException>(() => Context.OpenMemory(handle));
        Assert.Throws<NotSupportedException>(() => Context.CreateEvent(interprocess: true));
        if (!OperatingSystem.IsWindows())
            Assert.That(
                Assert
                    .Throws<NotSupportedException>(() =>
                        Context.ImportSemaphore(ExternalSemaphoreHandle.TimelineFileDescriptor(0))
                    )
                    .Message,
                Does.Contain("TIMELINE_SEMAPHORE_INTEROP_SUPPORTED is 0")
            );
    }
}
