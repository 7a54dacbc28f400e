using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>A class that stands for none.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class IgnoreIndexTests(int bits, int threads)
{
    private Backend Backend => Backends.Get(bits, threads);

    // What PyTorch 1.13 gives: cross_entropy(x, y, ignore_index=...), and its gradient by x.
    [TestCase(
        -100,
        1.052069067955017,
        "-0.274903208 0.0130375242 0.261865675 0 0 0 0.0117063439 0.235128194 -0.246834517 0.0155375414 -0.0212534871 0.0057159411"
    )]
    [TestCase(
        1,
        1.5451617240905762,
        "-0.412354797 0.0195562858 0.392798513 0 0 0 0.0175595153 0.352692276 -0.370251775 0 0 0"
    )]
    [TestCase(
        7,
        1.052069067955017,
        "-0.274903208 0.0130375242 0.261865675 0 0 0 0.0117063439 0.235128194 -0.246834517 0.0155375414 -0.0212534871 0.0057159411"
    )]
    public void It_is_what_torch_does(int ignored, double loss, string slope)
    {
        using var model = new Dropout(3, 0f);
        using Plan plan = model.Plan(Backend, 4, 1, Mode.Training);
        using var entropy = new SoftmaxCrossEntropy(plan, ignored);
        Assert.That(entropy.IgnoreIndex, Is.EqualTo(ignored));
        plan.Forward([0.5f, -1, 2, 1.5f, 0.25f, -0.75f, -2, 1, 0, 0, 3, -1], 4, 1);

        float[] gradient = entropy.Compute([0, ignored, 2, 1]).ToArray();

        Close.Check([entropy.ReadValue()], [loss], Close.Output, "loss");
        double[] expected = [.. slope.Split(' ').Select(double.Parse)];
        Close.Check(gradient, expected, Close.Gradient, "gradient");
        Assert.That(entropy.Weight, Is.EqualTo(ignored == 1 ? 2 : 3));
    }

    [Test]
    public void Rows_of_it_count_for_nothing(
        [Values(-100, 0, 3, 4, int.MaxValue, int.MinValue)] int ignored,
        [Values] bool masked,
        [Values] bool lengths
    )
    {
        using var given = new LossCase(Backend, "softmax", 6, 3, 4, ignored);
        float[] mask = masked ? new Draw(4).Uniform(18, 0, 2) : [];
        float[] weights = LossCase.Steps(6, lengths ? [6, 2, 3] : [6, 6, 6]);
        given.Plan.Forward(given.X, 6, 3, lengths ? [6, 2, 3] : []);
        float[] targets = given.TargetsWith(weights, float.NaN);
        for (int r = 0; r < 18; r++)
        {
            if (r % 5 == 1)
                targets[r] = ignored;
            if (targets[r] == ignored)
                weights[r] = 0;
            else if (masked)
                weights[r] *= mask[r];
        }

        float[] gradient = given.Loss.Compute(targets, mask).ToArray();

        given.Check(gradient, weights, $"ignoring {ignored}");
    }

    [Test]
    public void Where_all_are_ignored_there_is_no_loss_and_no_gradient([Values] Mode mode)
    {
        if (mode == Mode.Streaming)
            return;
        using var model = new Dropout(4, 0f);
        using Plan plan = model.Plan(Backend, 2, 2, mode);
        using var loss = new SoftmaxCrossEntropy(plan, ignoreIndex: -1);
        plan.Forward(new Draw(1).Uniform(16), 2, 2);

        Tensor gradient = loss.Compute([-1, -1, -1, -1]);

        Assert.That(loss.ReadValue(), Is.Zero);
        Assert.That(loss.Weight, Is.Zero);
        if (mode == Mode.Training)
            Assert.That(gradient.ToArray(), Is.All.Zero);
    }

    [Test]
    public void Where_none_is_ignored_it_is_as_without()
    {
        using var given = new LossCase(Backend, "softmax", 6, 3, 4, -100, variableLengths: false);
        using var plain = new LossCase(Backend, "softmax", 6, 3, 4, variableLengths: false);
        given.Plan.Forward(given.X, 6, 3);
        plain.Plan.Forward(plain.X, 6, 3);

        float[] gradient = given.Loss.Compute(given.Targets).ToArray();

        Close.CheckBits(gradient, plain.Loss.Compute(plain.Targets).ToArray(), "gradient");
        Assert.That(given.Loss.ReadValue(), Is.EqualTo(plain.Loss.ReadValue()));
    }
}
