using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Loss values and gradients, with and without a mask, against values recorded from PyTorch.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LossTorchTests(int bits, int threads)
{
    [TestCase("mse", "C")]
    [TestCase("cross_entropy", "K")]
    public void A_loss_gives_what_torch_gives(string name, string channels)
    {
        var c = TorchCase.Find(name);
        // A layer that gives its input.
        using var model = new Dropout(c.Size(channels), 0);
        using Plan plan = model.Plan(
            Backends.Get(bits, threads),
            c.Size("T"),
            c.Size("B"),
            Mode.Training
        );
        using Loss loss =
            name == "mse" ? new MeanSquaredError(plan) : new SoftmaxCrossEntropy(plan);
        float[]? mask = c.OrNone("mask") is null ? null : c.Floats("mask");

        plan.Forward(c.Floats("x"), c.Size("T"), c.Size("B"));
        Tensor gradient = loss.Compute(c.Floats("target"), mask);

        double scale = c["dy"][0];
        Close.Check([loss.ReadValue()], c["y"], Close.Output, "loss");
        Close.Check(
            gradient.ToArray(),
            [.. c["grad.x"].Select(value => value / scale)],
            Close.Gradient,
            "gradient"
        );
    }
}
