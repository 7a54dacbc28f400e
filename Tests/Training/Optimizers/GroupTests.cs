using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Optimizers;

/// <summary>Groups of parameters with a rate of their own, against references that each know one group.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class GroupTests(int bits, int threads)
{
    private const float Rate = 0.02f;
    private const float Decay = 0.3f;

    private static readonly string[] Rules = ["sgd", "momentum", "rmsprop", "adam", "adamw"];

    // Sizes that fill no vector; so many that the ranges of groups and those of threads do not meet.
    private Sequential _model = null!;
    private Plan _plan = null!;

    [SetUp]
    public void Begin()
    {
        _model = new Sequential(new Linear(101, 103), new Gru(103, 41), new Linear(41, 203));
        _plan = _model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Training);
    }

    [TearDown]
    public void End()
    {
        _plan.Dispose();
        _model.Dispose();
    }

    private static ParameterGroup[] Groups =>
        [
            new(p => p.Name.EndsWith("weight_hh_l0", StringComparison.Ordinal), 0.25f, false),
            new(p => p.Name == "2.bias", 0f),
            new(p => p.Name.Contains("bias_", StringComparison.Ordinal), 1f, false),
        ];

    private static (float Factor, bool Decays) Of(string name) =>
        name switch
        {
            "1.weight_hh_l0" => (0.25f, false),
            "2.bias" => (0f, true),
            "1.bias_ih_l0" or "1.bias_hh_l0" => (1f, false),
            _ => (1f, true),
        };

    private Optimizer Make(string rule) =>
        rule switch
        {
            "sgd" => new Sgd(_plan, Rate, groups: Groups),
            "momentum" => new Sgd(_plan, Rate, 0.8f, Groups),
            "rmsprop" => new RmsProp(_plan, Rate, groups: Groups),
            "adam" => new Adam(_plan, Rate, groups: Groups),
            _ => new AdamW(_plan, Rate, Decay, groups: Groups),
        };

    private static Action<double[][], double[][]> Reference(string rule, string name)
    {
        (float factor, bool decays) = Of(name);
        double rate = (double)Rate * factor;
        return rule switch
        {
            "sgd" => new Ref.Sgd(rate).Step,
            "momentum" => new Ref.Sgd(rate, 0.8f).Step,
            "rmsprop" => new Ref.RmsProp(rate, 0.99f).Step,
            "adam" => new Ref.Adam(rate, 0.9f, 0.999f).Step,
            _ => new Ref.AdamW(rate, decays ? Decay : 0, 0.9f, 0.999f).Step,
        };
    }

    [Test]
    public void Each_group_has_its_rate_and_decay_and_all_one_norm(
        [ValueSource(nameof(Rules))] string rule
    )
    {
        using Optimizer optimizer = Make(rule);
        string[] names = [.. _model.NamedParameters().Select(p => p.Name)];
        double[][] expected = [.. names.Select(name => ToDouble(_plan.Parameter(name).ToArray()))];
        Action<double[][], double[][]>[] updates = [.. names.Select(name => Reference(rule, name))];
        float[] frozen = _plan.Parameter("2.bias").ToArray();
        for (int step = 1; step <= 3; step++)
        {
            float[][] gradients =
            [
                .. names.Select(
                    (name, i) =>
                        new Draw((ulong)(10 * step + i)).Uniform(_plan.Parameter(name).Count)
                ),
            ];
            for (int i = 0; i < names.Length; i++)
                _plan.Gradient(names[i]).Write(gradients[i]);
            optimizer.Step(5f);

            double[][] clipped = Array.ConvertAll(gradients, ToDouble);
            double norm = Ref.GradientClip.Apply(clipped, 5);
            Close.Check([optimizer.GradientNorm], [norm], Close.Output, "norm");
            for (int i = 0; i < names.Length; i++)
            {
                updates[i]([expected[i]], [clipped[i]]);
                Close.Check(
                    _plan.Parameter(names[i]).ToArray(),
                    expected[i],
                    Close.Output,
                    $"{names[i]} after step {step}"
                );
            }
        }
        Close.CheckBits(_plan.Parameter("2.bias").ToArray(), frozen, "a group of rate 0");
    }

    [Test]
    public void The_recurrence_of_every_lru_block_is_slow_and_all_else_decays()
    {
        using var model = new Sequential(new Lru(2, 3, 4, 2), new Linear(3, 1));
        using Plan plan = model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Training);
        using var optimizer = new AdamW(plan, Rate, Decay, groups: [Lru.Recurrence(0.25f)]);

        string[] slow = ["nu_log", "theta_log", "gamma_log", "B_re", "B_im"];
        IEnumerable<string> names = new[] { "0.1", "0.2" }.SelectMany(block =>
            slow.Select(name => $"{block}.{name}")
        );
        Assert.That(
            optimizer.Groups.Text,
            Is.EqualTo($"; rate x 0.25 without decay: {string.Join(' ', names)}")
        );
        Assert.That(
            optimizer.Groups.Segments.Select(s => (s.RateFactor, s.Decays)),
            Is.EqualTo(new[] { (1f, true), (0.25f, false), (1f, true), (0.25f, false), (1f, true) })
        );
    }

    private static double[] ToDouble(float[] values) =>
        Array.ConvertAll(values, value => (double)value);
}
