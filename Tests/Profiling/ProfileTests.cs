using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>What a profile tells of steps on a CPU: rows without gaps, whose they are, and what the memory holds.</summary>
public sealed class ProfileTests
{
    private static Backend Cpu => Backends.Get(256, 2);

    [Test]
    public void Rows_follow_each_other_and_add_up_to_the_step(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture
    )
    {
        using var training = new TrainingRun(architecture, Cpu);
        training.Step();
        using Profile profile = Profile.Start(training.Plan);
        using (profile.Step())
            training.Step();
        ProfiledStep step = profile.Read();

        Assert.That(step.Operations, Is.Not.Empty);
        long now = 0;
        foreach (ProfiledOperation row in step.Operations)
        {
            Assert.That(row.StartNanoseconds, Is.EqualTo(now), row.ToString());
            Assert.That(row.Nanoseconds, Is.Not.Negative, row.ToString());
            now += row.Nanoseconds;
        }
        Assert.That(now, Is.EqualTo(step.Nanoseconds));
        Assert.That(step.IsReplay, Is.False);
        foreach (
            ProfilePass pass in new[]
            {
                ProfilePass.Forward,
                ProfilePass.Loss,
                ProfilePass.Backward,
                ProfilePass.Update,
                ProfilePass.Copy,
            }
        )
            Assert.That(step.Operations.Select(row => row.Pass), Has.Member(pass));
        ProfiledOperation[] known = [.. step.Operations.Where(row => row.Operation != "code")];
        Assert.That(known.All(row => row is { BytesMoved: >= 0, Flops: >= 0, Launches: 0 }));
        foreach (MemoryCategory category in Enum.GetValues<MemoryCategory>())
            Assert.That(
                step.Held.Where(o => o.Category == category).Sum(o => o.Bytes),
                Is.EqualTo(Cpu.Memory.Current(category)),
                category.ToString()
            );
        // Every parameter's bytes are of the layer whose name theirs begins with.
        foreach (NamedParameter named in training.Plan.Store.Named)
            Assert.That(
                step.Held.Any(o =>
                    o is { IsLayer: true, Category: MemoryCategory.Parameters }
                    && named.Name.StartsWith(o.Layer, StringComparison.Ordinal)
                ),
                named.Name
            );
        Assert.That(step.Memory, Has.Count.EqualTo(step.Operations.Count));
        Assert.That(step.PeakOwners.Sum(o => o.Bytes), Is.EqualTo(step.PeakBytes));
    }

    [Test]
    public void Costs_are_those_of_the_formulas()
    {
        const int T = 5,
            B = 3,
            I = 4,
            H = 6;
        using var model = new Sequential(new Lstm(I, H), new Linear(H, 2));
        using Plan plan = model.Plan(Cpu, T, B, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 0.01f);
        float[] x = new Draw(1).Uniform(T * B * I);
        using Profile profile = Profile.Start(plan);
        using (profile.Step())
        {
            plan.Forward(x, T, B);
            plan.Backward(loss.Compute(new float[T * B * 2]));
            adam.Step();
        }
        ProfiledOperation[] rows =
        [
            .. profile.Read().Operations.Where(r => r.Operation != ProfiledOperation.Between),
        ];
        const long Matrices = 4L * H * (I + H);
        ProfiledOperation forward = rows.Single(r => r.Operation == "recurrent");
        ProfiledOperation backward = rows.Single(r => r.Operation == "recurrent gradient");
        Assert.That(forward.Flops, Is.EqualTo(2 * Matrices * T * B));
        Assert.That(backward.Flops, Is.EqualTo(4 * Matrices * T * B));
        Assert.That((forward.Layer, forward.Kind), Is.EqualTo(("0", "Lstm")));
        ProfiledOperation product = rows.Single(r =>
            r is { Operation: "matmul", Pass: ProfilePass.Forward }
        );
        Assert.That(product.Layer, Is.EqualTo("1"));
        Assert.That(product.Flops, Is.EqualTo(2L * T * B * H * 2 + T * B * 2));
        Assert.That(product.BytesMoved, Is.EqualTo(4L * (T * B * H + H * 2 + 2 + T * B * 2)));
        Assert.That(product.Shapes, Is.EqualTo("[5, 3, 6] x [2, 6] x [2] -> [5, 3, 2]"));
        ProfiledOperation update = rows.Single(r => r.Operation == "update");
        Assert.That((update.Layer, update.Kind), Is.EqualTo(("optimizer", "Adam")));
        long count = plan.Parameters.Count;
        Assert.That(update.Flops, Is.EqualTo(14 * count));
        Assert.That(
            update.BytesMoved,
            Is.EqualTo(4 * (2 * count + 6 * count + 2 * OptimizerUpdate.StateLength))
        );
        ProfiledOperation judged = rows.Single(r => r.Pass == ProfilePass.Loss);
        Assert.That((judged.Layer, judged.Kind), Is.EqualTo(("loss", "MeanSquaredError")));
        Assert.That(
            rows.Where(r => r.Pass == ProfilePass.Copy).Select(r => (r.Layer, r.Operation)),
            Is.EqualTo(new[] { ("copies", "upload"), ("copies", "upload") })
        );
    }

