using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Three steps of each optimizer with clipped gradients against values recorded from PyTorch.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class OptimizerTorchTests(int bits, int threads)
{
    [TestCase("sgd")]
    [TestCase("sgd_momentum")]
    [TestCase("rmsprop")]
    [TestCase("adam")]
    public void Three_clipped_steps_change_parameters_as_torch_does(string name)
    {
        var c = TorchCase.Find(name);
        // As many parameters as the case has.
        using var model = new Linear(2, 3);
        using Plan plan = model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Training);
        using Optimizer optimizer = Make(c, plan);
        plan.Parameter("weight").Write(c.Floats("param.a"));
        plan.Parameter("bias").Write(c.Floats("param.b"));

        for (int step = 1; step <= c.Size("steps"); step++)
        {
            plan.Gradient("weight").Write(c.Floats($"step{step}.gradient.a"));
            plan.Gradient("bias").Write(c.Floats($"step{step}.gradient.b"));
            optimizer.Step((float)c.Option("max_norm"));

            Close.Check(
                [optimizer.GradientNorm],
                c[$"step{step}.norm"],
                Close.Output,
                $"norm of step {step}"
            );
            Close.Check(
                plan.Parameter("weight").ToArray(),
                c[$"step{step}.param.a"],
                Close.Output,
                $"a after step {step}"
            );
            Close.Check(
                plan.Parameter("bias").ToArray(),
                c[$"step{step}.param.b"],
                Close.Output,
                $"b after step {step}"
            );
        }
        Assert.That(optimizer.SkippedSteps, Is.Zero);
    }

    private static Optimizer Make(TorchCase c, Plan plan)
    {
        float rate = (float)c.Option("lr");
        return c.Name switch
        {
            "rmsprop" => new RmsProp(plan, rate),
            "adam" => new Adam(plan, rate),
            "sgd" or "sgd_momentum" => new Sgd(plan, rate, (float)c.Option("momentum")),
            _ => throw new ArgumentException(c.Name, nameof(c)),
        };
    }
}
