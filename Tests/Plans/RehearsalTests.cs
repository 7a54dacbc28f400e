using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>A plan finds what its layers do by a rehearsal, before it takes memory.</summary>
public sealed class RehearsalTests
{
    private static Backend Backend => Backends.Get(256, 1);

    [TestCaseSource(typeof(Models), nameof(Models.Kinds))]
    public void Gradients_have_the_room_that_they_need_and_no_more(string kind)
    {
        using var model = new Sequential(Models.Small(kind), new Linear(4, 9), new Linear(9, 2));
        model.Initialize(Backend);

        IReadOnlyList<long> needs = Rehearsal.Run(
            model,
            Backend,
            new Shape(7, 5, model.InputSize),
            Mode.Training,
            inputGradient: false,
            seed: 1,
            layout: null
        );

        // That by the second layer's output and by the first one's; and where a block keeps one aside, there is that as well.
        Assert.That(needs.Max(), Is.EqualTo(7 * 5 * 9));
        Assert.That(needs.Min(), Is.InRange(7 * 5 * 4, 7 * 5 * 5));
    }

    [Test]
    public void Nothing_is_taken_of_the_backend()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Sequential(new Lru(3, 4, 5, 2), new Gru(4, 4), new Last(4));
        model.Initialize(backend);
        long before = backend.Memory.Allocations;
        var layout = new SequenceLayout(7, 5);

        Rehearsal.Run(model, backend, new Shape(7, 5, 3), Mode.Training, true, 1, layout);

        Assert.That(backend.Memory.Allocations, Is.EqualTo(before));
        Assert.That(layout.IsPacked, Is.False);
    }

    [Test]
    public void A_long_sequence_takes_no_longer()
    {
        using var model = new Sequential(new Lru(1, 2, 2, 2), new Tcn(2, [2, 2], 2));
        model.Initialize(Backend);
        var input = new Shape(int.MaxValue - 1, 1, 1);

        IReadOnlyList<long> needs = Rehearsal.Run(
            model,
            Backend,
            input,
            Mode.Training,
            inputGradient: true,
            seed: 1,
            layout: null
        );

        Assert.That(needs, Is.All.EqualTo(2L * input.First));
    }

    [Test]
    public void A_sum_that_an_operation_adds_to_in_passing_counts_as_written()
    {
        using var model = new Sequential(new AddsInPassing(), new Linear(3, 1));

        using Plan plan = model.Plan(Backend, 2, 2, Mode.Training);
        plan.Forward(new float[12], 2, 2);
        plan.Backward(Backend.Allocate(new Shape(2, 2, 1), MemoryCategory.InputOutput));

        Assert.That(plan.Gradient("0.weight").ToArray(), Is.All.EqualTo(6));
    }

    /// <summary>Writes its gradient as the sum of a product alone, whose other result nobody reads.</summary>
    private sealed class AddsInPassing : Layer
    {
        private readonly Parameter _weight = new("weight", new Shape(3), Parameter.Constant(2));

        public override int InputSize => 3;

        public override int OutputSize => 3;

        public override IReadOnlyList<Parameter> Parameters => [_weight];

        protected internal override LayerPlan CreatePlan(
            PlanBuilder builder,
            Shape input,
            out Shape output
        )
        {
            output = input;
            return new Passes(builder, input, builder.Value(_weight), builder.Gradient(_weight));
        }

        private sealed class Passes(
            PlanBuilder builder,
            Shape input,
            Tensor weight,
            Tensor gradient
        ) : LayerPlan
        {
            private readonly Slot _output = builder.Output(input);
            private readonly Slot _three = builder.Scratch(new Shape(1, 1, 3));
            private readonly Slot _unread = builder.Scratch(new Shape(1, 1, 3));

            public override Tensor Forward(Tensor x)
            {
                Tensor y = _output.For(x.Shape.First, x.Shape[1]);
                builder.Operations.Copy(x, y);
                return y;
            }

            public override Tensor Backward(Tensor dy)
            {
                Tensor three = _three.For(1, 1);
                builder.Operations.Fill(three, 3);
                builder.Operations.MultiplyAddGelu(three, weight, gradient, _unread.For(1, 1));
                return dy;
            }
        }
    }
}
