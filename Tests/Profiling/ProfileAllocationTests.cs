using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>A profiled step allocates nothing once it has run, and neither does telling its times to a listener.</summary>
[NonParallelizable]
public sealed class ProfileAllocationTests
{
    [Test]
    public void A_profiled_step_allocates_nothing(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture
    )
    {
        Backend backend = Backends.Get(Backends.Widths[0], 2);
        using var training = new TrainingRun(architecture, backend);
        var heard = new Heard();
        using Profile profile = Profile.Start(
            training.Plan,
            new ProfileOptions { Listener = heard }
        );
        Step();
        long allocations = backend.Memory.Allocations;
        Assert.That(Allocated.Least(Step), Is.Zero, "managed bytes");
        Assert.That(backend.Memory.Allocations, Is.EqualTo(allocations), "native allocations");
        Assert.That(heard.Depth, Is.Zero);

        void Step()
        {
            using (profile.Step())
                training.Step();
            profile.Tell(heard);
        }
    }

    [Test]
    public void Where_lengths_differ_a_profiled_step_allocates_nothing()
    {
        Backend backend = Backends.Get(Backends.Widths[0], 1);
        using var model = new Sequential(new Lstm(2, 3), new Linear(3, 1));
        using Plan plan = model.Plan(
            backend,
            5,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        float[] x = new Draw(1).Uniform(5 * 3 * 2);
        int[] lengths = [2, 5, 1];
        using Profile profile = Profile.Start(plan);
        int count = 0;
        Assert.That(Allocated.Least(Step), Is.Zero);

        void Step()
        {
            lengths[0] = 1 + count++ % 4;
            plan.Backward(plan.Forward(x, 5, 3, lengths));
        }
    }

    [Test]
    public void A_listener_hears_each_layer_and_operation_in_its_step()
    {
        using var model = new Sequential(new Gru(2, 3), new Residual(new Linear(3, 3)));
        Backend backend = Backends.Get(Backends.Widths[0], 1);
        using Plan plan = model.Plan(backend, 4, 2, Mode.Training);
        var heard = new Heard(keeps: true);
        using Profile profile = Profile.Start(plan, new ProfileOptions { Listener = heard });
        using (profile.Step())
            plan.Backward(plan.Forward(new float[16], 4, 2));
        profile.Tell(heard);

        Assert.That(heard.Depth, Is.Zero);
        Assert.That(
            heard.Said.Where(said => said[0] == '+'),
            Is.EqualTo(
                new[]
                {
                    "+ Sequential Forward",
                    "+0 Gru Forward",
                    "+1 Residual Forward",
                    "+1.body Linear Forward",
                    "+ Sequential Backward",
                    "+1 Residual Backward",
                    "+1.body Linear Backward",
                    "+0 Gru Backward",
                }
            )
        );
        Assert.That(heard.Said, Has.Member("1.body matmul Forward [4, 2, 3] [3, 3] [3] [4, 2, 3]"));
        Assert.That(heard.Timed, Is.EqualTo((1, profile.Read().Nanoseconds)));
        Assert.That(heard.SumOfRows, Is.EqualTo(heard.Timed.Nanoseconds));
    }

    // Keeps count of what begins and ends, and a list of it on demand.
    private sealed class Heard(bool keeps = false) : ProfileListener
    {
        public int Depth { get; private set; }

        public List<string> Said { get; } = [];

        public (long Number, long Nanoseconds) Timed { get; private set; }

        public long SumOfRows { get; private set; }

        protected internal override void StepBegan(long number) => Depth++;

        protected internal override void StepEnded(long number) => Depth--;

        protected internal override void LayerBegan(string layer, string kind, ProfilePass pass)
        {
            Depth++;
            if (keeps)
                Said.Add($"+{layer} {kind} {pass}");
        }

        protected internal override void LayerEnded(string layer, string kind) => Depth--;

        protected override void OperationBegan(
            string layer,
            string operation,
            ProfilePass pass,
            ReadOnlySpan<Shape> shapes
        )
        {
            Depth++;
            if (keeps)
                Said.Add($"{layer} {operation} {pass} {string.Join(' ', shapes.ToArray())}");
        }

        protected internal override void OperationEnded(string layer, string operation) => Depth--;

        protected internal override void StepTimed(
            long number,
            long nanoseconds,
            ReadOnlySpan<ProfiledRow> rows
        )
        {
            Timed = (number, nanoseconds);
            SumOfRows = 0;
            foreach (ProfiledRow row in rows)
                SumOfRows += row.Nanoseconds;
        }
    }
}
