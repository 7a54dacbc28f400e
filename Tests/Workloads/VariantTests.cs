using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Forms, directions and states of every architecture: what there is of them, whether it is causal, and what is refused.</summary>
[TestFixture]
public sealed class VariantTests
{
    private const int Steps = 7;

    private static readonly ModelEnds Ends = new(2, 3, OneOutput: false);

    // Every form in the direction that is usual, and both directions where there is a choice.
    private static IEnumerable<TestCaseData> Variants() =>
        from a in Architecture.All
        from form in a.Forms.DefaultIfEmpty(null)
        from both in a.Details.HasFlag(ModelDetails.Bidirectional) ? [false, true] : new[] { false }
        select new TestCaseData(a.Name, form, both);

    [TestCaseSource(nameof(Variants))]
    public void Is_causal_where_it_says_so(string name, string? form, bool bidirectional)
    {
        Architecture architecture = Architecture.Get(name);
        PresetModel sizes = architecture.Sized(
            4 * architecture.WidthStep,
            2,
            new ModelVariant(form, bidirectional)
        );
        using Sequential model = architecture.Create(Ends, sizes);
        model.Initialize(Backends.Get(256, 1), seed: 3);
        float[] x = [.. Enumerable.Range(0, Steps * Ends.Inputs).Select(i => MathF.Sin(1.5f * i))];
        float[] before = [.. model.Predict(x, Steps).Values];
        x[^1] += 1;
        float[] after = [.. model.Predict(x, Steps).Values];

        int earlier = (Steps - 1) * Ends.Outputs;
        Assert.That(after[earlier..], Is.Not.EqualTo(before[earlier..]), "the last input counts");
        Assert.That(
            after.AsSpan(0, earlier).SequenceEqual(before.AsSpan(0, earlier)),
            Is.EqualTo(architecture.IsCausal(sizes)),
            "no earlier output depends on the last input"
        );
    }

    [TestCaseSource(nameof(Variants))]
    public void Another_direction_keeps_more_and_another_form_has_as_many_parameters_or_others(
        string name,
        string? form,
        bool bidirectional
    )
    {
        Architecture architecture = Architecture.Get(name);
        PresetModel usual = architecture.Sized(4 * architecture.WidthStep, 2);
        PresetModel sizes = architecture.Sized(
            usual.Hidden,
            2,
            new ModelVariant(form, bidirectional)
        );
        var workload = new Workload(architecture, new AddingProblem(20), 3, sizes);
        Assert.That(workload.Parameters, Is.Positive);
        Assert.That(
            architecture.KeptBytes(60, sizes),
            Is.GreaterThanOrEqualTo(architecture.KeptBytes(60, usual))
        );
        var expected = new List<string>();
        if (form is not null && form != architecture.Forms[0])
            expected.Add(form);
        if (bidirectional)
            expected.Add("bidirectional");
        Assert.That(workload.Variant.ToString(), Is.EqualTo(string.Join(", ", expected)));
    }

    [Test]
    public void What_an_architecture_has_not_is_refused_with_those_that_have_it()
    {
        Architecture gru = Architecture.Get("gru");
        Architecture lru = Architecture.Get("lru");
        Assert.Multiple(() =>
        {
            Assert.That(gru.WhyNot(ModelVariant.Usual), Is.Null);
            Assert.That(
                gru.WhyNot(new ModelVariant(Form: "lin")),
                Does.StartWith("gru has no forms")
            );
            Assert.That(
                gru.WhyNot(new ModelVariant(Bidirectional: true)),
                Does.StartWith("gru cannot be asked to run in both directions").And.Contain("lru")
            );
            Assert.That(
                gru.WhyNot(new ModelVariant(States: 3)),
                Does.StartWith("gru has no states").And.Contain("lru")
            );
            Assert.That(lru.WhyNot(new ModelVariant(null, true, 3)), Is.Null);
            Assert.That(
                () => gru.Create(Ends, gru.Sized(4, 1, new ModelVariant(Bidirectional: true))),
                Throws.ArgumentException.With.Message.Contains("both directions")
            );
        });
    }

    [Test]
    public void States_are_as_many_as_are_asked_for()
    {
        Architecture lru = Architecture.Get("lru");
        var workload = new Workload(
            lru,
            new AddingProblem(20),
            1,
            lru.Sized(6, 2, new ModelVariant(States: 9))
        );
        using Sequential model = workload.CreateModel();
        var body = (Lru)model.Children[0].Layer;
        Assert.That(((LruBlock)body.Children[1].Layer).StateSize, Is.EqualTo(9));
        Assert.That(workload.Variant.ToString(), Is.EqualTo("9 states"));
        Assert.That(
            workload.Parameters - new Workload(lru, new AddingProblem(20), 1, 6, 2).Parameters,
            // Of each state nu, theta and gamma, a row of B and a column of C, both complex; in two blocks.
            Is.EqualTo(2 * 3 * (3 + (4 * 6)))
        );
    }

    [Test]
    public void The_memory_of_both_directions_is_near_the_least()
    {
        Architecture lru = Architecture.Get("lru");
        foreach (bool both in (bool[])[false, true])
        {
            var workload = new Workload(
                lru,
                new AddingProblem(400),
                16,
                lru.Sized(24, 4, new ModelVariant(Bidirectional: both, States: 40))
            );
            using var backend = Backend.Create(
                Device.Cpu,
                new CpuOptions { VectorBits = 256, Threads = 1 }
            );
            using var step = new TrainingStep(workload, backend, seed: 1);
            double ratio = (double)backend.Memory.PeakBytes / workload.FloorBytes;
            Assert.That(ratio, Is.InRange(1, 1.3), both ? "both directions" : "one direction");
        }
    }
}
