using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cpu;

/// <summary>A NaN must reach the output, where it is seen: max(0, x) on vectors loses it with its operands in the wrong order.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class NanTests(int bits, int threads)
{
    private const int Steps = 4;
    private const int Batch = 3;

    private static readonly TestCaseData[] Models =
    [
        .. Support.Models.Kinds.Select(kind =>
            new TestCaseData(
                new Func<Layer>(() => Support.Models.Small(kind)),
                // In training a batch norm brings a NaN to all sequences.
                Support.Models.BatchNormed.Contains(kind)
                    ? Mode.Evaluation
                    : Mode.Training
            ).SetArgDisplayNames(kind, "")
        ),
        // Widths that fill vectors, and a skip that adds nothing to what the inner relu gives.
        Wide("relu", () => new Rnn(3, 40, relu: true)),
        Wide("tcn", () => new Tcn(3, [40, 32], 2)),
        Wide("mean", () => new Mean(33)),
        Wide("last", () => new Last(33)),
        Wide("layer norm", () => new LayerNorm(33)),
        Wide("batch norm", () => new BatchNorm(33), Mode.Evaluation),
    ];

    private static TestCaseData Wide(string name, Func<Layer> model, Mode mode = Mode.Training) =>
        new TestCaseData(model, mode).SetArgDisplayNames($"wide {name}", "");

    [TestCaseSource(nameof(Models))]
    public void A_NaN_of_the_last_step_reaches_the_output_of_its_sequence_alone(
        Func<Layer> make,
        Mode mode
    )
    {
        using Layer model = make();
        using Plan plan = model.Plan(Backends.Get(bits, threads), Steps, Batch, mode);
        float[] x = new Support.Draw(1).Uniform((long)Steps * Batch * model.InputSize);
        x[((Steps - 1) * Batch + 1) * model.InputSize] = float.NaN;

        Tensor y = plan.Forward(x, Steps, Batch);

        float[] last = y.Slice(y.Shape.First - 1, 1).ToArray();
        for (int b = 0; b < Batch; b++)
        {
            float[] row = last[(b * model.OutputSize)..((b + 1) * model.OutputSize)];
            Assert.That(row.Any(float.IsNaN), Is.EqualTo(b == 1), $"sequence {b}");
        }
    }

    [TestCase(3)]
    [TestCase(16)]
    [TestCase(40)]
    public void A_relu_keeps_a_NaN_in_every_unit(int width)
    {
        using var model = new Rnn(2, width, relu: true);
        using Plan plan = model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Evaluation);

        Tensor y = plan.Forward([float.NaN, 1f], 1, 1);

        Assert.That(y.ToArray(), Is.All.NaN);
    }

    [TestCase(3)]
    [TestCase(16)]
    [TestCase(40)]
    public void The_relus_of_a_convolution_keep_a_NaN_in_every_channel(int width)
    {
        using var model = new TcnBlock(2, width, 2, 1);
        using Plan plan = model.Plan(Backends.Get(bits, threads), 1, 1, Mode.Evaluation);
        // Without the skip, which would bring the NaN along by itself.
        plan.Parameter("downsample.weight").Write(new float[2 * width]);
        plan.Parameter("conv1.bias").Write([.. Enumerable.Repeat(float.NaN, width)]);

        Tensor y = plan.Forward([1f, 1f], 1, 1);

        Assert.That(y.ToArray(), Is.All.NaN);
    }
}
