using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Profiles of steps on a GPU, eager and as graphs: the same results, marks as nodes, and the graphs of before at the end.</summary>
[TestFixture]
public sealed class CudaProfileTests : CudaFixture
{
    private const int Steps = 9;

    // Losses of steps, some of which are profiled from one on to another.
    private float[] Losses(Func<Layer> body, int from, int to, bool graphs, float dropout = 0.3f)
    {
        using var run = new StepRun(Gpu, body(), dropout: dropout) { IsEager = !graphs };
        Profile? profile = null;
        for (int i = 0; i < Steps; i++)
        {
            if (i == from)
                profile = Profile.Start(run.Plan);
            if (i == to)
                profile!.Dispose();
            run.Next();
            if (i >= from && i < to)
                Require(profile!.Read(), graphs && i >= StepGraph.EagerSteps);
        }
        profile?.Dispose();
        return [.. run.Noted, .. run.Plan.Parameters.ToArray()];
    }

    private void Require(ProfiledStep step, bool isReplay)
    {
        Assert.That(step.IsReplay, Is.EqualTo(isReplay));
        Assert.That(
            step.Operations.Sum(row => row.Nanoseconds),
            Is.EqualTo(step.Nanoseconds),
            "the sum of the rows"
        );
        Assert.That(step.Operations.All(row => row.Nanoseconds >= 0));
        foreach (MemoryCategory category in Enum.GetValues<MemoryCategory>())
            Assert.That(
                step.Held.Where(o => o.Category == category).Sum(o => o.Bytes),
                Is.EqualTo(Gpu.Memory.Current(category)),
                category.ToString()
            );
        foreach (
            ProfilePass pass in new[]
            {
                ProfilePass.Forward,
                ProfilePass.Loss,
                ProfilePass.Backward,
                ProfilePass.Update,
            }
        )
            Assert.That(step.Operations.Select(row => row.Pass), Has.Member(pass));
        Assert.That(step.PeakOwners.Sum(o => o.Bytes), Is.EqualTo(step.PeakBytes));
    }

    private static readonly Dictionary<string, Func<Layer>> Bodies = new()
    {
        ["gru"] = () => new Gru(2, 4),
        ["tcn"] = () => new Tcn(2, [5, 5], 2),
        ["lru"] = () => new Lru(2, 4, 3, 2),
    };

    [Test]
    public void Profiled_steps_give_the_same_bits([Values] bool graphs) =>
        RequireSameBits("gru", graphs);

    [Test]
    [Category("Long")]
    public void Profiled_steps_of_other_layers_give_the_same_bits(
        [Values] bool graphs,
        [Values("tcn", "lru")] string body
    ) => RequireSameBits(body, graphs);

    private void RequireSameBits(string body, bool graphs)
    {
        float[] plain = Losses(Bodies[body], int.MaxValue, int.MaxValue, graphs);
        Assert.That(Losses(Bodies[body], 0, 5, graphs), Is.EqualTo(plain), "from the first on");
        Assert.That(Losses(Bodies[body], 4, 7, graphs), Is.EqualTo(plain), "after the capture");
    }

    [Test]
    [VirtualGpuOnly]
    public void A_graph_gets_two_marks_for_each_operation_and_loses_them_at_the_end()
    {
        using var run = new StepRun(Gpu);
        for (int i = 0; i < 4; i++)
            run.Next();
        (long captures, long launches, long records) before = Counted(run);
        Assert.That(before.captures, Is.Zero);

        ProfiledStep step;
        using (Profile profile = Profile.Start(run.Plan))
        {
            Assert.That(
                Counted(run).Captures,
                Is.EqualTo(1),
                "the graph with marks is recorded once"
            );
            (long captures, long launches, long records) = Counted(run);
            Assert.That(captures, Is.Zero);
            step = profile.Read();
            int operations = step.Operations.Count(row =>
                row.Operation != ProfiledOperation.Between
            );
            // Two in the queue, before and after the graph.
            Assert.That(records, Is.EqualTo(before.records + 2 * operations + 2));
            Assert.That(launches, Is.EqualTo(before.launches));
            Assert.That(step.Operations.Sum(row => row.Launches), Is.EqualTo(launches));
        }
        Assert.That(Counted(run), Is.EqualTo(before), "as before the profile");
        Assert.That(run.Graph.Graphs, Is.EqualTo(1));
    }

