using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// Five training steps of each architecture: the same bits at every run, a smaller loss, and other parameters for another seed.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class DeterminismTests(int bits, int threads)
{
    private static readonly string[] Architectures = TrainingRun.Architectures;

    [TestCaseSource(nameof(Architectures))]
    public void Five_steps_give_the_same_bits_at_every_run(string architecture)
    {
        (float[] losses, float[] parameters) = Run(architecture, 5);
        for (int run = 0; run < 3; run++)
        {
            (float[] again, float[] parametersAgain) = Run(architecture, 5);

            Close.CheckBits(again, losses, "loss");
            Close.CheckBits(parametersAgain, parameters, "parameter");
        }
    }

    [TestCaseSource(nameof(Architectures))]
    public void Five_steps_make_the_loss_smaller(string architecture)
    {
        (float[] losses, _) = Run(architecture, 5);

        Assert.That(losses[^1], Is.LessThan(losses[0]));
    }

    [TestCaseSource(nameof(Architectures))]
    public void Another_seed_gives_other_parameters(string architecture)
    {
        (_, float[] parameters) = Run(architecture, 5);
        (_, float[] others) = Run(architecture, 6);

        Assert.That(others, Is.Not.EqualTo(parameters));
    }

    private (float[] Losses, float[] Parameters) Run(string architecture, ulong seed)
    {
        using var training = new TrainingRun(architecture, Backends.Get(bits, threads), seed);
        float[] losses = new float[5];
        foreach (ref float loss in losses.AsSpan())
        {
            training.Step();
            loss = training.Loss.ReadValue();
        }
        return (losses, training.Plan.Parameters.ToArray());
    }
}
