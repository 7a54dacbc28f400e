using ManagedCuda;
using ManagedCuda.BasicTypes;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Examples;
using Sequor.Tests.Support;

namespace Sequor.Tests.Interop;

/// <summary>
/// Conversions to and from ManagedCuda's types, compiled with a double of these: its objects call the same driver, so that each side uses
/// what the other made.
/// </summary>
public sealed class ManagedCudaTests : CudaFixture
{
    private PrimaryContext _theirs = null!;
    private ManagedCuda.CudaStream _stream = null!;

    [SetUp]
    public void StartTheirs()
    {
        DoubleDriver.Driver = Libraries.Driver;
        _theirs = new PrimaryContext(0);
        _theirs.SetCurrent();
        _stream = new ManagedCuda.CudaStream();
    }

    [TearDown]
    public void EndTheirs()
    {
        _stream.Dispose();
        Libraries.Driver.cuCtxSetCurrent(default);
        _theirs.Dispose();
    }

    [Test]
    public void Their_context_and_stream_are_used_and_not_released()
    {
        using (var context = _theirs.ToSequor(Libraries))
        using (var stream = _stream.ToSequor(context))
        {
            Assert.That(context.Handle, Is.EqualTo(Context.Handle), "the primary context");
            Assert.That(stream.Handle.Value, Is.EqualTo(_stream.Stream.Pointer));
            using var buffer = context.Allocate<int>(4);
            buffer.Span.Fill(7, stream);
            _stream.Synchronize();
            Assert.That(buffer.Span.ToArray(stream), Is.All.EqualTo(7));
            using var byDefault = default(CUstream).ToSequor(context);
            Assert.That(byDefault.Handle.Value, Is.EqualTo((nint)0));
        }
        _stream.Synchronize();
        Assert.That(_stream.Stream.Pointer, Is.Not.EqualTo((nint)0));
        Assert.That(Context.ToManagedCuda().Pointer, Is.EqualTo(_theirs.Context.Pointer));
    }

