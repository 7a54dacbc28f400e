using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Losses;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Losses and their gradients on the CUDA backend against the CPU and the reference, masks and lengths included.
/// </summary>
[TestFixture]
public sealed class CudaLossTests : CudaOperationFixture
{
    private static readonly (int Steps, int Batch)[] Rows = [(1, 1), (7, 3), (40, 16)];

    [Test]
    public void Its_gradient_is_read_before_the_scratch_that_it_lies_in_is_used(
        [Values("linear", "gru", "lstm", "tcn", "lru")] string last
    ) => BorrowedGradientTests.Check(Gpu, last);

    [Test]
    public void A_squared_error_is_that_of_the_cpu(
        [Values] bool gradient,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach (
            ((int steps, int batch), bool masked) in Rows.SelectMany(
                _ => new[] { false, true },
                (rows, masked) => (rows, masked)
            )
        )
        {
            var shape = new Shape(steps, batch, columns);
            Pair prediction = Both(shape, 1);
            Pair target = Both(shape, 2);
            Pair mask = masked ? Both(new Shape(steps, batch), 5, 0, 2) : default;
            Pair slope = Both(shape, 3);
            Pair value = Both(new Shape(1), 4);

            OnBoth(
                (backend, of) =>
                    backend.MeanSquaredError(
                        of(prediction),
                        of(target),
                        of(mask),
                        gradient ? of(slope) : default,
                        of(value)
                    )
            );

            Against.Cpu("squared error", "loss", value.Gpu, value.Cpu, 1e-6);
            // The sums of a mask differ in their order.
            if (masked)
                Against.Cpu("squared error", "gradient", slope.Gpu, slope.Cpu, 1e-6);
            else
                CheckBits(slope, "gradient");
        }
    }

    [Test]
    public void Of_differing_lengths_they_are_those_of_the_reference()
    {
        foreach (string kind in LossCase.Kinds)
        {
            CheckLengths(kind, masked: false);
            CheckLengths(kind, masked: true);
        }
    }

    private void CheckLengths(string kind, bool masked)
    {
        int? ignored = kind == "softmax" ? 2 : null;
        int[] lengths = [2, 5, 3];
        using var given = new LossCase(Gpu, kind, 5, 3, 7, ignored);
        float[] mask = masked ? new Draw(4).Uniform(15, 0, 2) : [];
        float[] there = LossCase.Steps(5, lengths);
        float[] targets = given.TargetsWith(there, float.NaN);
        float[] weights = masked ? [.. mask.Zip(there, (m, t) => m * t)] : there;
        for (int row = 0; row < 15 && kind == "softmax"; row++)
        {
            if (targets[row] == ignored)
                weights[row] = 0;
        }
        for (int turn = 0; turn < 2; turn++)
        {
            given.Plan.Forward(given.X, 5, 3, lengths);
            given.Check(given.Loss.Compute(targets, mask).ToArray(), weights, kind);
        }
    }

    [Test]
    public void Cross_entropies_are_those_of_the_cpu(
        [Values] bool binary,
        [Values("", "some", "none")] string masked,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            int rows = steps * batch;
            var draw = new Draw((ulong)rows);
            Pair logits = Both(shape, 1, -8, 8);
            Pair targets = binary
                ? Both(shape, 2, 0, 1)
                : Both(
                    new Shape(steps, batch),
                    [.. Enumerable.Range(0, rows).Select(_ => (float)draw.Next(columns))]
                );
            Pair mask = masked switch
            {
                "" => default,
                "none" => Both(new Shape(steps, batch), new float[rows]),
                _ => Both(
                    new Shape(steps, batch),
                    [.. Enumerable.Range(0, rows).Select(i => i % 3 == 1 ? 0f : 0.5f + i % 2)]
                ),
            };
            Pair slope = Both(shape, 3);
            Pair value = Both(new Shape(1), 4);

            OnBoth(
                (backend, of) =>
                {
                    if (binary)
                        backend.BinaryCrossEntropy(
                            of(logits),
                            of(targets),
                            of(mask),
                            of(slope),
                            of(value)
                        );
                    else
                        backend.SoftmaxCrossEntropy(
                            of(logits),
                            of(targets),
                            of(mask),
                            of(slope),
                            of(value)
                        );
                }
            );

            Against.Cpu("cross entropy", "loss", value.Gpu, value.Cpu, 1e-6);
            Against.Cpu("cross entropy", "gradient", slope.Gpu, slope.Cpu, 1e-6);
        }
    }
}
