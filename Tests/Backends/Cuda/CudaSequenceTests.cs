using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Packing, means over time and last steps of sequences of different lengths on the CUDA backend.</summary>
[TestFixture]
public sealed class CudaSequenceTests : CudaOperationFixture
{
    // Lengths, and steps of the padded batch.
    private static readonly (int[] Lengths, int Steps)[] Batches =
    [
        ([1], 1),
        ([4], 7),
        ([1, 1, 1], 2),
        ([2, 9, 5], 12),
        ([40, 3, 40, 1, 33], 40),
    ];

    private static readonly int[] Columns = [1, 3, 130, 257];

    [TestCaseSource(nameof(Columns))]
    public void Rows_are_packed_and_unpacked(int columns)
    {
        foreach ((int[] lengths, int steps) in Batches)
        {
            SequenceLayout layout = Packed(lengths);
            Pair x = Both(new Shape(steps, lengths.Length, columns), 1);
            Pair rows = Both(new Shape(layout.Rows, 1, columns), 2);
            Pair back = Both(x.Cpu.Shape, 3);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pack(of(x), layout, of(rows));
                    backend.Unpack(of(rows), layout, of(back));
                }
            );

            CheckBits(rows, "packed rows");
            CheckBits(back, "padded rows");
        }
    }

    [TestCaseSource(nameof(Columns))]
    public void Means_and_last_steps_are_those_of_the_cpu(int columns)
    {
        foreach ((int[] lengths, int steps) in Batches)
        {
            int batch = lengths.Length;
            foreach (SequenceLayout? layout in new[] { null, Packed(lengths) })
            {
                Shape shape = layout is null
                    ? new Shape(steps, batch, columns)
                    : new Shape(layout.Rows, 1, columns);
                Pair x = Both(shape, 1);
                Pair mean = Both(new Shape(1, batch, columns), 2);
                Pair last = Both(new Shape(1, batch, columns), 3);
                Pair dmean = Both(new Shape(1, batch, columns), 4);
                Pair dx = Both(shape, 5);
                Pair dlast = Both(shape, 6);
                Pair first = Both(new Shape(1, batch, columns), 7);
                Pair dfirst = Both(new Shape(1, batch, columns), 8);

                OnBoth(
                    (backend, of) =>
                    {
                        backend.MeanOverTime(of(x), layout, of(mean));
                        backend.MeanOverTimeGradient(of(dmean), layout, of(dx));
                        if (layout is null)
                            return;
                        backend.LastSteps(of(x), layout, of(last));
                        backend.LastStepsGradient(of(dmean), layout, of(dlast));
                        backend.FirstSteps(of(x), layout, of(first));
                        backend.FirstStepsGradient(of(dmean), layout, of(dfirst));
                    }
                );

                Against.Cpu("mean over time", "mean", mean.Gpu, mean.Cpu, 1e-6);
                CheckBits(dx, "gradient of the mean");
                CheckBits(last, "last steps");
                CheckBits(dlast, "gradient of the last steps");
                CheckBits(first, "first steps");
                CheckBits(dfirst, "gradient of the first steps");
            }
        }
    }

    [Test]
    public void A_layout_without_memory_on_the_device_is_refused()
    {
        var layout = new SequenceLayout(4, 2);
        layout.Set([4, 2]);
        Pair x = Both(new Shape(6, 1, 1), 1);

        Assert.That(
            () => Gpu.LastSteps(x.Gpu, layout, x.Gpu),
            Throws.InvalidOperationException.With.Message.Contains("no memory on the device")
        );
    }
}
