using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// Gradients before the first backward pass: zero even in memory used before, and empty for an input that nobody asked about.
/// </summary>
public sealed class GradientStartTests
{
    [Test]
    public void Gradients_begin_as_zeros(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind
    )
    {
        Backend backend = Backends.Get(256, 1);
        using (Storage used = backend.Allocate(1 << 16, MemoryCategory.Gradients))
            backend.Fill(new Tensor(used, 0, new Shape(1 << 16)), float.NaN);
        using Layer model = Models.Small(kind);
        using Plan plan = model.Plan(backend, 3, 2, Mode.Training);

        Assert.That(plan.Gradients.ToArray(), Is.All.Zero);
    }

    [Test]
    public void A_first_backward_pass_may_accumulate()
    {
        var @case = new GradientCase("lstm", () => new Lstm(3, 4), 3, 2);
        using var planned = new PlannedCase(@case, Backends.Get(256, 2));

        planned.CheckForward(@case);
        planned.Backward(accumulate: true);

        planned.CheckGradients(@case);
    }

    [Test]
    public void The_inputs_gradient_is_empty_unless_asked_for()
    {
        using var model = new Sequential(new Dropout(3, 0.5f), new Linear(3, 2), new Last(2));
        using Plan plan = model.Plan(Backends.Get(256, 1), 4, 2, Mode.Training);
        using var loss = new MeanSquaredError(plan);

        plan.Forward(new float[24], 4, 2);
        plan.Backward(loss.Compute(new float[4]));

        Assert.That(plan.InputGradient.IsEmpty);
    }
}
