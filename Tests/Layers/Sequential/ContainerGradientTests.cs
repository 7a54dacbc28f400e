using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// Containers of parallel layers on the CPU: outputs and gradients, packed rows, streams, and which layers cannot be combined.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ContainerGradientTests(int bits, int threads)
{
    private static IEnumerable<string> Names => ContainerCases.Models.Keys;

    // A mean needs the whole sequence.
    private static IEnumerable<string> Streamed =>
        Names.Where(n => !n.EndsWith("that pool", StringComparison.Ordinal));

    [Test]
    public void Layers_beside_each_other_have_the_outputs_and_gradients_of_the_reference(
        [ValueSource(nameof(Names))] string name,
        [Values] bool inputGradient
    )
    {
        GradientCase[] cases = ContainerCases.Cases(name);
        bool asks = inputGradient && cases[0].Classes is null;
        using var planned = new PlannedCase(cases[0], Backends.Get(bits, threads), 7, 4, asks);
        foreach (GradientCase @case in cases)
        {
            planned.CheckForward(@case);
            planned.Backward();
            planned.CheckGradients(@case, asks);
        }
    }

    // A loss lends its gradient scratch that the last layer leaves alone.
    [Test]
    public void A_loss_right_above_branches_has_its_gradient_read_by_all_of_them(
        [Values] BranchJoin join,
        [Values] bool wideFirst
    )
    {
        Backend backend = Backends.Get(bits, threads);
        Layer wide = new Lstm(4, 3);
        Layer narrow = new Linear(4, 3);
        using var model = new Sequential(
            new Tcn(3, [400, 4], 3),
            new Branches(join, wideFirst ? [wide, narrow] : [narrow, wide])
        );
        using Plan plan = model.Plan(backend, 9, 3, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        float[] targets = new Draw(5).Uniform(9L * 3 * model.OutputSize);
        plan.Forward(new Draw(1).Uniform(9 * 3 * 3), 9, 3);
        Tensor lent = loss.Compute(targets);
        Tensor own = backend.Allocate(lent.Shape, MemoryCategory.InputOutput);
        try
        {
            own.Write(lent.ToArray());
            plan.Backward(lent);
            float[] gradients = plan.Gradients.ToArray();
            plan.Forward(new Draw(1).Uniform(9 * 3 * 3), 9, 3);
            plan.Backward(own);

            Assert.That(gradients, Is.EqualTo(plan.Gradients.ToArray()));
        }
        finally
        {
            own.Storage.Dispose();
        }
    }

    [Test]
    public void They_give_the_same_without_a_backward_pass_and_as_packed_rows(
        [ValueSource(nameof(Names))] string name
    )
    {
        Backend backend = Backends.Get(bits, threads);
        using Layer model = ContainerCases.Models[name]();
        model.Initialize(backend, 3);
        GradientCase @case = ContainerCases.Cases(name)[0];
        using Plan training = model.Plan(backend, 6, 3, Mode.Training);
        using Plan evaluation = model.Plan(backend, 6, 3, Mode.Evaluation);
        using Plan packing = model.Plan(
            backend,
            6,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        float[] expected = training.Forward(@case.X, 6, 3).ToArray();

        Assert.That(evaluation.Forward(@case.X, 6, 3).ToArray(), Is.EqualTo(expected));

        // The first sequence is whole, and of the others nothing is left but the first steps.
        int[] lengths = [6, 2, 3];
        Tensor packed = packing.Forward(@case.X, 6, 3, lengths);
        float[] y = packed.ToArray();
        int columns = packed.Shape.Columns;
        for (int t = 0; t < packed.Shape.First; t++)
            Close.Check(
                y.AsSpan(t * 3 * columns, columns),
                [.. expected.Skip(t * 3 * columns).Take(columns).Select(v => (double)v)],
                Close.Output,
                $"step {t}"
            );
        Tensor dy = backend.Allocate(packed.Shape, MemoryCategory.InputOutput);
        try
        {
            dy.Write(GradientCase.OutputGradient(dy.Count));
            packing.Backward(dy);
            Assert.That(packing.FirstNonFinite(), Is.Null);
        }
        finally
        {
            dy.Storage.Dispose();
        }
    }

    [Test]
    public void A_stream_gives_what_the_whole_sequence_gives(
        [ValueSource(nameof(Streamed))] string name
    )
    {
        Backend backend = Backends.Get(bits, threads);
        using Layer model = ContainerCases.Models[name]();
        model.Initialize(backend, 3);
        using Plan whole = model.Plan(backend, 6, 3, Mode.Evaluation);
        using Plan stream = model.Plan(backend, 2, 3, Mode.Streaming);
        GradientCase @case = ContainerCases.Cases(name)[0];
        float[] expected = whole.Forward(@case.X, 6, 3).ToArray();
        int step = 3 * model.InputSize;

        var given = new List<float>();
        foreach ((int from, int count) in ((int, int)[])[(0, 2), (2, 1), (3, 2), (5, 1)])
        {
            Tensor y = stream.Forward(@case.X.AsSpan(from * step, count * step), count, 3);
            if (y.Shape.First == 1 && whole.MaxOutput.First == 1)
                given.Clear();
            given.AddRange(y.ToArray());
        }

        Close.Check(
            given.ToArray(),
            [.. expected.Select(v => (double)v)],
            Close.Output,
            "the stream"
        );
    }

    [Test]
    public void What_cannot_be_beside_each_other_is_refused()
    {
        Assert.That(
            () => new Residual(new Linear(3, 4)),
            Throws.ArgumentException.With.Message.Contains("takes 3 channels and gives 4")
        );
        Assert.That(
            () => new Residual(new Sequential(new Embedding(4, 1))),
            Throws.ArgumentException.With.Message.Contains("takes classes")
        );
        Assert.That(
            () => new Branches(new Linear(3, 4), new Linear(3, 5)),
            Throws.ArgumentException.With.Message.Contains("Layer 1 is 3 -> 5 and layer 0 3 -> 4")
        );
        Assert.That(
            () => new Branches(BranchJoin.Concatenate, new Linear(3, 4), new Linear(2, 5)),
            Throws.ArgumentException.With.Message.Contains("same channels in.")
        );
        Assert.That(
            () => new Branches((BranchJoin)7, new Linear(3, 4)),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Add or Concatenate")
        );
        Assert.That(() => new Branches(), Throws.ArgumentException);
        var twice = new Linear(3, 3);
        Assert.That(
            () => new Branches(twice, new Residual(twice)),
            Throws.ArgumentException.With.Message.Contains("is the one at 0 again")
        );
        Backend backend = Backends.Get(bits, threads);
        long before = backend.Memory.CurrentBytes;
        using var pools = new Residual(new Last(3));
        Assert.That(
            () => pools.Plan(backend, 4, 2, Mode.Training),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("pools over time")
        );
        using var mixed = new Branches(new Linear(3, 3), new Last(3));
        Assert.That(
            () => mixed.Plan(backend, 4, 2, Mode.Training),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("some do not")
        );
        Assert.That(backend.Memory.CurrentBytes, Is.EqualTo(before));
    }

    [Test]
    public void What_is_not_finite_is_found_in_its_branch([Values] BranchJoin join)
    {
        using var model = new Sequential(
            new Linear(2, 2),
            new Branches(join, new Linear(2, 3), new Linear(2, 3)),
            new Linear(join == BranchJoin.Add ? 3 : 6, 1)
        );
        using Plan plan = model.Plan(Backends.Get(bits, threads), 4, 2, Mode.Training);
        float[] large = new float[3 * 2];
        Array.Fill(large, 3e38f);
        plan.Parameter("1.1.weight").Write(large);
        plan.Parameter("0.bias").Write([9, 9]);

        plan.Forward(new Draw(1).Uniform(4 * 2 * 2), 4, 2);

        Assert.That(plan.FirstNonFinite(), Is.EqualTo("output of layer 1.1 [4, 2, 3]"));
    }
}
