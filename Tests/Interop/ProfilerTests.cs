using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Interop;

/// <summary>What a context tells a profiler: what to record, and a stream's name.</summary>
[TestFixture]
public sealed class ProfilerTests : InteropFixture
{
    [Test]
    public void A_profiler_records_what_is_called_between_start_and_stop()
    {
        using CudaEvent mark = Context.CreateEvent();
        mark.Record(Stream);
        Context.StartProfiler();
        mark.Record(Stream);
        mark.Record(Stream);
        Context.StopProfiler();
        mark.Record(Stream);
        Assert.That(Calls("cuEventRecord"), Is.EqualTo(4));
        Assert.That(Gpu.Counts.ProfiledOf("cuEventRecord"), Is.EqualTo(2));
        Assert.That(Gpu.Counts.IsProfiled, Is.False);
    }

    [Test]
    public void A_driver_that_refuses_is_told()
    {
        Gpu.Refuse("cuProfilerStart", (int)CUresult.CUDA_ERROR_PROFILER_DISABLED);
        CudaException e = Assert.Throws<CudaException>(Context.StartProfiler)!;
        Assert.That(e.Message, Does.StartWith("cuProfilerStart gave CUDA_ERROR_PROFILER_DISABLED"));
    }

    [Test]
    public void A_stream_has_its_name_in_the_tool()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        using NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        domain.NameStream(Stream, "work");
        Assert.That(profiler.Streams[Stream.Handle.Value], Is.EqualTo("work"));
    }

    [Test]
    public void An_older_tool_takes_no_name_of_a_stream()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start(without: ["nvtxNameCuStreamA"]);
        using NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        domain.NameStream(Stream, "work");
        Assert.That(profiler.Streams, Is.Empty);
        Assert.That(profiler.Faults, Is.Empty);
    }
}
