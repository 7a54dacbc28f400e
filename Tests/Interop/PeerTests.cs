using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Support;
using VirtualContext = Sequor.VirtualGpu.VirtualContext;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Interop;

/// <summary>Two devices: copies between their contexts, access from one to the other's memory, and what cannot be.</summary>
public sealed class PeerTests : InteropFixture
{
    private CudaContext _other = null!;
    private CudaStream _there = null!;

    // The third device is reached by none, and reaches none.
    private protected override VirtualOptions Options =>
        new() { DeviceCount = 3, CanAccessPeer = (one, other) => one < 2 && other < 2 };

    [SetUp]
    public void StartOther()
    {
        _other = CudaContext.Primary(Libraries.Device(1));
        _there = _other.CreateStream();
    }

    [TearDown]
    public void EndOther()
    {
        _there.Dispose();
        _other.Dispose();
    }

    [Test]
    public void Each_device_is_one_of_its_own()
    {
        Assert.That(Libraries.Devices, Has.Count.EqualTo(3));
        Assert.That(Libraries.Devices.Select(d => d.Uuid), Is.Unique);
        Assert.That(Libraries.Devices.Select(d => d.PciBusId), Is.Unique);
        Assert.That(_other.Device.Index, Is.EqualTo(1));
        Assert.That(CudaContext.Attach(_other.Handle.Value, Libraries).Device.Index, Is.EqualTo(1));
        using var buffer = _other.Allocate<byte>(1 << 20);
        Assert.That(_other.DeviceMemory.Free, Is.EqualTo(_other.DeviceMemory.Total - (1 << 20)));
        Assert.That(Context.DeviceMemory.Free, Is.EqualTo(Context.DeviceMemory.Total));
        using var pooled = _there.Allocate<byte>(1 << 20);
        Assert.That(Context.DeviceMemory.Free, Is.EqualTo(Context.DeviceMemory.Total));
    }

