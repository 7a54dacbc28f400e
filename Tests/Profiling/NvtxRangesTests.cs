using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using static Sequor.VirtualGpu.ProfilerCallKind;

namespace Sequor.Tests.Profiling;

/// <summary>What a profiler that listens is told of a CPU's steps: their nesting, names, shapes and colours, without an allocation.</summary>
[TestFixture]
[NonParallelizable]
public sealed class NvtxRangesTests
{
    private VirtualProfiler _profiler = null!;

    [SetUp]
    public void Attach()
    {
        _profiler = VirtualProfiler.Start();
        NvtxInjection.StandIn(_profiler.Attach());
    }

    [TearDown]
    public void Detach()
    {
        NvtxInjection.EndStandIn();
        _profiler.Dispose();
    }

    [Test]
    public void Ranges_nest_as_passes_layers_and_operations_do()
    {
        using Backend backend = Create();
        using var run = new TrainingRun("gru", backend);
        _profiler.Clear();
        using (var graph = new StepGraph(run.Plan, run.Step))
            graph.Run();
        IReadOnlyList<ProfilerCall> calls = _profiler.Calls;
        Assert.That(_profiler.Faults, Is.Empty);
        Assert.That(_profiler.Open, Is.Zero);
        Assert.That(
            calls[0],
            Is.EqualTo((Start, "step", 1L))
                .Using<ProfilerCall, (ProfilerCallKind, string, long)>(Same)
        );
        Assert.That(calls[^1].Kind, Is.EqualTo(End));
        // The ranges that each operation lies in, from the outermost on.
        var stack = new Stack<string>();
        var seen = new List<string>();
        foreach (ProfilerCall call in calls)
        {
            if (call.Kind == Push)
            {
                stack.Push(call.Text);
                seen.Add(string.Join(" > ", stack.Reverse()));
            }
            else if (call.Kind == Pop)
                Assert.That(stack.Pop(), Is.EqualTo(call.Text));
        }
        Assert.That(stack, Is.Empty);
        Assert.That(
            seen,
            Has.Some.Match(@"^forward > Sequential > 0 Gru > recurrent \[\d+, \d+, \d+\]")
        );
        Assert.That(
            seen,
            Has.Some.Match(@"^backward > Sequential > 0 Gru > recurrent gradient \[")
        );
        Assert.That(seen, Has.Some.Match("^loss SoftmaxCrossEntropy > softmax cross entropy "));
        Assert.That(seen, Has.Some.Match(@"^update RmsProp > update \["));

        static bool Same(ProfilerCall call, (ProfilerCallKind, string, long) wanted) =>
            (call.Kind, call.Text, call.Payload!.Value) == wanted;
    }

    [Test]
    public void Forward_and_backward_have_categories_and_colours_of_their_own()
    {
        using Backend backend = Create();
        using var run = new TrainingRun("tcn", backend);
        run.Step();
        var passes = new Stack<ProfilerCall>();
        var looks = new Dictionary<string, HashSet<(string, uint?)>>();
        foreach (ProfilerCall call in _profiler.Calls)
        {
            if (call.Kind == Push)
            {
                passes.Push(call);
                string pass = passes.Last().Text.Split(' ')[0];
                if (passes.Last().Category == 0)
                    continue;
                string category = _profiler.Categories[(call.Domain, call.Category)];
                if (!looks.TryGetValue(pass, out HashSet<(string, uint?)>? own))
                    looks.Add(pass, own = []);
                own.Add((category, call.Color));
            }
            else if (call.Kind == Pop)
                passes.Pop();
        }
        foreach (string pass in (string[])["forward", "backward", "loss", "update"])
        {
            Assert.That(looks[pass], Has.Count.EqualTo(1), pass);
            Assert.That(looks[pass].Single().Item1, Is.EqualTo(pass));
        }
        Assert.That(
            looks.Values.SelectMany(l => l).Select(l => l.Item2).Distinct().Count(),
            Is.GreaterThanOrEqualTo(4)
        );
    }

    [Test]
    public void An_operation_carries_the_bytes_that_it_moves()
    {
        using Backend backend = Create();
        using var run = new TrainingRun("tanh", backend);
        run.Step();
        ProfilerCall product = _profiler.Calls.First(c =>
            c.Kind == Push && c.Text.StartsWith("matmul [", StringComparison.Ordinal)
        );
        Assert.That(product.Payload, Is.Positive);
    }

    [Test]
    public void A_step_that_was_seen_before_allocates_nothing_and_registers_no_text()
    {
        using Backend backend = Create();
        using var run = new TrainingRun("lru", backend);
        run.Step();
        int texts = _profiler.Texts.Count;
        Assert.That(texts, Is.GreaterThan(20));
        Assert.That(
            Allocated.Least(() =>
            {
                _profiler.Clear();
                run.Step();
            }),
            Is.Zero
        );
        Assert.That(_profiler.Texts, Has.Count.EqualTo(texts));
        Assert.That(_profiler.Calls, Is.Not.Empty);
        Assert.That(_profiler.Faults, Is.Empty);
    }

    [Test]
    public void All_backends_share_a_domain()
    {
        using Backend one = Create();
        using Backend two = Create();
        Assert.That(_profiler.Domains, Is.EqualTo(new[] { "Sequor" }));
        Assert.That(one.Probe, Is.Not.SameAs(two.Probe));
    }

    [Test]
    public void Ranges_are_off_where_they_are_switched_off_or_no_profiler_listens()
    {
        using (Backend off = Backend.Create(Device.Cpu, new CpuOptions { Nvtx = false }))
            Assert.That(off.Probe, Is.Null);
        NvtxInjection.StandIn(null);
        using Backend alone = Create();
        Assert.That(alone.Probe, Is.Null);
    }

    [Test]
    public void A_profile_and_a_profiler_are_told_side_by_side()
    {
        using Backend backend = Create();
        using var run = new TrainingRun("gru", backend);
        run.Step();
        _profiler.Clear();
        using (Profile profile = Profile.Start(run.Plan))
        {
            using (profile.Step())
                run.Step();
            Assert.That(profile.Read().Operations, Is.Not.Empty);
        }
        Assert.That(_profiler.Calls.Count(c => c.Kind == Start), Is.EqualTo(1));
        Assert.That(backend.Probe, Is.TypeOf<NvtxRanges>());
        Assert.That(_profiler.Faults, Is.Empty);
    }

    [Test]
    public void The_results_are_the_same_bit_for_bit()
    {
        float[] with = Train();
        NvtxInjection.StandIn(null);
        Assert.That(Train(), Is.EqualTo(with));

        static float[] Train()
        {
            using Backend backend = Create();
            using var run = new TrainingRun("gru", backend);
            for (int i = 0; i < 3; i++)
                run.Step();
            return run.Plan.Output.ToArray();
        }
    }

    private static Backend Create() => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
}