    [Test]
    public void Their_memory_is_used_in_place()
    {
        using var context = _theirs.ToSequor(Libraries);
        using var theirs = new CudaDeviceVariable<float>(6);
        theirs.CopyToDevice([1, 2, 3, 4, 5, 6]);
        // Its copies are in the default stream, for which our stream does not wait.
        _theirs.Synchronize();
        using (DeviceBuffer<float> buffer = theirs.ToSequor(context))
        {
            Assert.That(buffer.IsForeign, Is.True);
            Assert.That(buffer.Length, Is.EqualTo(6));
            Assert.That(buffer.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
            buffer.Slice(1, 2).Fill(-1, Stream);
            Stream.Synchronize();
        }
        using (DeviceBuffer<float> part = theirs.DevicePointer.ToSequor<float>(context, 2))
            Assert.That(part.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, -1 }));
        var read = new float[6];
        theirs.CopyToHost(read);
        Assert.That(read, Is.EqualTo(new float[] { 1, -1, -1, 4, 5, 6 }));
    }

    [Test]
    public void Our_memory_is_theirs_and_stays_ours()
    {
        using var buffer = Context.Allocate<int>(4);
        buffer.Span.Fill(5, Stream);
        Stream.Synchronize();
        using (CudaDeviceVariable<int> variable = buffer.ToManagedCuda())
        {
            Assert.That(variable.IsOwner, Is.False);
            Assert.That((long)variable.Size, Is.EqualTo(4));
            var read = new int[4];
            variable.CopyToHost(read);
            Assert.That(read, Is.All.EqualTo(5));
        }
        using (CudaDeviceVariable<int> part = buffer.Slice(1, 2).ToManagedCuda())
            part.CopyToDevice([8, 9]);
        _theirs.Synchronize();
        Assert.That(buffer.Span.ToArray(Stream), Is.EqualTo(new[] { 5, 8, 9, 5 }));
        Assert.That((ulong)buffer.Slice(2).ToDevicePointer(), Is.EqualTo(buffer.Handle.Value + 8));
    }

    [Test]
    public void Streams_and_events_order_work_across_both()
    {
        using var context = _theirs.ToSequor(Libraries);
        using var buffer = Context.Allocate<int>(64);
        using ManagedCuda.CudaStream seen = Stream.ToManagedCuda();
        Assert.That(seen.Stream.Pointer, Is.EqualTo(Stream.Handle.Value));

        // Ours, awaited by theirs.
        using var written = Context.CreateEvent();
        buffer.Span.Fill(1, Stream);
        written.Record(Stream);
        _stream.WaitEvent(written.ToManagedCuda());
        using var their = _stream.ToSequor(context);
        using var copy = context.Allocate<int>(64);
        copy.Span.CopyFrom(DeviceBuffer<int>.Wrap(context, (nint)buffer.Handle.Value, 64), their);

        // Theirs, awaited by ours.
        using var done = new ManagedCuda.CudaEvent();
        done.Record(_stream.Stream);
        using (var attached = done.ToSequor(context, timing: true))
        {
            Stream.Wait(attached);
            buffer.Span.Fill(2, Stream);
            attached.Synchronize();
            Assert.That(attached.IsDone, Is.True);
            Assert.That(attached.MillisecondsSince(attached), Is.Zero);
        }
        Assert.That(copy.Span.ToArray(their), Is.All.EqualTo(1));
        Stream.Synchronize();
        done.Record(_stream.Stream);
        _stream.Synchronize();
    }

    [Test]
    public void A_plan_runs_in_their_context_on_their_memory()
    {
        float[] input = new Draw(1).Uniform(20 * 4 * 16);
        using var x = new CudaDeviceVariable<float>(input.Length);
        x.CopyToDevice(input);
        float[] found = PlanOnManagedCuda.Run(_theirs, _stream, x, Libraries);

        using var lstm = new Lstm(16, 32);
        using Plan plan = lstm.Plan(Cpu, 20, 4, Mode.Evaluation);
        plan.Forward(input, 20, 4);
        Against.Cpu("lstm", "y", found, plan.Output.ToArray(), 2e-5);
    }

    [Test]
    public void A_kernel_of_ours_is_launched_by_theirs()
    {
        using var a = new CudaDeviceVariable<float>(1000);
        using var b = new CudaDeviceVariable<float>(1000);
        using var sum = new CudaDeviceVariable<float>(1000);
        float[] x = new Draw(3).Uniform(1000);
        float[] y = new Draw(4).Uniform(1000);
        a.CopyToDevice(x);
        b.CopyToDevice(y);
        _theirs.Synchronize();
        KernelForManagedCuda.Run(_theirs, _stream, a, b, sum, Libraries);
        var found = new float[1000];
        sum.CopyToHost(found);
        Assert.That(found, Is.EqualTo(x.Zip(y, (one, other) => one + other)));
    }

    [Test]
    public void What_cannot_be_converted_is_refused_in_words()
    {
        using var context = _theirs.ToSequor(Libraries);
        Assert.Throws<ArgumentNullException>(() =>
            ((ManagedCuda.CudaContext)null!).ToSequor(Libraries)
        );
        Assert.Throws<ArgumentNullException>(() =>
            ((ManagedCuda.CudaStream)null!).ToSequor(context)
        );
        Assert.Throws<ArgumentNullException>(() =>
            ((CudaDeviceVariable<float>)null!).ToSequor(context)
        );
        Assert.Throws<ArgumentNullException>(() => ((DeviceBuffer<int>)null!).ToManagedCuda());
        Assert.Throws<ArgumentException>(() => default(CUdeviceptr).ToSequor<float>(context, 1));
        Assert.Throws<ArgumentException>(() => default(DeviceSpan<float>).ToManagedCuda());

        // A bool has 4 bytes for ManagedCuda, and 1 here.
        using (var flags = new CudaDeviceVariable<bool>(4))
            Assert.That(
                Assert.Throws<ArgumentException>(() => flags.ToSequor(context)).Message,
                Does.Contain("4 bytes for Boolean, which has 1")
            );
        using var ours = Context.Allocate<bool>(4);
        Assert.That(
            Assert.Throws<ArgumentException>(() => ours.ToManagedCuda()).Message,
            Does.Contain("byte for bool")
        );

        // Freed on either side.
        ours.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ours.ToManagedCuda());
        var gone = new ManagedCuda.CudaStream();
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => gone.ToSequor(context));
        var freed = new CudaDeviceVariable<float>(4);
        freed.Dispose();
        Assert.That(
            Assert.Throws<ArgumentException>(() => freed.ToSequor(context)).Message,
            Does.Contain("not one that CUDA knows")
        );
        Assert.That(
            Assert
                .Throws<ArgumentException>(() => Sequor.Interop.CudaEvent.Attach(context, 0))
                .Message,
            Does.Contain("null")
        );
    }

    [Test]
    public void A_tensor_is_made_of_any_memory_of_the_context()
    {
        using var buffer = Context.Allocate<float>(12);
        buffer.Span.Fill(3, Stream);
        Tensor whole = Gpu.Wrap(buffer, new Shape(3, 4));
        Tensor part = Gpu.Wrap(buffer.Slice(4, 8), new Shape(2, 3));
        Assert.That(part.Address, Is.EqualTo((nint)buffer.Handle.Value + 16));
        Assert.That(whole.ToArray(), Is.All.EqualTo(3f));
        part.Write([1, 2, 3, 4, 5, 6]);
        Assert.That(
            buffer.Span.ToArray(Stream),
            Is.EqualTo(new float[] { 3, 3, 3, 3, 1, 2, 3, 4, 5, 6, 3, 3 })
        );
        // Bytes seen as floats are wrapped by their address, which holds the context until it is collected: one that is not owned.
        using (var context = Sequor.Interop.CudaContext.Attach(Context.Handle.Value, Libraries))
        using (var stream = Sequor.Interop.CudaStream.Attach(context, Stream.Handle.Value))
        using (var gpu = new CudaBackend(context, stream))
        using (var bytes = context.Allocate<byte>(16))
        {
            bytes.Span.Clear(stream);
            Assert.That(
                gpu.Wrap(bytes.Span.Cast<float>(), new Shape(4)).ToArray(),
                Is.EqualTo(new float[4])
            );
        }
        Assert.That(
            Assert.Throws<ArgumentException>(() => Gpu.Wrap(buffer, new Shape(13))).Message,
            Does.Contain("has 13 floats, the span 12")
        );
        Assert.Throws<ArgumentException>(() => Gpu.Wrap(default(DeviceSpan<float>), new Shape(1)));
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Gpu.Wrap(buffer, new Shape(1)));
        Assert.Throws<ObjectDisposedException>(() => part.ToArray());
    }
}
