using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda;

/// <summary>What a profiler is told of a GPU's steps, eager, captured and replayed, and that they are the same steps.</summary>
[TestFixture]
public sealed class CudaNvtxTests : CudaFixture
{
    [TearDown]
    public void Detach() => NvtxInjection.EndStandIn();

    [Test]
    public void A_replay_is_a_step_without_ranges_of_layers()
    {
        using VirtualProfiler profiler = Listening();
        using var backend = new CudaBackend(Context, Stream);
        using var run = new StepRun(backend);
        var layers = new List<int>();
        for (int i = 0; i < 6; i++)
        {
            profiler.Clear();
            long replays = run.Graph.Replays;
            run.Next();
            Assert.That(
                profiler.Calls.Count(c => c is { Kind: ProfilerCallKind.Start, Text: "step" }),
                Is.EqualTo(1)
            );
            Assert.That(profiler.Open, Is.Zero);
            int seen = profiler.Calls.Count(c =>
                c.Kind == ProfilerCallKind.Push
                && c.Text.StartsWith("recurrent", StringComparison.Ordinal)
            );
            layers.Add(seen);
            if (i > 2)
                Assert.That(run.Graph.Replays, Is.EqualTo(replays + 1));
        }
        Assert.That(layers.Take(2), Is.All.EqualTo(2), "forward and backward");
        Assert.That(layers[2], Is.GreaterThanOrEqualTo(2), "captured");
        Assert.That(layers.Skip(3), Is.All.Zero, "replayed");
        Assert.That(profiler.Faults, Is.Empty);
        Assert.That(profiler.Streams[Stream.Handle.Value], Is.EqualTo("Sequor"));
    }

    [Test]
    public void Steps_and_graphs_are_the_same_with_a_profiler_and_without()
    {
        (float[] losses, long nodes) without = Train();
        using VirtualProfiler profiler = Listening();
        (float[] losses, long nodes) with = Train();
        Assert.That(profiler.Calls, Is.Not.Empty);
        Assert.That(with.nodes, Is.EqualTo(without.nodes));
        Assert.That(with.losses, Is.EqualTo(without.losses).Within(Virtual is null ? 1e-4 : 0));

        (float[], long) Train()
        {
            using var backend = new CudaBackend(Context, Stream);
            using var run = new StepRun(backend);
            for (int i = 0; i < 5; i++)
                run.Next();
            return ([.. run.Noted], run.Graph.Nodes);
        }
    }

    [Test]
    public void Ranges_are_off_where_they_are_switched_off()
    {
        using VirtualProfiler profiler = Listening();
        using var backend = new CudaBackend(Context, Stream, new CudaOptions { Nvtx = false });
        Assert.That(backend.Probe, Is.Null);
        Assert.That(profiler.Streams, Is.Empty);
    }

    [Test]
    public void A_profiler_that_cannot_listen_is_told_once()
    {
        NvtxInjection.StandIn(null, "made up " + Guid.NewGuid());
        var told = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            using var backend = new CudaBackend(
                Context,
                Stream,
                new CudaOptions { Tell = told.Add }
            );
            Assert.That(backend.Probe, Is.Null);
        }
        Assert.That(
            told,
            Is.EqualTo(new[] { $"no ranges for a profiler: {NvtxInjection.Failure}" })
        );
    }

    private static VirtualProfiler Listening()
    {
        VirtualProfiler profiler = VirtualProfiler.Start();
        NvtxInjection.StandIn(profiler.Attach());
        return profiler;
    }
}
