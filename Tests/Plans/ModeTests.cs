using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// Plans for evaluation and for training of one model: the same outputs, shared parameters, and no disturbance of each other.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ModeTests(int bits, int threads)
{
    private static string[] Kinds => [.. Models.Kinds.Except(Models.BatchNormed)];

    private static readonly TestCaseData[] Cases =
    [
        .. Kinds.Select(kind => Case(kind, () => Models.Small(kind))),
        .. Kinds.Select(kind =>
            Case(
                $"{kind} in a chain",
                () =>
                    new Sequential(
                        new Linear(2, Models.Small(kind).InputSize),
                        Models.Small(kind),
                        new Sequential(new LayerNorm(4), Models.Small("tcn"), new Gru(4, 3, 2)),
                        new Last(3),
                        new Linear(3, 2)
                    )
            )
        ),
        Case("mean", () => new Sequential(new Lru(2, 6, 5, 2), new Mean(6), new LayerNorm(6))),
        Case("wide", () => new Sequential(new Linear(2, 65), new Lstm(65, 33), new Linear(33, 1))),
    ];

    private Backend Backend => Backends.Get(bits, threads);

    private static TestCaseData Case(string name, Func<Layer> model) =>
        new TestCaseData(model).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Cases))]
    public void A_plan_for_evaluation_gives_what_one_for_training_gives(Func<Layer> make)
    {
        using Layer model = make();
        using Plan training = model.Plan(Backend, 9, 5, Mode.Training);
        using Plan evaluation = model.Plan(Backend, 11, 6, Mode.Evaluation);
        foreach ((int time, int batch) in new[] { (9, 5), (1, 1), (4, 3), (9, 5) })
        {
            float[] x = new Draw((ulong)time).Uniform((long)time * batch * model.InputSize);

            float[] trained = training.Forward(x, time, batch).ToArray();
            float[] evaluated = evaluation.Forward(x, time, batch).ToArray();

            Close.Check(
                evaluated,
                Array.ConvertAll(trained, value => (double)value),
                Close.Output,
                $"output of {time} x {batch}"
            );
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Plans_of_one_model_share_its_parameters(Func<Layer> make)
    {
        using Layer model = make();
        using Plan training = model.Plan(Backend, 5, 3, Mode.Training);
        using Plan evaluation = model.Plan(Backend, 5, 3, Mode.Evaluation);
        using var loss = new MeanSquaredError(training);
        using var optimizer = new Sgd(training, 0.5f);
        float[] x = new Draw(1).Uniform(15L * model.InputSize);
        float[] before = evaluation.Forward(x, 5, 3).ToArray();

        Tensor y = training.Forward(x, 5, 3);
        training.Backward(loss.Compute(new float[y.Count]));
        optimizer.Step();

        float[] after = evaluation.Forward(x, 5, 3).ToArray();
        Assert.That(after, Is.Not.EqualTo(before));
        Close.CheckBits(
            evaluation.Parameters.ToArray(),
            training.Parameters.ToArray(),
            "parameter"
        );
        Close.Check(
            after,
            Array.ConvertAll(training.Forward(x, 5, 3).ToArray(), value => (double)value),
            Close.Output,
            "output"
        );
    }

    [Test]
    public void Two_plans_for_training_do_not_disturb_each_other()
    {
        var @case = new GradientCase("gru", () => new Gru(3, 4), 5, 2);
        using var planned = new PlannedCase(@case, Backend);
        using Plan other = planned.Plan.Model.Plan(Backend, 5, 2, Mode.Training);
        using var loss = new MeanSquaredError(other);

        planned.CheckForward(@case);
        Tensor y = other.Forward(new float[30], 5, 2);
        other.Backward(loss.Compute(new float[y.Count]));
        planned.Backward();

        planned.CheckGradients(@case);
    }
}
