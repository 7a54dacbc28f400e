using System.Globalization;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>Targets, classes and weights that a loss refuses, and the place that its message names.</summary>
public sealed class LossErrorTests
{
    private Linear _model = null!;
    private Plan _plan = null!;

    [SetUp]
    public void Begin()
    {
        _model = new Linear(2, 3);
        _plan = _model.Plan(Backends.Get(256, 1), 4, 2, Mode.Training);
    }

    [TearDown]
    public void End()
    {
        _plan.Dispose();
        _model.Dispose();
    }

    [Test]
    public void A_loss_before_the_forward_pass_is_refused()
    {
        using var squared = new MeanSquaredError(_plan);
        using var entropy = new SoftmaxCrossEntropy(_plan);

        Refuse<InvalidOperationException>(() => squared.Compute(new float[24]), "Forward");
        Refuse<InvalidOperationException>(() => entropy.Compute(new float[8]), "Forward");
    }

    [TestCase(0)]
    [TestCase(17)]
    [TestCase(24)]
    public void Another_number_of_targets_is_refused(int count)
    {
        using var loss = new MeanSquaredError(_plan);
        _plan.Forward(new float[12], 3, 2);

        Refuse<ArgumentException>(
            () => loss.Compute(new float[count]),
            "[3, 2, 3]",
            "18",
            $"{count}"
        );
    }

    [TestCase(5, 0, "5")]
    [TestCase(18, 0, "18")]
    [TestCase(6, 5, "5")]
    [TestCase(6, 18, "18")]
    public void Another_number_of_classes_or_weights_is_refused(int targets, int mask, string given)
    {
        using var loss = new SoftmaxCrossEntropy(_plan);
        _plan.Forward(new float[12], 3, 2);

        Refuse<ArgumentException>(
            () => loss.Compute(new float[targets], new float[mask]),
            "[3, 2, 3]",
            "6",
            given
        );
    }

    [TestCase(-1f)]
    [TestCase(3f)]
    [TestCase(0.5f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_class_that_there_is_not_is_refused(float target)
    {
        using var loss = new SoftmaxCrossEntropy(_plan);
        _plan.Forward(new float[12], 3, 2);

        Refuse<ArgumentException>(
            () => loss.Compute([0, 1, 2, 0, 1, target]),
            "0 to 2",
            $"{target}"
        );
    }

    [Test]
    public void A_weight_that_is_none_is_refused(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values(float.NaN, -1f, float.PositiveInfinity, float.NegativeInfinity, -1e-45f)]
            float weight
    )
    {
        using Loss loss = LossCase.Make(kind, _plan);
        float[] targets = new float[kind == "softmax" ? 6 : 18];
        string[] says = ["row 3", "step 1 of sequence 1", "finite number from 0", Text(weight)];
        _plan.Forward(new float[12], 3, 2);
        float[] mask = [1, 0, 1, weight, 1, 1];

        Refuse<ArgumentException>(() => loss.Compute(targets, mask), says);
        Refuse<ArgumentException>(() => loss.SetTargets(targets, mask), says);
    }

    [TestCase(5)]
    [TestCase(7)]
    [TestCase(1)]
    [TestCase(18)]
    public void Another_number_of_weights_is_refused_by_all(int count)
    {
        _plan.Forward(new float[12], 3, 2);
        foreach (string kind in LossCase.Kinds)
        {
            using Loss loss = LossCase.Make(kind, _plan);
            float[] targets = new float[kind == "softmax" ? 6 : 18];
            Refuse<ArgumentException>(
                () => loss.Compute(targets, new float[count]),
                "[3, 2, 3]",
                "6 weights",
                $"{count}"
            );
        }
    }

    [Test]
    public void A_target_that_is_none_is_told_with_its_place()
    {
        _plan.Forward(new float[12], 3, 2);
        using var classes = new SoftmaxCrossEntropy(_plan);
        using var ignoring = new SoftmaxCrossEntropy(_plan, ignoreIndex: -100);
        using var answers = new BinaryCrossEntropy(_plan);
        float[] keys = new float[18];
        keys[11] = 1.5f;

        Refuse<ArgumentException>(
            () => classes.Compute([0, 1, 2, -100, 0, 0]),
            "row 3, step 1 of sequence 1",
            "from 0 to 2",
            "-100"
        );
        Refuse<ArgumentException>(
            () => ignoring.Compute([0, -100, 2, 0, 3, 0]),
            "row 4, step 2 of sequence 0",
            "or -100",
            "not 3"
        );
        Refuse<ArgumentException>(
            () => answers.Compute(keys),
            "row 3, step 1 of sequence 1",
            "from 0 to 1",
            "1.5"
        );
    }

    [Test]
    public void A_refused_load_leaves_no_targets()
    {
        using var loss = new SoftmaxCrossEntropy(_plan);
        _plan.Forward(new float[12], 3, 2);
        Refuse<InvalidOperationException>(() => loss.Compute(), "No targets", "[3, 2, 3]");
        loss.SetTargets([0, 1, 2, 0, 1, 2]);
        loss.Compute();

        Refuse<ArgumentException>(() => loss.SetTargets([0, 1, 2, 0, 1, 3]), "not 3");
        Refuse<InvalidOperationException>(() => loss.Compute(), "No targets", "[3, 2, 3]");
    }

    private static string Text(float value) => value.ToString(CultureInfo.InvariantCulture);

    [Test]
    public void A_loss_without_a_plan_is_refused()
    {
        Refuse<ArgumentNullException>(() => _ = new MeanSquaredError(null!), "plan");
        Refuse<ArgumentNullException>(() => _ = new SoftmaxCrossEntropy(null!), "plan");
    }

    private static void Refuse<TException>(Action act, params string[] says)
        where TException : Exception => Refusal.Of<TException>("", act, says).Check();
}