    [Test]
    public void Memory_is_in_use_from_its_writing_to_its_last_reading()
    {
        const int T = 4,
            B = 2;
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Sequential(new Linear(3, 16), new Linear(16, 16), new Linear(16, 2));
        using Plan plan = model.Plan(backend, T, B, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var sgd = new Sgd(plan, 0.01f);
        using Profile profile = Profile.Start(plan);
        using (profile.Step())
        {
            plan.Forward(new float[T * B * 3], T, B);
            plan.Backward(loss.Compute(new float[T * B * 2]));
            sgd.Step();
        }
        ProfiledStep step = profile.Read();
        long hidden = sizeof(float) * T * B * 16;
        long output = sizeof(float) * T * B * 2;

        // The second output is read last where the third layer's gradient of its weights is summed, before that of its input; the first one
        // where the second layer's is.
        Assert.That(InUse("1", ProfilePass.Forward), Is.EqualTo(2 * hidden));
        Assert.That(InUse("2", ProfilePass.Forward), Is.EqualTo(2 * hidden + output));
        Assert.That(
            step.Memory.First(m => step.Operations[m.Operation].Pass == ProfilePass.Backward)
                .InUse(MemoryCategory.Activations),
            Is.EqualTo(2 * hidden)
        );
        Assert.That(InUse("2", ProfilePass.Backward), Is.EqualTo(hidden));
        Assert.That(InUse("1", ProfilePass.Backward), Is.Zero);
        Assert.That(InUse("0", ProfilePass.Backward), Is.Zero);
        Assert.That(InUse("optimizer", ProfilePass.Update), Is.Zero);
        foreach (ProfiledMemory at in step.Memory)
        {
            Assert.That(
                at.InUse(MemoryCategory.Parameters),
                Is.EqualTo(backend.Memory.Current(MemoryCategory.Parameters))
            );
            foreach (MemoryCategory category in Enum.GetValues<MemoryCategory>())
                Assert.That(
                    at.InUse(category),
                    Is.InRange(0, backend.Memory.Current(category)),
                    category.ToString()
                );
        }
        int last = step.Memory.Count - 1;
        Assert.That(step.Memory[0].InUse(MemoryCategory.Gradients), Is.Zero, "before Backward");
        Assert.That(
            step.Memory.Max(m => m.InUse(MemoryCategory.Gradients)),
            Is.EqualTo(sizeof(float) * plan.Gradients.Count)
        );
        Assert.That(step.Memory[last].InUse(MemoryCategory.Gradients), Is.Zero, "after the update");

        // Within a layer's pass, what is in use at its last operation.
        long InUse(string layer, ProfilePass pass) =>
            step
                .Memory.Last(m =>
                    step.Operations[m.Operation].Layer == layer
                    && step.Operations[m.Operation].Pass == pass
                )
                .InUse(MemoryCategory.Activations);
    }

    [Test]
    public void Without_a_frame_a_step_goes_from_one_forward_to_the_next()
    {
        using var model = new Sequential(new Gru(2, 3), new Linear(3, 1));
        using Plan plan = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        using Plan other = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        float[] x = new Draw(4).Uniform(4 * 2 * 2);
        using Profile profile = Profile.Start(plan);
        Assert.That(
            () => profile.Read(),
            Throws.InvalidOperationException.With.Message.Contains("No step has run")
        );
        plan.Forward(x, 4, 2);
        other.Forward(x, 4, 2);
        plan.Forward(x, 4, 2);
        Assert.That(profile.Steps, Is.EqualTo(1));
        plan.Forward(x, 4, 2);
        ProfiledStep step = profile.Read();
        Assert.That((step.Number, profile.Steps), Is.EqualTo((3, 3)));
        Assert.That(
            step.Operations.Where(r => r.Operation != ProfiledOperation.Between)
                .Select(r => r.Operation),
            Is.EqualTo(new[] { "recurrent", "matmul" })
        );
        Assert.That(profile.Read().Nanoseconds, Is.EqualTo(step.Nanoseconds), "read again");
        plan.Forward(x, 4, 2);
        other.Forward(x, 4, 2);
        Assert.That(
            profile.Read().Operations.Where(r => r.Operation == "recurrent").Select(r => r.Layer),
            Is.EqualTo(new[] { "0", ProfiledOperation.OtherLayer })
        );
    }

    [Test]
    public void Wrong_times_are_refused()
    {
        using var model = new Linear(2, 1);
        Plan plan = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        using var graph = new StepGraph(
            plan,
            () => Assert.That(() => Profile.Start(plan), Throws.InvalidOperationException)
        );
        Profile profile = Profile.Start(plan);
        Assert.That(
            () => Profile.Start(plan),
            Throws.InvalidOperationException.With.Message.Contains("has a profile already")
        );
        using (profile.Step())
        {
            plan.Forward(new float[16], 4, 2);
            Assert.That(
                () => profile.Read(),
                Throws.InvalidOperationException.With.Message.Contains("after its end")
            );
        }
        Assert.That(profile.Read().Operations, Is.Not.Empty);
        profile.Dispose();
        profile.Dispose();
        Assert.That(() => profile.Read(), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(() => profile.Step(), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(() => Profile.Start(null!), Throws.ArgumentNullException);
        profile = Profile.Start(plan);
        plan.Dispose();
        Assert.That(() => profile.Read(), Throws.InstanceOf<ObjectDisposedException>());
        profile.Dispose();
        Assert.That(Cpu.Probe, Is.Null);
    }

    [Test]
    public void A_stranger_s_layers_and_code_appear_under_their_names()
    {
        using var model = new Sequential(new Outside.Square(2), new Linear(2, 1));
        using Plan plan = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        using Profile profile = Profile.Start(plan);
        plan.Forward(new float[16], 4, 2);
        ProfiledOperation code = profile.Read().Operations.Single(r => r.Operation == "code");
        Assert.That(
            (code.Layer, code.Kind, code.BytesMoved, code.Flops, code.Launches),
            Is.EqualTo(("0", "Square", (long?)null, (long?)null, (int?)null))
        );
    }

    [Test]
    public void A_step_that_fails_leaves_a_profile_that_goes_on()
    {
        using var model = new Sequential(new Linear(2, 3), new Linear(3, 1));
        using Plan plan = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        using Profile profile = Profile.Start(plan);
        Assert.That(
            () =>
            {
                using ProfileScope step = profile.Step();
                plan.Forward(new float[16], 4, 2);
                throw new FormatException();
            },
            Throws.InstanceOf<FormatException>()
        );
        using (profile.Step())
            plan.Forward(new float[16], 4, 2);
        ProfiledStep read = profile.Read();
        Assert.That(read.Number, Is.EqualTo(2));
        Assert.That(read.Operations.Count(r => r.Operation == "matmul"), Is.EqualTo(2));
    }

    [Test]
    public void A_listener_that_throws_ends_its_step_and_no_other([Values] Moment moment)
    {
        using var model = new Sequential(new Linear(2, 3), new Linear(3, 1));
        using Plan plan = model.Plan(Cpu, 4, 2, Mode.Evaluation);
        var throwing = new Throwing();
        using Profile profile = Profile.Start(plan, new ProfileOptions { Listener = throwing });
        Step();
        throwing.At = moment;
        Assert.That(Step, Throws.InstanceOf<FormatException>());
        throwing.At = null;
        Step();
        ProfiledStep read = profile.Read();
        Assert.That(
            read.Operations.Where(r => r.Operation == "matmul").Select(r => r.Layer),
            Is.EqualTo(new[] { "0", "1" })
        );
        Assert.That(read.Operations.Sum(r => r.Nanoseconds), Is.EqualTo(read.Nanoseconds));

        void Step()
        {
            using (profile.Step())
                plan.Forward(new float[16], 4, 2);
        }
    }

    /// <summary>What a listener is told.</summary>
    public enum Moment
    {
        StepBegan,
        StepEnded,
        LayerBegan,
        LayerEnded,
        OperationBegan,
        OperationEnded,
    }

    private sealed class Throwing : ProfileListener
    {
        public Moment? At { get; set; }

        protected internal override void StepBegan(long number) => Throw(Moment.StepBegan);

        protected internal override void StepEnded(long number) => Throw(Moment.StepEnded);

        protected internal override void LayerBegan(string layer, string kind, ProfilePass pass) =>
            Throw(Moment.LayerBegan);

        protected internal override void LayerEnded(string layer, string kind) =>
            Throw(Moment.LayerEnded);

        protected override void OperationBegan(
            string layer,
            string operation,
            ProfilePass pass,
            ReadOnlySpan<Shape> shapes
        ) => Throw(Moment.OperationBegan);

        protected internal override void OperationEnded(string layer, string operation) =>
            Throw(Moment.OperationEnded);

        private void Throw(Moment moment)
        {
            if (At != moment)
                return;
            At = null;
            throw new FormatException();
        }
    }
}
