using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// Initial parameters of every kind of layer: they depend on the seed alone and have the documented shapes, names and ranges.
/// </summary>
public sealed class ParameterTests
{
    private static readonly string[] Kinds = Models.Kinds;

    private static Backend Backend => Backends.Get(256, 1);

    [TestCaseSource(nameof(Kinds))]
    public void Values_go_by_the_seed_alone(string kind)
    {
        float[][] first = Start(kind, Backend, 3);

        Assert.That(Start(kind, Backends.Get(512, 2), 3), Is.EqualTo(first));
        if (kind is not ("layer norm" or "batch norm"))
            Assert.That(Start(kind, Backend, 4), Is.Not.EqualTo(first));
    }

    private static float[][] Start(string kind, Backend backend, ulong seed)
    {
        using Layer model = Models.Small(kind);
        using Plan plan = model.Plan(
            backend,
            1,
            1,
            Mode.Evaluation,
            new PlanOptions { Seed = seed }
        );
        return [.. model.NamedParameters().Select(named => plan.Parameter(named.Name).ToArray())];
    }

    [TestCaseSource(nameof(Kinds))]
    public void Parameters_do_not_overlap(string kind)
    {
        using Layer model = Models.Small(kind);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        (string Name, Parameter Parameter)[] all =
        [
            .. model.NamedParameters().Select(named => (named.Name, named.Parameter)),
        ];
        for (int i = 0; i < all.Length; i++)
        {
            Backend.Fill(plan.Parameter(all[i].Name), i + 1);
            Backend.Fill(plan.Gradient(all[i].Name), -i - 1);
        }

        for (int i = 0; i < all.Length; i++)
        {
            float[] values = plan.Parameter(all[i].Name).ToArray();
            Assert.That(values, Has.Length.EqualTo(all[i].Parameter.Shape.Count));
            Assert.That(values, Is.All.EqualTo(i + 1), all[i].Name);
            Assert.That(plan.Gradient(all[i].Name).ToArray(), Is.All.EqualTo(-i - 1), all[i].Name);
        }
        Assert.That(model.ParameterCount, Is.EqualTo(all.Sum(p => p.Parameter.Shape.Count)));
    }

    [Test]
    public void An_lstm_has_torchs_names_and_shapes()
    {
        using var model = new Sequential(new Lstm(3, 5, 2));

        Assert.That(
            model.NamedParameters().Select(p => $"{p.Name} {p.Parameter.Shape}"),
            Is.EqualTo(
                new[]
                {
                    "0.weight_ih_l0 [20, 3]",
                    "0.weight_hh_l0 [20, 5]",
                    "0.bias_ih_l0 [20]",
                    "0.bias_hh_l0 [20]",
                    "0.weight_ih_l1 [20, 5]",
                    "0.weight_hh_l1 [20, 5]",
                    "0.bias_ih_l1 [20]",
                    "0.bias_hh_l1 [20]",
                }
            )
        );
    }

    [TestCase("linear", 0.1f)]
    [TestCase("gru", 0.2f)]
    public void Weights_begin_uniform_in_torchs_range(string kind, float bound)
    {
        using Layer model = kind switch
        {
            "gru" => new Gru(30, 25),
            "linear" => new Linear(100, 50),
            _ => throw new ArgumentException(kind, nameof(kind)),
        };
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        foreach (NamedParameter named in model.NamedParameters())
        {
            float[] values = plan.Parameter(named.Name).ToArray();
            Assert.That(values, Is.All.InRange(-bound, bound), named.Name);
            Assert.That(values.Max() - values.Min(), Is.GreaterThan(1.7f * bound), named.Name);
        }
    }

    [Test]
    public void A_norm_begins_as_none()
    {
        using var model = new LayerNorm(20);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);

        Assert.That(plan.Parameter("weight").ToArray(), Is.All.EqualTo(1f));
        Assert.That(plan.Parameter("bias").ToArray(), Is.All.Zero);
    }

    [Test]
    public void Gains_of_a_convolution_begin_as_the_lengths_of_its_weights()
    {
        using var model = new TcnBlock(7, 9, 3, 2);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        foreach (string name in new[] { "conv1", "conv2" })
        {
            float[] v = plan.Parameter($"{name}.weight_v").ToArray();
            int row = v.Length / 9;
            double[] lengths =
            [
                .. Enumerable
                    .Range(0, 9)
                    .Select(o => Math.Sqrt(v.Skip(o * row).Take(row).Sum(w => (double)w * w))),
            ];

            Close.Check(plan.Parameter($"{name}.weight_g").ToArray(), lengths, Close.Output, name);
            float bound = 1 / MathF.Sqrt(row);
            Assert.That(v, Is.All.InRange(-bound, bound));
            Assert.That(v.Max() - v.Min(), Is.GreaterThan(1.5f * bound));
        }
    }

    [TestCase(0)]
    [TestCase(0.9999999)]
    [TestCase(0.99999999999999989)]
    public void A_ring_up_to_1_gives_finite_parameters_and_eigenvalues_of_at_most_1(double inner)
    {
        using var model = new LruBlock(4, 4000, ring: new LruRing(inner, 1));
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        float[] nu = plan.Parameter("nu_log").ToArray();
        float[] gamma = plan.Parameter("gamma_log").ToArray();

        Assert.That(nu.All(float.IsFinite) && gamma.All(float.IsFinite));
        Assert.That(nu.Select(v => Math.Exp(-Math.Exp(v))), Is.All.InRange(inner - 1e-6, 1));
        if (inner == 0)
            Assert.That(nu.Average(v => Math.Exp(-2 * Math.Exp(v))), Is.EqualTo(0.5).Within(0.02));
    }

    [Test]
    public void Eigenvalues_begin_on_their_ring_and_inputs_scaled_by_them()
    {
        using var model = new LruBlock(4, 500, ring: new LruRing(0.5, 0.7, 3));
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        double[] radii =
        [
            .. plan.Parameter("nu_log").ToArray().Select(nu => Math.Exp(-Math.Exp(nu))),
        ];
        double[] phases = [.. plan.Parameter("theta_log").ToArray().Select(t => Math.Exp(t))];

        Assert.That(radii, Is.All.InRange(0.4999, 0.7001));
        // Uniform on the ring: half of it lies outside the radius whose square is half way.
        Assert.That(radii.Count(r => r * r > (0.25 + 0.49) / 2), Is.InRange(200, 300));
        Assert.That(phases, Is.All.InRange(0, 3.0001));
        Assert.That(phases.Average(), Is.EqualTo(1.5).Within(0.2));
        Close.Check(
            plan.Parameter("gamma_log").ToArray(),
            [.. radii.Select(r => 0.5 * Math.Log(1 - r * r))],
            Close.Output,
            "gamma_log"
        );
    }
}