    [Test]
    public void A_device_says_whose_memory_it_reaches()
    {
        CudaDevice first = Libraries.Device(0);
        CudaDevice second = Libraries.Device(1);
        CudaDevice third = Libraries.Device(2);
        Assert.That(first.CanAccess(second), Is.True);
        Assert.That(first.CanAccess(third), Is.False);
        Assert.That(first.CanAccess(first), Is.False);
        Assert.That(
            first.PeerAttribute(
                CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED,
                second
            ),
            Is.EqualTo(1)
        );
        Assert.That(
            first.PeerAttribute(
                CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED,
                third
            ),
            Is.Zero
        );
        var itself = Assert.Throws<ArgumentException>(() =>
            first.PeerAttribute(
                CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED,
                first
            )
        );
        Assert.That(itself.Message, Does.Contain("no link to itself"));
        CudaLibraries strangers = CudaLibraries.From(Gpu.Symbols(LibraryKind.CudaDriver));
        Assert.Throws<ArgumentException>(() => first.CanAccess(strangers.Device(1)));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Memory_is_copied_between_devices_that_reach_each_other_or_not(int index)
    {
        using CudaContext far = CudaContext.Primary(Libraries.Device(index));
        using CudaStream stream = far.CreateStream();
        using var source = Upload(1, 2, 3, 4);
        using var target = far.Allocate<float>(3);
        target.Span.CopyFromPeer(source.Slice(1), stream);
        Assert.That(target.Span.ToArray(stream), Is.EqualTo(new float[] { 2, 3, 4 }));

        // In a stream of either side, and back.
        target.Span.Fill(7, stream);
        stream.Synchronize();
        source.Slice(0, 3).CopyFromPeer(target.Span, Stream);
        Assert.That(source.Span.ToArray(Stream), Is.EqualTo(new float[] { 7, 7, 7, 4 }));
        Assert.That(Calls("cuCtxEnablePeerAccess"), Is.Zero);
    }

    [Test]
    public void A_link_orders_copies_with_the_work_of_both_streams([Range(1, 20)] int round)
    {
        using var source = Context.Allocate<int>(64);
        using var target = _other.Allocate<int>(64);
        using var sum = _other.Allocate<int>(3 * 64);
        using CudaPeerLink link = Stream.LinkTo(_there);
        for (int step = 0; step < 3; step++)
        {
            source.Span.Fill(step + round, Stream);
            link.Copy(source.Span, target.Span);
            sum.Slice(64 * step, 64).CopyFrom(target.Span, _there);
        }
        int[] found = sum.Span.ToArray(_there);
        Assert.That(
            found,
            Is.EqualTo(Enumerable.Range(0, 3 * 64).Select(i => i / 64 + round)),
            "each copy is of its own step"
        );
    }

    [Test]
    public void Without_a_link_copies_are_in_no_order()
    {
        // So that the test above can fail: some seed reads what is not written yet.
        ExpectFaults();
        bool mixed = false;
        for (int round = 0; round < 60 && !mixed; round++)
        {
            using var source = Context.Allocate<int>(16);
            using var target = _other.Allocate<int>(16);
            source.Span.Fill(-1, Stream);
            Stream.Synchronize();
            source.Span.Fill(round, Stream);
            target.Span.CopyFromPeer(source.Span, _there);
            mixed = target.Span.ToArray(_there)[0] == -1;
            Stream.Synchronize();
        }
        Assert.That(mixed, Is.True);
    }

    [Test]
    public void Copies_of_a_link_allocate_nothing()
    {
        using var source = Upload(1, 2, 3);
        using var target = _other.Allocate<float>(3);
        using CudaPeerLink link = Stream.LinkTo(_there);
        link.Copy(source.Span, target.Span);
        using Stub stub = Stub.Begin(Libraries);
        link.Copy(source.Span, target.Span);
        Assert.That(Allocated.LeastHere(() => link.Copy(source.Span, target.Span)), Is.Zero);
    }

    [Test]
    public void Access_lets_a_context_use_the_others_memory_in_place()
    {
        using var theirs = _other.Allocate<float>(4);
        theirs.Span.Fill(3, _there);
        _there.Synchronize();
        using (CudaPeerAccess access = Context.EnablePeerAccess(_other))
        {
            using DeviceBuffer<float> here = access.Use(theirs);
            Assert.That(here.IsShared, Is.True);
            Assert.That(here.IsForeign, Is.False);
            Assert.That(here.Handle, Is.EqualTo(theirs.Handle));
            here.Slice(1, 2).Fill(5, Stream);
            Assert.That(here.Span.ToArray(Stream), Is.EqualTo(new float[] { 3, 5, 5, 3 }));
            Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
        }
        Assert.That(theirs.Span.ToArray(_there), Is.EqualTo(new float[] { 3, 5, 5, 3 }));
        Assert.That(Calls("cuCtxDisablePeerAccess"), Is.EqualTo(1));
        Assert.That(Reaches(), Is.False);
    }

    [Test]
    public void Access_lasts_as_long_as_anything_that_stands_for_it()
    {
        using var theirs = _other.Allocate<float>(4);
        CudaPeerAccess first = Context.EnablePeerAccess(_other);
        CudaPeerAccess second = Context.EnablePeerAccess(_other);
        Assert.That(Calls("cuCtxEnablePeerAccess"), Is.EqualTo(1));
        DeviceBuffer<float> used = second.Use(theirs);
        first.Dispose();
        second.Dispose();
        Assert.That(Reaches(), Is.True);
        used.Span.Fill(1, Stream);
        Stream.Synchronize();
        used.Dispose();
        Assert.That(Reaches(), Is.False);
    }

    [Test]
    public void A_buffer_that_is_used_is_kept_until_its_user_lets_go()
    {
        var theirs = _other.Allocate<float>(4);
        using CudaPeerAccess access = Context.EnablePeerAccess(_other);
        DeviceBuffer<float> used = access.Use(theirs);
        theirs.Dispose();
        Assert.That(Calls("cuMemFree"), Is.Zero);
        used.Span.Fill(2, Stream);
        Assert.That(used.Span.ToArray(Stream), Is.All.EqualTo(2f));
        used.Dispose();
        Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
    }

    [Test]
    public void Access_that_other_code_enabled_is_left_to_it()
    {
        unsafe
        {
            using CudaContextScope scope = Context.MakeCurrent();
            Assert.That(
                Libraries.Driver.cuCtxEnablePeerAccess(_other.Handle, 0),
                Is.EqualTo(CUresult.CUDA_SUCCESS)
            );
        }
        Context.EnablePeerAccess(_other).Dispose();
        Assert.That(Calls("cuCtxDisablePeerAccess"), Is.Zero);
        Assert.That(Reaches(), Is.True);
    }

    [Test]
    public void Without_access_the_device_faults()
    {
        ExpectFaults();
        using var theirs = _other.Allocate<float>(4);
        DeviceBuffer<float> used;
        using (CudaPeerAccess access = Context.EnablePeerAccess(_other))
            used = access.Use(theirs);
        unsafe
        {
            using CudaContextScope scope = Context.MakeCurrent();
            Libraries.Driver.cuCtxDisablePeerAccess(_other.Handle);
        }
        Assert.Throws<CudaException>(() => used.Span.Fill(1, Stream));
        used.Dispose();
        // What was disabled behind its back cannot be disabled again.
        Assert.That(
            ((CudaException)Context.PendingError!).Status,
            Is.EqualTo(CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED)
        );
        ExpectPendingError();
    }

    [Test]
    public void What_cannot_be_is_said_in_words()
    {
        using CudaContext far = CudaContext.Primary(Libraries.Device(2));
        var error = Assert.Throws<NotSupportedException>(() => Context.EnablePeerAccess(far));
        Assert.That(error.Message, Does.Contain("cuDeviceCanAccessPeer gives 0"));
        Assert.That(error.Message, Does.Contain("copies between the two work"));
        Assert.Throws<ArgumentNullException>(() => Context.EnablePeerAccess(null!));
        Assert.That(
            Assert.Throws<ArgumentException>(() => Context.EnablePeerAccess(Context)).Message,
            Does.Contain("same context")
        );
        CudaContext beside = CudaContext.Attach(Gpu.CreateContext().Handle, Libraries);
        Assert.That(
            Assert.Throws<CudaException>(() => Context.EnablePeerAccess(beside)).Status,
            Is.EqualTo(CUresult.CUDA_ERROR_PEER_ACCESS_UNSUPPORTED)
        );

        using CudaPeerAccess access = Context.EnablePeerAccess(_other);
        using var mine = Context.Allocate<float>(2);
        Assert.That(
            Assert.Throws<ArgumentException>(() => access.Use(mine)).Message,
            Does.Contain("not of the peer's")
        );
        using var pooled = _there.Allocate<float>(2);
        Assert.That(
            Assert.Throws<NotSupportedException>(() => access.Use(pooled)).Message,
            Does.Contain("pool")
        );
        access.Dispose();
        Assert.Throws<ObjectDisposedException>(() => access.Use(pooled));
    }

    [Test]
    public void Copies_are_checked_before_they_are_queued()
    {
        using var mine = Upload(1, 2, 3);
        using var theirs = _other.Allocate<float>(2);
        using CudaContext far = CudaContext.Primary(Libraries.Device(2));
        using CudaStream elsewhere = far.CreateStream();
        var error = Assert.Throws<ArgumentException>(() =>
            theirs.Span.CopyFromPeer(mine.Span, _there)
        );
        Assert.That(error.Message, Does.Contain("2 elements here and 3 there"));
        error = Assert.Throws<ArgumentException>(() =>
            theirs.Span.CopyFromPeer(mine.Slice(1), elsewhere)
        );
        Assert.That(error.Message, Does.Contain("neither"));
        Assert.Throws<ArgumentNullException>(() => theirs.Span.CopyFromPeer(mine.Slice(1), null!));
        default(DeviceSpan<float>).CopyFromPeer(default, Stream);
        using CudaPeerLink link = Stream.LinkTo(_there);
        Assert.Throws<ArgumentException>(() => link.Copy(theirs.Span, mine.Slice(1)));
        link.Copy<float>(default, default);
        Assert.That(
            Assert.Throws<ArgumentException>(() => Stream.LinkTo(Stream)).Message,
            Does.Contain("same stream")
        );
        Assert.Throws<ArgumentNullException>(() => Stream.LinkTo(null!));
        link.Dispose();
        link.Dispose();
        Assert.Throws<ObjectDisposedException>(() => link.Copy(mine.Slice(1), theirs.Span));
        theirs.Dispose();
        Assert.Throws<ObjectDisposedException>(() =>
            theirs.Span.CopyFromPeer(mine.Slice(1), _there)
        );
        Assert.That(Calls("cuMemcpyPeerAsync"), Is.Zero);
    }

    [Test]
    public void A_copy_can_be_captured()
    {
        using var source = Upload(1, 2);
        using var target = _other.Allocate<float>(2);
        using CudaGraph graph = CudaGraph.Capture(
            Stream,
            () => target.Span.CopyFromPeer(source.Span, Stream)
        );
        using CudaGraphExec exec = graph.Instantiate();
        source.Span.Fill(9, Stream);
        exec.Launch(Stream);
        Stream.Synchronize();
        Assert.That(target.Span.ToArray(_there), Is.All.EqualTo(9f));
    }

    [Test]
    public void A_driver_without_the_functions_says_which_it_lacks()
    {
        CudaLibraries old = CudaLibraries.From(
            new Lacking(Gpu.Symbols(LibraryKind.CudaDriver), "cuMemcpyPeerAsync")
        );
        Assert.That(old.Driver.Missing, Is.EqualTo(new[] { "cuMemcpyPeerAsync" }));
        using CudaContext here = CudaContext.Primary(old.Device(0));
        using CudaContext there = CudaContext.Primary(old.Device(1));
        using CudaStream stream = here.CreateStream();
        using var source = here.Allocate<float>(1);
        using var target = there.Allocate<float>(1);
        var error = Assert.Throws<MissingSymbolException>(() =>
            target.Span.CopyFromPeer(source.Span, stream)
        );
        Assert.That(error.Symbol, Is.EqualTo("cuMemcpyPeerAsync"));
    }

    private bool Reaches()
    {
        lock (Gpu.Gate)
        {
            VirtualContext here = Gpu.Contexts.Objects.Single(c =>
                c.Handle == Context.Handle.Value
            );
            VirtualContext there = Gpu.Contexts.Objects.Single(c =>
                c.Handle == _other.Handle.Value
            );
            return here.Reaches(there);
        }
    }
}
