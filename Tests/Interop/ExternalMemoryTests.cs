using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Memory of another API, used in place: both sides see what the other writes.</summary>
public sealed class ExternalMemoryTests : InteropFixture
{
    [Test]
    public void Both_sides_see_what_the_other_writes()
    {
        using var vulkan = new OtherApi(4096);
        for (int i = 0; i < 1024; i++)
            vulkan.Content<float>()[i] = i;
        using CudaExternalMemory memory = Context.ImportMemory(
            ExternalMemoryHandle.FileDescriptor(vulkan.Descriptor()),
            4096
        );
        using DeviceBuffer<float> buffer = memory.Buffer<float>(8, byteOffset: 1024);
        Assert.That(buffer.IsShared, Is.True);
        Assert.That(buffer.Span.ToArray(Stream), Is.EqualTo(Enumerable.Range(256, 8)));

        buffer.Slice(2, 3).Fill(-1, Stream);
        Stream.Synchronize();
        Assert.That(
            vulkan.Content<float>()[256..264].ToArray(),
            Is.EqualTo(new float[] { 256, 257, -1, -1, -1, 261, 262, 263 })
        );
        vulkan.Content<float>()[256] = 7;
        Assert.That(buffer.Slice(0, 1).ToArray(Stream)[0], Is.EqualTo(7));
        Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
        Assert.That(Context.DeviceMemory.Free, Is.EqualTo(Context.DeviceMemory.Total));
    }

