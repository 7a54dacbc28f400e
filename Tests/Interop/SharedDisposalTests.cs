using System.Runtime.CompilerServices;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Interop;

/// <summary>What is shared is let go in any order, forgotten or refused by the driver, and nothing stays taken.</summary>
public sealed class SharedDisposalTests : InteropFixture
{
    private CudaContext _other = null!;
    private CudaContext _process = null!;

    private protected override VirtualOptions Options => new() { DeviceCount = 2 };

    [SetUp]
    public void StartOthers()
    {
        _other = CudaContext.Primary(Libraries.Device(1));
        _process = CudaContext.Attach(Gpu.CreateContext(process: 1).Handle, Libraries);
    }

    [TearDown]
    public void EndOthers()
    {
        _other.Dispose();
        _process.Dispose();
    }

    [Test]
    public void Any_order_of_disposal_gives_everything_back([Range(1, 20)] int seed)
    {
        using var api = new OtherApi(4096);
        IDisposable[] made = [.. Everything(api)];
        new Random(seed).Shuffle(made);
        foreach (IDisposable item in made)
            item.Dispose();
        foreach (IDisposable item in made)
            item.Dispose();
        AssertLetGo();
    }

    [Test]
    public void What_is_forgotten_goes_with_the_next_calls()
    {
        using var api = new OtherApi(4096);
        Forget(api);
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Context.Synchronize();
            _other.Synchronize();
            _process.Synchronize();
        }
        AssertLetGo();
    }

    [TestCase("cuDeviceCanAccessPeer")]
    [TestCase("cuCtxEnablePeerAccess")]
    [TestCase("cuMemcpyPeerAsync")]
    [TestCase("cuIpcGetMemHandle")]
    [TestCase("cuIpcOpenMemHandle")]
    [TestCase("cuIpcGetEventHandle")]
    [TestCase("cuIpcOpenEventHandle")]
    [TestCase("cuImportExternalMemory")]
    [TestCase("cuExternalMemoryGetMappedBuffer")]
    [TestCase("cuImportExternalSemaphore")]
    [TestCase("cuSignalExternalSemaphoresAsync")]
    [TestCase("cuWaitExternalSemaphoresAsync")]
    public void A_call_that_fails_leaves_nothing_behind(string call)
    {
        using var api = new OtherApi(4096);
        Gpu.Refuse(call, (int)CUresult.CUDA_ERROR_UNKNOWN, times: 1);
        List<IDisposable> made = [];
        var error = Assert.Throws<CudaException>(() => Everything(api, made));
        Assert.That(error.Call, Is.EqualTo(call));
        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_UNKNOWN));
        made.ForEach(item => item.Dispose());
        AssertLetGo();
        Everything(api, made = []);
        made.ForEach(item => item.Dispose());
    }

    [TestCase("cuCtxDisablePeerAccess")]
    [TestCase("cuIpcCloseMemHandle")]
    [TestCase("cuDestroyExternalMemory")]
    [TestCase("cuDestroyExternalSemaphore")]
    public void A_release_that_fails_is_told_by_the_next_call(string call)
    {
        using var api = new OtherApi(4096);
        IDisposable[] made = [.. Everything(api)];
        Gpu.Refuse(call, (int)CUresult.CUDA_ERROR_UNKNOWN);
        foreach (IDisposable item in made)
            Assert.DoesNotThrow(item.Dispose);
        Gpu.RefuseNothing();
        CudaContext context = call == "cuIpcCloseMemHandle" ? _process : Context;
        var error = Assert.Throws<CudaException>(() => context.Synchronize());
        Assert.That(error.Call, Is.EqualTo(call));
        ForgiveLeaks();
    }

    private List<IDisposable> Everything(OtherApi api, List<IDisposable>? made = null)
    {
        made ??= [];
        CudaStream there = Made(_other.CreateStream());
        DeviceBuffer<int> ours = Made(Context.Allocate<int>(4));
        DeviceBuffer<int> theirs = Made(_other.Allocate<int>(4));
        CudaPeerAccess access = Made(Context.EnablePeerAccess(_other));
        Made(Context.EnablePeerAccess(_other));
        Made(access.Use(theirs));
        CudaPeerLink link = Made(Stream.LinkTo(there));
        ours.Span.Fill(1, Stream);
        link.Copy(ours.Span, theirs.Span);
        CudaIpcMemory opened = Made(_process.OpenMemory(ours.Export()));
        Made(opened.Buffer<int>(2));
        CudaEvent mark = Made(Context.CreateEvent(interprocess: true));
        Made(_process.OpenEvent(mark.Export()));
        CudaExternalMemory memory = Made(
            Imported(api, d => Context.ImportMemory(ExternalMemoryHandle.FileDescriptor(d), 4096))
        );
        Made(memory.Buffer<int>(4, 64)).Span.Fill(2, Stream);
        CudaExternalSemaphore semaphore = Made(
            Imported(
                api,
                d => Context.ImportSemaphore(ExternalSemaphoreHandle.TimelineFileDescriptor(d))
            )
        );
        Stream.Signal(semaphore, 1);
        Stream.Wait(semaphore, 1);
        Stream.Synchronize();
        there.Synchronize();
        return made;

        T Made<T>(T item)
            where T : IDisposable
        {
            made.Add(item);
            return item;
        }
    }

    private static T Imported<T>(OtherApi api, Func<int, T> import)
    {
        int descriptor = api.Descriptor();
        try
        {
            return import(descriptor);
        }
        catch
        {
            // It is still ours.
            OtherApi.Close(descriptor);
            throw;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Forget(OtherApi api) => Everything(api);

    private void AssertLetGo()
    {
        Stream.Synchronize();
        lock (Gpu.Gate)
        {
            Assert.That(Gpu.Memory.Live, Is.Empty);
            Assert.That(Gpu.ExternalMemories.Count, Is.Zero);
            Assert.That(Gpu.ExternalSemaphores.Count, Is.Zero);
            Assert.That(Gpu.Events.Count, Is.Zero);
            Assert.That(Gpu.Contexts.Objects.All(c => c.Peers.Count == 0), Is.True);
        }
    }
}
