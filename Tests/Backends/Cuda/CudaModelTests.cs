using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Whole models on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaModelTests : CudaFixture
{
    private const int T = 17;
    private const int B = 3;

    // Steps of which a scan of few states makes tiles.
    private const int Long = 700;
    private const int Inputs = 5;
    private const int Outputs = 4;

    private static readonly Dictionary<string, Func<Layer>> Architectures = new()
    {
        ["tcn"] = () => new Tcn(Inputs, [7, 6], 3, 0.2f),
        ["gated tcn"] = () => new Tcn(Inputs, [7, 6], 3, 0.2f, TcnActivation.Gated),
        ["both ends of an lstm in a direct term"] = () =>
            new Sequential(
                new FeedThrough(new Sequential(new Gru(Inputs, 4), new Linear(4, Inputs))),
                new Lstm(Inputs, 4, new RecurrentOptions { Bidirectional = true })
            ),
        ["lru"] = () => new Lru(Inputs, 6, 9, 2, new LruOptions { Dropout = 0.1f }),
        ["lru whose steps share their dropout"] = () =>
            new Lru(Inputs, 6, 9, 2, new LruOptions { Dropout = 0.3f, SharedDropout = true }),
        ["lru both ways"] = () =>
            new Lru(Inputs, 6, 9, 2, new LruOptions { Bidirectional = true, Prenorm = false }),
        ["batch normed lru"] = () =>
            new Lru(Inputs, 6, 9, 2, new LruOptions { Norm = NormKind.Batch, Dropout = 0.1f }),
        ["diagonal lru"] = () =>
            new Lru(Inputs, 6, 9, 2, new LruOptions { Rung = LruRung.Diagonal, Dropout = 0.1f }),
        ["polar lru"] = () =>
            new Lru(Inputs, 6, 9, 2, new LruOptions { Rung = LruRung.Polar, Bidirectional = true }),
        ["stable lru"] = () => new Lru(Inputs, 6, 9, 2, new LruOptions { Rung = LruRung.Stable }),
        ["ring lru"] = () => new Lru(Inputs, 6, 9, 2, new LruOptions { Rung = LruRung.Ring }),
        ["s5"] = () => new S5(Inputs, 6, 9, 2, new S5Options { Dropout = 0.1f }),
        ["bilinear s5 both ways"] = () =>
            new S5(
                Inputs,
                6,
                9,
                2,
                new S5Options
                {
                    Discretization = Discretization.Bilinear,
                    Norm = NormKind.Layer,
                    Blocks = 3,
                    Bidirectional = true,
                }
            ),
        ["batch postnormed lru both ways"] = () =>
            new Lru(
                Inputs,
                6,
                9,
                1,
                new LruOptions
                {
                    Norm = NormKind.Batch,
                    Prenorm = false,
                    Bidirectional = true,
                }
            ),
        ["blocks of lrus and s5s"] = () =>
            new Sequential(
                new Linear(Inputs, 6),
                new LruBlock(6, 9),
                new S5Block(6, 4),
                new LruBlock(6, 3, new LruOptions { Rung = LruRung.Stable, Bidirectional = true }),
                new LruBlock(6, 5, new LruOptions { Bidirectional = true }),
                new Tcn(6, [6, 6], 2)
            ),
        ["blocks of a gru"] = () =>
            new Sequential(
                new Linear(Inputs, 7),
                new SequenceBlock(
                    new Gru(7, 7),
                    new SequenceBlockOptions { Mixing = BlockMixing.HalfGlu, Dropout = 0.1f }
                ),
                new SequenceBlock(
                    new Sequential(new Gru(7, 3), new Linear(3, 7)),
                    new SequenceBlockOptions { Prenorm = false, Norm = NormKind.Batch }
                )
            ),
        ["blocks of state spaces"] = () =>
            new Sequential(
                new Linear(Inputs, 7),
                new SequenceBlock(
                    new S4D(7, 9),
                    new SequenceBlockOptions { Norm = NormKind.Batch, Dropout = 0.1f }
                ),
                new SequenceBlock(
                    new S4D(
                        7,
                        3,
                        new S4DOptions
                        {
                            Bidirectional = true,
                            Discretization = Discretization.Bilinear,
                        }
                    ),
                    new SequenceBlockOptions { Prenorm = false }
                ),
                new SequenceBlock(
                    new Dss(7, 5),
                    new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                ),
                new SequenceBlock(
                    new Dss(7, 4, new DssOptions { Kernel = DssKernel.Exp, Bidirectional = true }),
                    new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                )
            ),
        ["blocks of a tcn"] = () =>
            new Sequential(
                new Linear(Inputs, 6),
                new SequenceBlock(
                    new Tcn(6, [6], 3),
                    new SequenceBlockOptions
                    {
                        Mixing = BlockMixing.Linear,
                        Norm = NormKind.Batch,
                        Dropout = 0.1f,
                        SharedDropout = true,
                    }
                ),
                new SequenceBlock(
                    new Tcn(6, [6], 3),
                    new SequenceBlockOptions { Prenorm = false, Mixing = BlockMixing.None }
                )
            ),
    };

    private static IEnumerable<string> Names => Architectures.Keys;

    // What the layers behind have of steps is not what those before have, so neither is what their gradients' launch is told.
    [Test]
    public void Layers_before_and_behind_the_last_step_have_the_gradients_of_the_cpu()
    {
        float[] x = new Draw(1).Uniform(Long * Inputs);
        float[] targets = new Draw(2).Uniform(6);
        float[][] gradients = [.. new Backend[] { Gpu, Cpu }.Select(Gradients)];

        Against.Cpu("gradients", "of a model that pools", gradients[0], gradients[1], 1e-4);

        float[] Gradients(Backend on)
        {
            using var model = new Sequential(
                new Linear(Inputs, 6),
                new LruBlock(6, 3),
                new S5Block(6, 4),
                new Tcn(6, [6, 7], 3),
                new Last(7),
                new Linear(7, 6),
                new Tcn(6, [6], 3),
                new S5Block(6, 5),
                new LruBlock(6, 2)
            );
            using Plan plan = model.Plan(on, Long, 1, Mode.Training);
            using var loss = new MeanSquaredError(plan);
            // The second step finds what the first left.
            for (int step = 0; step < 2; step++)
            {
                plan.Forward(x, Long, 1);
                plan.Backward(loss.Compute(targets));
            }
            // By their names, as the gaps between them are the backend's own.
            return
            [
                .. model.NamedParameters().SelectMany(named => plan.Gradient(named.Name).ToArray()),
            ];
        }
    }

    [Test]
    public void Training_goes_as_on_the_cpu(
        [ValueSource(nameof(Names))] string architecture,
        [Values] bool packed
    )
    {
        float[] gpu = Losses(Gpu, architecture, packed);
        float[] cpu = Losses(Cpu, architecture, packed);
        for (int step = 0; step < cpu.Length; step++)
        {
            double error = Math.Abs((double)gpu[step] - cpu[step]) / Math.Abs(cpu[step]);
            GpuTestReport.Error("the loss in training", error);
            Close.Check(gpu[step], cpu[step], Math.Abs(cpu[step]), 1e-4, $"loss of step {step}");
        }
        Assert.That(cpu[^1], Is.LessThan(cpu[0]));
    }

    private static float[] Losses(Backend on, string architecture, bool packed)
    {
        int[] lengths = [T, 13, 9];
        int rows = packed ? lengths.Sum() : T * B;
        using Layer layer = Architectures[architecture]();
        using var model = new Sequential(layer, new Linear(layer.OutputSize, Outputs));
        using Plan plan = model.Plan(
            on,
            T,
            B,
            Mode.Training,
            new PlanOptions { Seed = 5, VariableLengths = packed }
        );
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Adam(plan, 0.003f);
        float[] x = new Draw(1).Uniform(rows * Inputs);
        float[] targets = new Draw(2).Uniform(rows * Outputs);
        float[] losses = new float[10];
        for (int step = 0; step < losses.Length; step++)
        {
            if (packed)
                plan.ForwardPacked(x, lengths);
            else
                plan.Forward(x, T, B);
            plan.Backward(loss.Compute(targets));
            losses[step] = loss.ReadValue();
            optimizer.Step(1f);
        }
        return losses;
    }

    [Test]
    public void A_step_takes_no_memory([ValueSource(nameof(Names))] string architecture)
    {
        using Layer layer = Architectures[architecture]();
        using Plan plan = layer.Plan(
            Gpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Adam(plan, 0.003f);
        float[] x = new Draw(1).Uniform(T * B * Inputs);
        float[] targets = new Draw(2).Uniform(T * B * layer.OutputSize);
        Step();
        long before = Gpu.Memory.Allocations;

        Step();

        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(before));

        void Step()
        {
            plan.Forward(x, T, B);
            plan.Backward(loss.Compute(targets));
            optimizer.Step(1f);
        }
    }

    [VirtualGpuOnly]
    [Test]
    public void Running_out_of_memory_at_any_allocation_loses_nothing(
        [ValueSource(nameof(Names))] string architecture
    )
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        using Layer layer = Architectures[architecture]();
        layer.Plan(Gpu, T, B, Mode.Training).Dispose();
        long taken = Gpu.Memory.CurrentBytes;
        int failed = 0;
        for (int n = 1; ; n++)
        {
            device.FailAllocation(n);
            try
            {
                using Plan plan = layer.Plan(Gpu, T, B, Mode.Training);
                device.FailAllocation(0);
                break;
            }
            catch (DeviceMemoryException)
            {
                failed++;
                Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(taken));
            }
        }
        Assert.That(failed, Is.GreaterThan(3));
    }
}