    [Test]
    public void The_memory_stays_until_its_last_buffer_goes([Values] bool memoryFirst)
    {
        using var vulkan = new OtherApi(256);
        vulkan.Content<int>().Fill(3);
        int descriptor = vulkan.Descriptor();
        CudaExternalMemory memory = Context.ImportMemory(
            ExternalMemoryHandle.FileDescriptor(descriptor),
            256
        );
        DeviceBuffer<int> buffer = memory.Buffer<int>(64);
        if (memoryFirst)
        {
            memory.Dispose();
            Assert.Throws<ObjectDisposedException>(() => memory.Buffer<int>(1));
            Assert.That(Calls("cuDestroyExternalMemory"), Is.Zero);
            Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(3));
            buffer.Dispose();
        }
        else
        {
            buffer.Dispose();
            Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
            memory.Dispose();
        }
        Assert.That(Calls("cuDestroyExternalMemory"), Is.EqualTo(1));
        Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
        Assert.That(OtherApi.IsOpen(descriptor), Is.False, "the driver closes what it took over");
        Assert.That(vulkan.Content<int>().ToArray(), Is.All.EqualTo(3));
    }

    [Test]
    public void A_part_that_is_not_within_the_memory_is_refused()
    {
        using var vulkan = new OtherApi(64);
        using CudaExternalMemory memory = Context.ImportMemory(
            ExternalMemoryHandle.FileDescriptor(vulkan.Descriptor()),
            64
        );
        Refused(0, 0, "1 to");
        Refused(-1, 0, "1 to");
        Refused(17, 0, "68 bytes from byte 0 on are not within the memory's 64 bytes");
        Refused(1, 64, "4 bytes from byte 64 on");
        Refused(1, 65, "not within");
        Refused(1, -4, "negative");
        Refused(1, long.MaxValue, "not within");
        Assert.That(
            Assert.Throws<ArgumentException>(() => memory.Buffer<float>(1, 6)).Message,
            Does.Contain("not a multiple of 4")
        );
        Assert.That(Calls("cuExternalMemoryGetMappedBuffer"), Is.Zero);
        memory.Buffer<float>(1, 60).Dispose();

        void Refused(long length, long offset, string why) =>
            Assert.That(
                Assert
                    .Throws<ArgumentOutOfRangeException>(() => memory.Buffer<float>(length, offset))
                    .Message,
                Does.Contain(why)
            );
    }

    [Test]
    public void Handles_that_are_none_are_refused()
    {
        Assert.That(
            Assert.Throws<ArgumentException>(() => Context.ImportMemory(default, 64)).Message,
            Does.Contain("no handle")
        );
        Assert.Throws<ArgumentException>(() => Context.ImportSemaphore(default));
        if (OperatingSystem.IsWindows())
            Assert.Ignore("What follows is of systems with file descriptors.");
        Assert.That(
            Assert
                .Throws<ArgumentException>(() =>
                    Context.ImportMemory(ExternalMemoryHandle.FileDescriptor(-1), 64)
                )
                .Message,
            Does.Contain("-1 is no file descriptor")
        );
        using var vulkan = new OtherApi(64);
        int descriptor = vulkan.Descriptor();
        foreach (long bytes in (long[])[0, -1, long.MinValue])
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                Context.ImportMemory(ExternalMemoryHandle.FileDescriptor(descriptor), bytes)
            );
        Assert.That(Calls("cuImportExternalMemory"), Is.Zero);

        // A size that the other API's memory does not have; the descriptor is still the caller's.
        var error = Assert.Throws<CudaException>(() =>
            Context.ImportMemory(ExternalMemoryHandle.FileDescriptor(descriptor), 1 << 20)
        );
        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_OPERATING_SYSTEM));
        Assert.That(
            error.Message,
            Does.Contain("1048576 bytes of CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD")
        );
        Assert.That(OtherApi.IsOpen(descriptor), Is.True);
        OtherApi.Close(descriptor);
        Assert.Throws<CudaException>(() =>
            Context.ImportMemory(ExternalMemoryHandle.FileDescriptor(999_999), 64)
        );
    }

    [Test]
    public void Kinds_of_another_system_are_refused_in_words()
    {
        ExternalMemoryHandle[] windows =
        [
            ExternalMemoryHandle.Win32(8),
            ExternalMemoryHandle.Win32("name"),
            ExternalMemoryHandle.Win32Kmt(8),
            ExternalMemoryHandle.Direct3D12Heap(8),
            ExternalMemoryHandle.Direct3D12Resource(8),
            ExternalMemoryHandle.Direct3D11Resource(8),
            ExternalMemoryHandle.Direct3D11ResourceKmt(8),
        ];
        foreach (ExternalMemoryHandle handle in windows)
        {
            Assert.That(
                Assert
                    .Throws<PlatformNotSupportedException>(() => handle.Require(false, "handle"))
                    .Message,
                Does.Contain("file descriptors are taken here")
            );
            handle.Require(windows: true, "handle");
        }
        Assert.That(
            Assert
                .Throws<PlatformNotSupportedException>(() =>
                    ExternalMemoryHandle.FileDescriptor(3).Require(true, "handle")
                )
                .Message,
            Does.Contain("Windows handles are taken here")
        );
        foreach (nint none in (nint[])[0, -1])
            Assert.Throws<ArgumentException>(() =>
                ExternalMemoryHandle.Win32(none).Require(true, "handle")
            );
        Assert.Throws<ArgumentException>(() => ExternalMemoryHandle.Win32("").Require(true, "x"));
        ExternalSemaphoreHandle.Direct3D12Fence(8).Require(true, "handle");
        Assert.Throws<PlatformNotSupportedException>(() =>
            ExternalSemaphoreHandle.Direct3D12Fence(8).Require(false, "handle")
        );
        Assert.Throws<PlatformNotSupportedException>(() =>
            ExternalSemaphoreHandle.TimelineFileDescriptor(3).Require(true, "handle")
        );
    }

    [Test]
    public unsafe void The_driver_is_told_what_the_header_asks_for()
    {
        CUDA_EXTERNAL_MEMORY_HANDLE_DESC said = ExternalMemoryHandle
            .FileDescriptor(7)
            .Describe(null, 100, dedicated: false);
        Assert.That((said.fd, said.size, said.flags), Is.EqualTo((7, 100UL, 0u)));
        said = ExternalMemoryHandle.FileDescriptor(7).Describe(null, 100, dedicated: true);
        Assert.That(said.flags, Is.EqualTo(1));
        // Direct3D's resources are dedicated, whatever the caller says; its heaps are not.
        said = ExternalMemoryHandle.Direct3D12Resource(9).Describe(null, 100, dedicated: false);
        Assert.That(((nint)said.handle, said.flags, (int)said.type), Is.EqualTo(((nint)9, 1u, 5)));
        said = ExternalMemoryHandle.Direct3D12Heap(9).Describe(null, 100, dedicated: false);
        Assert.That((said.flags, (int)said.type), Is.EqualTo((0u, 4)));
        fixed (char* name = "name")
        {
            said = ExternalMemoryHandle.Win32("name").Describe(name, 100, dedicated: false);
            Assert.That(said.handle == null && said.name == name, Is.True);
        }
        // The sizes and offsets of the header, on 64 bits.
        Assert.That(
            (
                sizeof(CUDA_EXTERNAL_MEMORY_HANDLE_DESC),
                sizeof(CUDA_EXTERNAL_MEMORY_BUFFER_DESC),
                sizeof(CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC),
                sizeof(CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS),
                sizeof(CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS),
                sizeof(CUipcMemHandle),
                sizeof(CUipcEventHandle)
            ),
            Is.EqualTo((104, 88, 96, 144, 144, 64, 64))
        );
        Assert.That((byte*)&said.handle - (byte*)&said, Is.EqualTo(8));
        Assert.That((byte*)&said.name - (byte*)&said, Is.EqualTo(16));
        Assert.That((byte*)&said.size - (byte*)&said, Is.EqualTo(24));
        Assert.That((byte*)&said.flags - (byte*)&said, Is.EqualTo(32));
        CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait;
        Assert.That((byte*)&wait.flags - (byte*)&wait, Is.EqualTo(72));
    }

    [Test]
    public void A_buffer_whose_memory_the_driver_let_go_is_found_out()
    {
        // What Interop never does: the driver is asked to destroy memory whose buffer is in use.
        ExpectFaults();
        using var vulkan = new OtherApi(64);
        CudaExternalMemory memory = Context.ImportMemory(
            ExternalMemoryHandle.FileDescriptor(vulkan.Descriptor()),
            64
        );
        DeviceBuffer<int> buffer = memory.Buffer<int>(4);
        using (Context.MakeCurrent())
            Libraries.Driver.cuDestroyExternalMemory(memory.Handle);
        Assert.Throws<CudaException>(() => buffer.Span.ToArray(Stream));
        ExpectPendingError();
        ForgiveLeaks();
    }
}
