using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Work is put off and streams run in any order that events allow.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class OrderTests
{
    private const int Seeds = 40;

    /// <summary>The orders in which pieces of work ran, over many seeds.</summary>
    private static HashSet<string> Orders(Action<Rig> submit)
    {
        HashSet<string> orders = [];
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            rig.Device.Work.Log = [];
            submit(rig);
            Rig.Ok(rig.Driver.cuCtxSynchronize());
            Assert.That(rig.Device.Faults, Is.Empty);
            orders.Add(string.Concat(rig.Device.Work.Log.Where(n => n.Length == 1)));
        }
        return orders;
    }

    [Test]
    public void Streams_that_nothing_orders_run_in_every_order()
    {
        HashSet<string> orders = Orders(rig =>
        {
            CUstream one = rig.Stream();
            CUstream two = rig.Stream();
            rig.Enqueue(one, "a", () => { });
            rig.Enqueue(two, "x", () => { });
            rig.Enqueue(one, "b", () => { });
        });
        Assert.That(orders, Is.EquivalentTo(new[] { "abx", "axb", "xab" }));
    }

    [Test]
    public void An_event_orders_streams()
    {
        HashSet<string> orders = Orders(rig =>
        {
            CUstream one = rig.Stream();
            CUstream two = rig.Stream();
            CUevent mark = rig.Event();
            rig.Enqueue(one, "a", () => { });
            Rig.Ok(rig.Driver.cuEventRecord(mark, one));
            rig.Enqueue(one, "b", () => { });
            Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
            rig.Enqueue(two, "x", () => { });
            // What waits goes on waiting.
            Rig.Ok(rig.Driver.cuEventDestroy(mark));
            Rig.Ok(rig.Driver.cuStreamDestroy(one));
        });
        Assert.That(orders, Is.EquivalentTo(new[] { "abx", "axb" }));
    }

    [Test]
    public void Waiting_for_an_event_that_was_not_recorded_yet_waits_for_nothing()
    {
        HashSet<string> orders = Orders(rig =>
        {
            CUstream one = rig.Stream();
            CUstream two = rig.Stream();
            CUevent mark = rig.Event();
            Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
            rig.Enqueue(one, "a", () => { });
            Rig.Ok(rig.Driver.cuEventRecord(mark, one));
            rig.Enqueue(two, "x", () => { });
        });
        Assert.That(orders, Is.EquivalentTo(new[] { "ax", "xa" }));
    }

    [TestCase(CUstream_flags.CU_STREAM_DEFAULT, new[] { "axb" })]
    [TestCase(CUstream_flags.CU_STREAM_NON_BLOCKING, new[] { "abx", "axb", "xab" })]
    public void The_default_stream_waits_for_blocking_streams_only(
        CUstream_flags flags,
        string[] expected
    )
    {
        HashSet<string> orders = Orders(rig =>
        {
            CUstream stream = rig.Stream(flags);
            rig.Enqueue(stream, "a", () => { });
            rig.Enqueue(default, "x", () => { });
            rig.Enqueue(stream, "b", () => { });
        });
        Assert.That(orders, Is.EquivalentTo(expected));
    }

    [Test]
    public void A_threads_own_default_stream_is_a_blocking_one()
    {
        HashSet<string> orders = Orders(rig =>
        {
            rig.Enqueue(new CUstream(2), "a", () => { });
            rig.Enqueue(new CUstream(1), "x", () => { });
            rig.Enqueue(new CUstream(2), "b", () => { });
        });
        Assert.That(orders, Is.EquivalentTo(new[] { "axb" }));
    }

    [Test]
    public void Runs_of_one_seed_are_the_same()
    {
        string Run(int seed)
        {
            using var rig = new Rig(new() { Seed = seed });
            rig.Device.Work.Log = [];
            CUstream[] streams = [rig.Stream(), rig.Stream(), rig.Stream()];
            for (int i = 0; i < 30; i++)
                rig.Enqueue(streams[i % 3], $"{i}", () => { });
            Rig.Ok(rig.Driver.cuCtxSynchronize());
            return string.Join(' ', rig.Device.Work.Log);
        }
        string first = Run(3);
        Assert.That(Run(3), Is.EqualTo(first));
        Assert.That(Run(4), Is.Not.EqualTo(first));
    }

    [Test]
    public void Pinned_memory_is_read_when_the_copy_runs_and_pageable_memory_by_the_call()
    {
        HashSet<float> pinned = [];
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            CUdeviceptr a = rig.Filled(0);
            CUdeviceptr b = rig.Filled(0);
            CUstream stream = rig.Stream();
            float* late = rig.Pinned(1);
            float soon = 1;
            *late = 1;
            Rig.Ok(rig.Driver.cuMemcpyHtoDAsync(a, late, 4, stream));
            Rig.Ok(rig.Driver.cuMemcpyHtoDAsync(b, &soon, 4, stream));
            *late = soon = 2;
            Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
            pinned.Add(rig.Read(a, 1)[0]);
            Assert.That(rig.Read(b, 1)[0], Is.EqualTo(1f));
        }
        Assert.That(pinned, Is.EquivalentTo(new[] { 1f, 2f }));
    }

    [Test]
    public void A_copy_to_pinned_memory_arrives_late_and_one_to_pageable_memory_at_once()
    {
        HashSet<float> pinned = [];
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            CUdeviceptr memory = rig.Filled(5);
            CUstream stream = rig.Stream();
            float* late = rig.Pinned(1);
            *late = 1;
            float soon = 1;
            Rig.Ok(rig.Driver.cuMemcpyDtoHAsync(late, memory, 4, stream));
            pinned.Add(*late);
            Rig.Ok(rig.Driver.cuMemcpyDtoHAsync(&soon, memory, 4, stream));
            Assert.That(soon, Is.EqualTo(5f));
            Assert.That(*late, Is.EqualTo(5f));
        }
        Assert.That(pinned, Is.EquivalentTo(new[] { 1f, 5f }));
    }

    [Test]
    public void A_blocking_copy_from_pageable_memory_may_still_be_under_way()
    {
        // So that work of a stream that does not wait for the default one may come first.
        HashSet<bool> arrived = [];
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            CUdeviceptr memory = rig.Filled(1);
            CUstream stream = rig.Stream();
            float value = 2;
            float seen = 0;
            Rig.Ok(rig.Driver.cuMemcpyHtoD(memory, &value, 4));
            Rig.Ok(rig.Driver.cuMemcpyDtoHAsync(&seen, memory, 4, stream));
            arrived.Add(seen == 2);
            Assert.That(rig.Read(memory, 1)[0], Is.EqualTo(2f));
        }
        Assert.That(arrived, Is.EquivalentTo(new[] { true, false }));
    }

    [Test]
    public void Pinned_memory_freed_under_a_copy_is_found()
    {
        using var rig = new Rig(new() { Seed = 5 });
        CUdeviceptr memory = rig.Alloc(4);
        CUstream stream = rig.Stream();
        CUevent gate = rig.Event();
        float* host = rig.Pinned(1);
        // Behind enough work that it cannot have run by chance.
        for (int i = 0; i < 50; i++)
            rig.Enqueue(stream, "work", () => { });
        Rig.Ok(rig.Driver.cuMemcpyHtoDAsync(memory, host, 4, stream));
        Rig.Ok(rig.Driver.cuEventRecord(gate, stream));
        Assert.That(rig.Device.Work.Pending, Is.GreaterThan(0));
        Rig.Ok(rig.Driver.cuMemFreeHost(host));
        Rig.Gives(rig.Driver.cuEventSynchronize(gate), CUDA_ERROR_ILLEGAL_ADDRESS);
        rig.Found(FaultKind.UseAfterFree);
    }

    [Test]
    public void Asking_goes_on_until_the_work_is_done()
    {
        bool waited = false;
        for (int seed = 0; seed < 10; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            CUstream stream = rig.Stream();
            CUevent mark = rig.Event();
            Rig.Ok(rig.Driver.cuEventQuery(mark));
            for (int i = 0; i < 5; i++)
                rig.Enqueue(stream, "work", () => { });
            Rig.Ok(rig.Driver.cuEventRecord(mark, stream));
            int asked = 0;
            CUresult result;
            while ((result = rig.Driver.cuEventQuery(mark)) == CUDA_ERROR_NOT_READY)
                asked++;
            Rig.Ok(result);
            waited |= asked > 0;
            Rig.Ok(rig.Driver.cuStreamQuery(stream));
            Assert.That(rig.Device.Counts.Work["work"].Runs, Is.EqualTo(5));
        }
        Assert.That(waited);
    }

    [Test]
    public void Events_time_the_work_between_them()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUevent begin = rig.Event();
        CUevent end = rig.Event();
        CUevent timeless = rig.Event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
        float time;
        Rig.Gives(rig.Driver.cuEventElapsedTime(&time, begin, end), CUDA_ERROR_INVALID_HANDLE);
        Rig.Ok(rig.Driver.cuEventRecord(begin, stream));
        for (int i = 0; i < 100; i++)
            rig.Enqueue(stream, "work", () => { });
        Rig.Ok(rig.Driver.cuEventRecord(end, stream));
        Rig.Ok(rig.Driver.cuEventRecord(timeless, stream));
        Rig.Gives(rig.Driver.cuEventElapsedTime(&time, begin, end), CUDA_ERROR_NOT_READY);
        Rig.Ok(rig.Driver.cuEventSynchronize(timeless));
        Rig.Ok(rig.Driver.cuEventElapsedTime(&time, begin, end));
        Assert.That(time, Is.GreaterThanOrEqualTo(0.1f));
        Rig.Gives(rig.Driver.cuEventElapsedTime(&time, begin, timeless), CUDA_ERROR_INVALID_HANDLE);
        CUevent none;
        Rig.Gives(rig.Driver.cuEventCreate(&none, 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
    }

    [Test]
    public void Handles_that_are_none_or_destroyed_are_found()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUevent mark = rig.Event();
        Rig.Gives(
            rig.Driver.cuStreamSynchronize(new CUstream(mark.Value)),
            CUDA_ERROR_INVALID_HANDLE
        );
        rig.Found(FaultKind.BadHandle);
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        Rig.Gives(rig.Driver.cuStreamDestroy(stream), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Gives(rig.Driver.cuEventRecord(mark, stream), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Ok(rig.Driver.cuEventDestroy(mark));
        Rig.Gives(rig.Driver.cuEventDestroy(mark), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Gives(rig.Driver.cuStreamDestroy(default), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.BadHandle);
        rig.Finish();
    }
}
