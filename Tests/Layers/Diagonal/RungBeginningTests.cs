using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Training;

namespace Sequor.Tests.Layers;

/// <summary>Where the eigenvalues of each rung begin, and what happens where they leave the unit disk.</summary>
[TestFixture]
public sealed class RungBeginningTests
{
    private static Backend Backend => Backends.Get(256, 1);

    [TestCase(LruRung.Diagonal)]
    [TestCase(LruRung.Polar)]
    [TestCase(LruRung.Stable)]
    public void Lower_rungs_begin_anywhere_on_the_unit_disk(LruRung rung)
    {
        const int States = 4000;
        var options = new LruOptions { Rung = rung, Ring = new LruRing(0.9, 0.99, 1) };
        using var model = new LruBlock(2, States, options);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        (double Re, double Im)[] lambda = [.. Lambda(plan, rung)];

        double[] squares = [.. lambda.Select(z => z.Re * z.Re + z.Im * z.Im)];
        Assert.That(squares, Is.All.LessThan(1 + 1e-6));
        // Uniform in area: so are the squares of the radii, and each quarter of the plane has a quarter.
        Assert.That(squares.Average(), Is.EqualTo(0.5).Within(0.02));
        Assert.That(squares.Count(s => s < 0.25), Is.EqualTo(States / 4).Within(120));
        Assert.That(lambda.Count(z => z.Re > 0 && z.Im > 0), Is.EqualTo(States / 4).Within(120));
        Assert.That(lambda.Count(z => z.Re < 0 && z.Im < 0), Is.EqualTo(States / 4).Within(120));
    }

    // The gain of the states over their inputs that Orvieto et al. (2023) work out, section 3.4.
    [TestCase(0.9, 0.999, 24.2252808)]
    [TestCase(0.999, 0.9999, 1279.66769)]
    public void A_ring_has_its_gain(double min, double max, double gain)
    {
        const int States = 40000;
        var options = new LruOptions { Rung = LruRung.Ring, Ring = new LruRing(min, max, 3) };
        using var model = new LruBlock(1, States, options);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        double[] squares =
        [
            .. plan.Parameter("nu_log").ToArray().Select(nu => Math.Exp(-2 * Math.Exp(nu))),
        ];

        Assert.That(
            Math.Log((1 - min * min) / (1 - max * max)) / (max * max - min * min),
            Is.EqualTo(gain).Within(1e-8 * gain)
        );
        Assert.That(squares.Average(s => 1 / (1 - s)), Is.EqualTo(gain).Within(0.04 * gain));
        Assert.That(plan.Parameter("theta").ToArray(), Is.All.InRange(0f, 3f));
        Assert.That(model.Parameters.Select(p => p.Name), Has.None.EqualTo("gamma_log"));
    }

    [TestCase(LruRung.Diagonal, "Lambda_re", 1e20f)]
    [TestCase(LruRung.Polar, "nu", -46f)]
    public void A_training_whose_states_overflow_ends_as_diverged(
        LruRung rung,
        string decay,
        float value
    )
    {
        using var model = new Sequential(
            new Lru(88, 8, 2, 1, new LruOptions { Rung = rung }),
            new Linear(8, 88)
        );
        using Trainer trainer = Tiny.Trainer(model, Tiny.Options);
        string name = model.NamedParameters().Single(named => named.Parameter.Name == decay).Name;
        trainer.Plan.Parameter(name).Write([value, value]);

        Assert.That(
            () => trainer.Run(),
            Throws.TypeOf<DivergedException>().With.Message.Contains("epoch")
        );
        Assert.That(trainer.Plan.Parameter(name).ToArray(), Is.All.Matches<float>(float.IsFinite));
    }

    private static IEnumerable<(double Re, double Im)> Lambda(Plan plan, LruRung rung)
    {
        if (rung == LruRung.Diagonal)
            return plan.Parameter("Lambda_re")
                .ToArray()
                .Zip(plan.Parameter("Lambda_im").ToArray(), (re, im) => ((double)re, (double)im));
        float[] nu = plan.Parameter(rung == LruRung.Polar ? "nu" : "nu_log").ToArray();
        return nu.Zip(
            plan.Parameter("theta").ToArray(),
            (decay, phase) =>
            {
                double radius = Math.Exp(rung == LruRung.Polar ? -decay : -Math.Exp(decay));
                return (radius * Math.Cos(phase), radius * Math.Sin(phase));
            }
        );
    }
}
