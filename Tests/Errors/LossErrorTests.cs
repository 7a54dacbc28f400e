using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Errors;

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
    public void Weights_for_the_squared_error_are_refused()
    {
        using var loss = new MeanSquaredError(_plan);
        _plan.Forward(new float[12], 3, 2);

        Refuse<ArgumentException>(() => loss.Compute(new float[18], new float[6]), "no mask");
    }

    [Test]
    public void A_loss_without_a_plan_is_refused()
    {
        Refuse<ArgumentNullException>(() => _ = new MeanSquaredError(null!), "plan");
        Refuse<ArgumentNullException>(() => _ = new SoftmaxCrossEntropy(null!), "plan");
    }

    private static void Refuse<TException>(Action act, params string[] says)
        where TException : Exception => Refusal.Of<TException>("", act, says).Check();
}
