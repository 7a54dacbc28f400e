using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Layers;

/// <summary>Running statistics: how training moves them, and that all else goes by them.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class BatchNormTests(int bits, int threads)
{
    private Backend Backend => Backends.Get(bits, threads);

    [Test]
    public void Two_values_move_running_statistics_as_by_hand()
    {
        using var model = new BatchNorm(1, 0.1f);
        using Plan plan = model.Plan(Backend, 2, 1, Mode.Training);

        plan.Forward([3f, 7f], 2, 1);

        // Mean 5; the sample's variance is 8, the batch's 4.
        Close.Check(plan.Buffer("running_mean").ToArray(), [0.5], 1e-6, "mean");
        Close.Check(plan.Buffer("running_var").ToArray(), [0.9 + 0.8], 1e-6, "variance");
        plan.Forward([3f, 7f], 2, 1);
        Close.Check(plan.Buffer("running_mean").ToArray(), [0.45 + 0.5], 1e-6, "mean");
        Close.Check(plan.Buffer("running_var").ToArray(), [0.9 * 1.7 + 0.8], 1e-6, "variance");
        double deviation = Math.Sqrt(4 + 1e-5);
        Close.Check(plan.Output.ToArray(), [-2 / deviation, 2 / deviation], 1e-6, "output");
    }

    [Test]
    public void Running_statistics_follow_the_samples(
        [Values(1, 3, 17, 131)] int size,
        [Values(0.01f, 0.5f, 1f)] float momentum
    )
    {
        using var model = new BatchNorm(size, momentum);
        using Plan plan = model.Plan(Backend, 70, 3, Mode.Training);
        double[] mean = new double[size];
        double[] variance = [.. Enumerable.Repeat(1.0, size)];
        ulong seed = 0;
        // One row, some, so many that threads share them, and a number that fills no block.
        foreach ((int time, int batch) in new[] { (70, 3), (1, 1), (2, 1), (65, 1), (70, 3) })
        {
            int rows = time * batch;
            float[] x = new Draw(++seed).Uniform((long)rows * size, -1, 3);
            plan.Forward(x, time, batch);

            (double[] m, double[] v) = Ref.BatchNorm.Moments(ToDouble(x), rows, size);
            for (int c = 0; c < size; c++)
            {
                mean[c] += (double)momentum * (m[c] - mean[c]);
                if (rows > 1)
                    variance[c] += momentum * (v[c] * rows / (rows - 1.0) - variance[c]);
            }
            Close.Check(plan.Buffer("running_mean").ToArray(), mean, Close.Output, "mean");
            Close.Check(plan.Buffer("running_var").ToArray(), variance, Close.Output, "variance");
        }
    }

    [Test]
    public void Values_far_from_zero_keep_their_variance()
    {
        using var model = new BatchNorm(2, 1f);
        using Plan plan = model.Plan(Backend, 5000, 1, Mode.Training);
        float[] x = new Draw(4).Uniform(10_000, 1000, 1001);
        // Another range half way: blocks with means of their own.
        for (int i = 5000; i < x.Length; i++)
            x[i] += 100f;

        plan.Forward(x, 5000, 1);

        (double[] mean, double[] variance) = Ref.BatchNorm.Moments(ToDouble(x), 5000, 2);
        Close.Check(plan.Buffer("running_mean").ToArray(), mean, 1e-7, "mean");
        Close.Check(
            plan.Buffer("running_var").ToArray(),
            [.. variance.Select(v => v * 5000 / 4999)],
            1e-6,
            "variance"
        );
        Close.Check(
            plan.Output.ToArray(),
            Ref.BatchNorm.Forward(ToDouble(x), [1, 1], [0, 0], 5000, 2),
            1e-5,
            "output"
        );
    }

    [Test]
    public void Evaluation_and_streams_go_by_running_statistics_and_leave_them()
    {
        using var model = new BatchNorm(5, 0.3f);
        using Plan training = model.Plan(Backend, 9, 4, Mode.Training);
        foreach ((string name, float[] values) in new Draw(8).Parameters(model))
            training.Parameter(name).Write(values);
        for (ulong step = 1; step <= 3; step++)
            training.Forward(new Draw(step).Uniform(9 * 4 * 5, -2, 1), 9, 4);
        float[] mean = training.Buffer("running_mean").ToArray();
        float[] variance = training.Buffer("running_var").ToArray();
        float[] x = new Draw(7).Uniform(6 * 2 * 5);
        double[] expected = Ref.BatchNorm.Evaluate(
            ToDouble(x),
            ToDouble(training.Parameter("weight").ToArray()),
            ToDouble(training.Parameter("bias").ToArray()),
            ToDouble(mean),
            ToDouble(variance),
            12,
            5
        );

        foreach (Mode mode in new[] { Mode.Evaluation, Mode.Streaming })
        {
            using Plan plan = model.Plan(Backend, 6, 2, mode);
            Close.Check(plan.Forward(x, 6, 2).ToArray(), expected, Close.Output, $"{mode}");
        }
        Close.CheckBits(training.Buffer("running_mean").ToArray(), mean, "running mean");
        Close.CheckBits(training.Buffer("running_var").ToArray(), variance, "running variance");
    }

    // With the statistics of one batch as the running ones, evaluating it gives what training gave but for the sample.
    [Test]
    public void A_network_in_evaluation_gives_what_training_gave(
        [Values] bool prenorm,
        [Values] bool stream
    )
    {
        var options = new LruOptions
        {
            Norm = NormKind.Batch,
            Prenorm = prenorm,
            Momentum = 1f,
        };
        using var model = new Lru(3, 7, 5, 2, options);
        using Plan training = model.Plan(Backend, 33, 6, Mode.Training);
        float[] x = new Draw(1).Uniform(33 * 6 * 3);
        double[] expected = ToDouble(training.Forward(x, 33, 6).ToArray());
        const int rows = 33 * 6;
        foreach (NamedParameter named in model.NamedBuffers().Where(p => p.Name.EndsWith("var")))
        {
            Tensor variance = training.Buffer(named.Name);
            variance.Write(Array.ConvertAll(variance.ToArray(), v => v * ((rows - 1f) / rows)));
        }

        using Plan plan = model.Plan(Backend, 33, 6, stream ? Mode.Streaming : Mode.Evaluation);

        Close.Check(plan.Forward(x, 33, 6).ToArray(), expected, Close.Gradient, "output");
    }

    [Test]
    public void A_stream_in_steps_gives_the_whole_sequence([Values] bool prenorm)
    {
        var options = new LruOptions { Norm = NormKind.Batch, Prenorm = prenorm };
        using var model = new Sequential(new BatchNorm(3), new Lru(3, 7, 5, 2, options));
        using (Plan training = model.Plan(Backend, 20, 2, Mode.Training))
            training.Forward(new Draw(1).Uniform(20 * 2 * 3), 20, 2);
        float[] x = new Draw(2).Uniform(20 * 2 * 3);
        using Plan whole = model.Plan(Backend, 20, 2, Mode.Evaluation);
        double[] expected = ToDouble(whole.Forward(x, 20, 2).ToArray());
        using Plan stream = model.Plan(Backend, 3, 2, Mode.Streaming);

        var actual = new List<float>();
        for (int t = 0; t < 20; t += 3)
        {
            int steps = Math.Min(3, 20 - t);
            actual.AddRange(stream.Forward(x.AsSpan(t * 6, steps * 6), steps, 2).ToArray());
        }

        Close.Check(actual.ToArray(), expected, Close.Output, "stream");
    }

    [Test]
    public void What_is_not_finite_leaves_the_running_statistics_of_its_channel()
    {
        using var model = new BatchNorm(3, 0.5f);
        using Plan plan = model.Plan(Backend, 2, 1, Mode.Training);

        plan.Forward([float.NaN, 1f, 3e38f, 0f, 3f, -3e38f], 2, 1);

        Close.Check(plan.Buffer("running_mean").ToArray(), [0, 1, 0], 1e-6, "mean");
        Close.Check(plan.Buffer("running_var").ToArray(), [1, 0.5 + 1, 1], 1e-6, "variance");
    }

    [Test]
    public void One_position_gives_the_bias()
    {
        using var model = new BatchNorm(2);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        plan.Parameter("bias").Write([0.5f, -2f]);

        float[] y = plan.Forward([3f, 4f], 1, 1).ToArray();

        Assert.That(y, Is.EqualTo(new[] { 0.5f, -2f }));
        Assert.That(plan.Buffer("running_var").ToArray(), Is.All.EqualTo(1f));
        Close.Check(plan.Buffer("running_mean").ToArray(), [0.3, 0.4], 1e-6, "mean");
    }

    [Test]
    public void Buffers_have_torchs_names_and_are_no_parameters()
    {
        var options = new LruOptions { Norm = NormKind.Batch };
        using var model = new Sequential(new BatchNorm(3), new Lru(3, 4, 2, 1, options));
        using Plan plan = model.Plan(Backend, 2, 2, Mode.Training);

        Assert.That(
            model.NamedBuffers().Select(p => $"{p.Name} {p.Parameter.Shape}"),
            Is.EqualTo(
                new[]
                {
                    "0.running_mean [3]",
                    "0.running_var [3]",
                    "1.1.norm.running_mean [4]",
                    "1.1.norm.running_var [4]",
                }
            )
        );
        Assert.That(model.NamedParameters().Select(p => p.Name), Has.None.Contains("running"));
        Assert.That(plan.Buffer("1.1.norm.running_var").ToArray(), Is.All.EqualTo(1f));
        Assert.That(
            () => plan.Parameter("0.running_mean"),
            Throws.ArgumentException.With.Message.Contains("0.weight")
        );
        Assert.That(
            () => plan.Buffer("0.weight"),
            Throws
                .ArgumentException.With.Message.Contains("No buffer '0.weight'")
                .And.Message.Contains("1.1.norm.running_mean")
        );
    }

    [Test]
    public void No_optimizer_changes_buffers_and_a_new_start_resets_them()
    {
        using var model = new BatchNorm(3);
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new AdamW(plan, 0.1f, 0.5f);
        plan.Forward(new Draw(1).Uniform(4 * 2 * 3), 4, 2);
        float[] mean = plan.Buffer("running_mean").ToArray();
        float[] variance = plan.Buffer("running_var").ToArray();

        plan.Backward(loss.Compute(new float[4 * 2 * 3]));
        optimizer.Step();

        Close.CheckBits(plan.Buffer("running_mean").ToArray(), mean, "running mean");
        Close.CheckBits(plan.Buffer("running_var").ToArray(), variance, "running variance");
        model.Initialize(Backend);
        Assert.That(plan.Buffer("running_mean").ToArray(), Is.All.Zero);
        Assert.That(plan.Buffer("running_var").ToArray(), Is.All.EqualTo(1f));
    }

    [Test]
    public void A_buffer_that_is_not_finite_is_found()
    {
        using var model = new Sequential(new Linear(2, 3), new BatchNorm(3));
        using Plan plan = model.Plan(Backend, 2, 2, Mode.Evaluation);
        plan.Buffer("1.running_var").Write([1f, float.NaN, 1f]);
        plan.Forward(new float[8], 2, 2);

        Assert.That(plan.FirstNonFinite(), Is.EqualTo("buffer 1.running_var [3]"));
    }

    private static double[] ToDouble(float[] values) =>
        Array.ConvertAll(values, value => (double)value);
}
