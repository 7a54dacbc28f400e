using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Optimizers;

/// <summary>Steps over more parameters than one thread takes, against the reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class OptimizerTests(int bits, int threads)
{
    private static readonly string[] Rules = ["sgd", "momentum", "rmsprop", "adam", "adamw"];
    private static readonly string[] WithoutDecay = [.. Rules.Where(rule => rule != "adamw")];

    private Linear _model = null!;
    private Plan _plan = null!;

    [SetUp]
    public void Begin()
    {
        // Neither size fills vectors.
        _model = new Linear(203, 131);
        _plan = _model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Training);
    }

    [TearDown]
    public void End()
    {
        _plan.Dispose();
        _model.Dispose();
    }

    private Optimizer Make(string rule) =>
        rule switch
        {
            "sgd" => new Sgd(_plan, 0.1f),
            "momentum" => new Sgd(_plan, 0.1f, 0.8f),
            "rmsprop" => new RmsProp(_plan, 0.01f, 0.9f),
            "adamw" => new AdamW(_plan, 0.01f, 0.3f),
            _ => new Adam(_plan, 0.01f),
        };

    private string[] Names => [.. _model.NamedParameters().Select(p => p.Name)];

    private void WriteGradients(int step)
    {
        foreach (string name in Names)
            _plan.Gradient(name).Write(Gradient(name, step));
    }

    private float[] Gradient(string name, int step) =>
        new Draw((ulong)(100 * step + name.Length)).Uniform(
            _plan.Parameter(name).Count,
            -0.1f,
            0.1f
        );

    [Test]
    public void Steps_are_those_of_the_reference(
        [ValueSource(nameof(Rules))] string rule,
        [Values(float.PositiveInfinity, 100f, 0.5f)] float clip
    )
    {
        using Optimizer optimizer = Make(rule);
        double[][] expected = [.. Names.Select(name => ToDouble(_plan.Parameter(name).ToArray()))];
        (Action<double[][], double[][]> update, Action<double> setRate) = Reference(rule);
        for (int step = 1; step <= 4; step++)
        {
            if (step == 3)
            {
                optimizer.LearningRate = 0.004f;
                setRate(0.004f);
            }
            WriteGradients(step);
            optimizer.Step(clip);

            double[][] gradients = [.. Names.Select(name => ToDouble(Gradient(name, step)))];
            double norm = Ref.GradientClip.Apply(gradients, clip);
            update(expected, gradients);
            Close.Check([optimizer.GradientNorm], [norm], Close.Output, "norm");
            for (int i = 0; i < expected.Length; i++)
                Close.Check(
                    _plan.Parameter(Names[i]).ToArray(),
                    expected[i],
                    Close.Output,
                    $"{Names[i]} after step {step}"
                );
        }
    }

    private static (Action<double[][], double[][]> Update, Action<double> SetRate) Reference(
        string rule
    )
    {
        switch (rule)
        {
            case "rmsprop":
                var root = new Ref.RmsProp(0.01f, 0.9f);
                return (root.Step, rate => root.LearningRate = rate);
            case "adam":
                var adam = new Ref.Adam(0.01f, 0.9f, 0.999f);
                return (adam.Step, rate => adam.LearningRate = rate);
            case "adamw":
                var decayed = new Ref.AdamW(0.01f, 0.3f, 0.9f, 0.999f);
                return (decayed.Step, rate => decayed.LearningRate = rate);
            default:
                var sgd = new Ref.Sgd(0.1f, rule == "momentum" ? 0.8f : 0);
                return (sgd.Step, rate => sgd.LearningRate = rate);
        }
    }

    [Test]
    public void A_step_whose_norm_is_not_finite_changes_nothing_and_is_counted(
        [ValueSource(nameof(Rules))] string rule,
        [Values(float.NaN, float.PositiveInfinity, 3e38f)] float value
    )
    {
        using Optimizer optimizer = Make(rule);
        WriteGradients(1);
        optimizer.Step(1f);
        float[] before = _plan.Parameters.ToArray();
        float[][] moments = Moments(optimizer);

        float[] bad = Gradient("weight", 2);
        bad[20_000] = value;
        bad[1] = value;
        _plan.Gradient("weight").Write(bad);
        optimizer.Step(1f);
        optimizer.Step();

        Close.CheckBits(_plan.Parameters.ToArray(), before, "parameter");
        for (int i = 0; i < moments.Length; i++)
            Close.CheckBits(Moments(optimizer)[i], moments[i], $"moment {i}");
        Assert.That(optimizer.SkippedSteps, Is.EqualTo(2));
        Assert.That(float.IsFinite(optimizer.GradientNorm), Is.False);
    }

    [Test]
    public void After_skipped_steps_it_goes_on_as_without_them(
        [ValueSource(nameof(Rules))] string rule
    )
    {
        float[] expected = Run(skip: false);
        Close.CheckBits(Run(skip: true), expected, "parameter");

        float[] Run(bool skip)
        {
            _model.Initialize(_plan.Backend);
            using Optimizer optimizer = Make(rule);
            for (int step = 1; step <= 3; step++)
            {
                if (skip)
                {
                    _plan.Backend.Fill(_plan.Gradient("bias"), float.NaN);
                    optimizer.Step();
                }
                WriteGradients(step);
                optimizer.Step();
            }
            return _plan.Parameters.ToArray();
        }
    }

    [Test]
    public void Gradients_of_zero_leave_the_parameters_as_they_are(
        [ValueSource(nameof(WithoutDecay))] string rule
    )
    {
        using Optimizer optimizer = Make(rule);
        float[] before = _plan.Parameters.ToArray();

        optimizer.Step(1f);

        Close.CheckBits(_plan.Parameters.ToArray(), before, "parameter");
        Assert.That(optimizer.GradientNorm, Is.Zero);
        Assert.That(optimizer.SkippedSteps, Is.Zero);
    }

    [Test]
    public void Weight_decay_shrinks_parameters_without_gradients()
    {
        using var optimizer = new AdamW(_plan, 0.1f, 0.5f);
        double[] before = ToDouble(_plan.Parameter("weight").ToArray());

        optimizer.Step(1f);
        optimizer.Step(1f);

        double keep = (1 - 0.1f * 0.5) * (1 - 0.1f * 0.5);
        Close.Check(
            _plan.Parameter("weight").ToArray(),
            [.. before.Select(value => keep * value)],
            Close.Output,
            "weight"
        );
    }

    [Test]
    public void Without_decay_AdamW_is_Adam()
    {
        float[] Run(Func<Optimizer> make)
        {
            _model.Initialize(_plan.Backend);
            using Optimizer optimizer = make();
            for (int step = 1; step <= 3; step++)
            {
                WriteGradients(step);
                optimizer.Step(1f);
            }
            return _plan.Parameters.ToArray();
        }

        Close.CheckBits(
            Run(() => new AdamW(_plan, 0.01f, 0f)),
            Run(() => new Adam(_plan, 0.01f)),
            "parameter"
        );
    }

    [Test]
    public void A_learning_rate_of_zero_leaves_the_parameters_as_they_are(
        [ValueSource(nameof(Rules))] string rule
    )
    {
        using Optimizer optimizer = Make(rule);
        float[] before = _plan.Parameters.ToArray();
        WriteGradients(1);
        optimizer.LearningRate = 0;

        optimizer.Step();

        Close.CheckBits(_plan.Parameters.ToArray(), before, "parameter");
    }

    private static float[][] Moments(Optimizer optimizer) =>
        [.. optimizer.MomentNames.Select((_, i) => optimizer.Moment(i).ToArray())];

    private static double[] ToDouble(float[] values) =>
        Array.ConvertAll(values, value => (double)value);
}