    [TestCase("gru")]
    [TestCase("tcn")]
    [TestCase("lru", Category = "Long")]
    [VirtualGpuOnly]
    public void Launches_are_those_that_the_device_counts(string body)
    {
        using var run = new StepRun(Gpu, Bodies[body](), dropout: 0.3f) { IsEager = true };
        run.Next();
        using Profile profile = Profile.Start(run.Plan);
        (long _, long launches, long _) = Counted(run);
        ProfiledStep step = profile.Read();
        Assert.That(step.Operations.Sum(row => row.Launches), Is.EqualTo(launches));
        Assert.That(
            step.Operations.Where(row => row.BytesMoved is null)
                .Select(row => row.Operation)
                .Distinct(),
            body == "gru" ? Is.EquivalentTo(new[] { "recurrent", "recurrent gradient" }) : Is.Empty
        );
    }

    [Test]
    [VirtualGpuOnly]
    public void Where_nobody_profiles_a_step_has_the_calls_and_nodes_that_it_had_before_a_profile()
    {
        using var run = new StepRun(Gpu);
        using var other = new StepRun(Gpu);
        using (Profile profile = Profile.Start(run.Plan))
        {
            for (int i = 0; i < 5; i++)
                run.Next();
            _ = profile.Read();
        }
        for (int i = 0; i < 5; i++)
            other.Next();
        Assert.That(run.Graph.Nodes, Is.EqualTo(other.Graph.Nodes));
        Assert.That(Calls(run), Is.EqualTo(Calls(other)));
    }

    private Dictionary<string, long> Calls(StepRun run)
    {
        Counted(run);
        return new(RequireVirtual().Counts.Calls);
    }

    [Test]
    [VirtualGpuOnly]
    public void A_profiled_step_makes_nothing_once_it_has_run([Values] bool graphs)
    {
        using var run = new StepRun(Gpu) { IsEager = !graphs };
        for (int i = 0; i < 4; i++)
            run.Next();
        using Profile profile = Profile.Start(run.Plan);
        run.Next();
        _ = profile.Read();
        long taken = Gpu.Memory.Allocations;
        Dictionary<string, long> calls = Calls(run);
        foreach (string call in new[] { "cuEventCreate", "cuMemAlloc_v2", "cuStreamBeginCapture" })
            Assert.That(calls.GetValueOrDefault(call), Is.Zero, call);
        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(taken));
    }

    [Test]
    public void Batches_of_different_lengths_evaluations_and_streams_are_profiled()
    {
        using var model = new Sequential(new Lstm(2, 3), new Linear(3, 1));
        using Plan packed = model.Plan(
            Gpu,
            4,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        using Plan evaluation = model.Plan(Gpu, 4, 3, Mode.Evaluation);
        using Plan stream = model.Plan(Gpu, 4, 3, Mode.Streaming);
        float[] x = new Draw(3).Uniform(4 * 3 * 2);
        using (Profile profile = Profile.Start(packed))
        {
            for (int i = 0; i < 2; i++)
            {
                Tensor y = packed.Forward(x, 4, 3, [2 + i, 4, 1]);
                packed.Backward(y);
            }
            string[] names = [.. profile.Read().Operations.Select(row => row.Operation)];
            foreach (
                string name in new[] { "upload lengths", "pack", "unpack", "recurrent gradient" }
            )
                Assert.That(names, Has.Member(name));
        }
        foreach (Plan plan in new[] { evaluation, stream })
        {
            using Profile profile = Profile.Start(plan);
            plan.Forward(x, 4, 3);
            plan.Forward(x, 4, 3);
            ProfiledStep step = profile.Read();
            Assert.That(step.Number, Is.EqualTo(2));
            Assert.That(
                step.Operations.Where(row => row.Pass == ProfilePass.Forward)
                    .Select(row => row.Layer)
                    .Distinct(),
                Is.EquivalentTo(new[] { "0", "1" })
            );
        }
    }

    // Captures, kernels with library calls, and marks of one step.
    private (long Captures, long Launches, long Records) Counted(StepRun run)
    {
        Gpu.Synchronize();
        VirtualGpu.VirtualCounts counts = RequireVirtual().Counts;
        counts.Reset();
        run.Next();
        Gpu.Synchronize();
        return (
            counts.Of("cuStreamBeginCapture"),
            counts.Work.Where(work => !IsNoLaunch(work.Key)).Sum(work => work.Value.Runs),
            counts.Work.GetValueOrDefault("event record").Runs
        );
    }

    private static bool IsNoLaunch(string work) =>
        work is "event record" or "fill" || work.StartsWith("copy ", StringComparison.Ordinal);
}
