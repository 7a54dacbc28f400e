using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Layer and batch normalisation on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaNormTests : CudaPlannedFixture
{
    private const double Most = 1e-5;
    private const float Epsilon = 1e-5f;

    [Test]
    public void A_layer_norm_is_that_of_the_cpu(
        [Values(1, 5)] int t,
        [Values(1, 33)] int b,
        [Values(1, 3, 130, 257, 700)] int size
    ) => CompareLayerNorm(t, b, size);

    [Test]
    public void A_layer_norm_of_a_long_sequence_is_that_of_the_cpu() =>
        CompareLayerNorm(5000, 1, 3);

    private void CompareLayerNorm(int t, int b, int size)
    {
        var results = new List<(string Name, float[] Values)[]>();
        var shape = new Shape(t, b, size);
        foreach (Backend on in (Backend[])[Gpu, Cpu])
        {
            using LayerNormOperation norm = on.PlanLayerNorm(
                // The largest batch has more.
                new LayerNormDescriptor(size, t + 3, b, Epsilon)
            );
            Tensor workspace = Workspace(on, norm);
            Tensor x = Put(on, shape, 1);
            Tensor weight = Put(on, new Shape(size), 2);
            Tensor bias = Put(on, new Shape(size), 3);
            Tensor dy = Put(on, shape, 4);
            Tensor y = Take(on, shape);
            Tensor again = Take(on, shape);
            Tensor statistics = Take(on, new Shape(t * b, 2));
            Tensor dx = Put(on, shape, 5);
            Tensor dweight = Put(on, new Shape(size), 6);
            Tensor dbias = Put(on, new Shape(size), 7);
            norm.Forward(x, weight, bias, y, statistics, false);
            norm.Forward(x, weight, bias, again, statistics, true);
            foreach (bool accumulate in (bool[])[false, true])
                norm.Backward(x, weight, statistics, dy, dx, accumulate, dweight, dbias, workspace);
            Tensor skipped = Put(on, shape, 5);
            Tensor skip = Put(on, shape, 8);
            Tensor factor = Put(on, new Shape(size), 9);
            foreach (bool accumulate in (bool[])[false, true])
                norm.Backward(
                    x,
                    weight,
                    statistics,
                    // May be written over.
                    Put(on, shape, 4),
                    skipped,
                    accumulate,
                    dweight,
                    dbias,
                    workspace,
                    skip,
                    factor
                );
            // As blocks have it: the GELU's gradient in the place of that of its result.
            Tensor slope = Put(on, shape, 10);
            Tensor sum = Put(on, new Shape(size), 11);
            Tensor beside = Take(on, shape);
            norm.ForwardAgain(
                x,
                weight,
                bias,
                beside,
                statistics,
                new PointwiseArguments
                {
                    A = slope,
                    B = Put(on, shape, 12),
                    Sum = sum,
                    Out = slope,
                }
            );
            results.Add([
                ("y", y.ToArray()),
                ("y again", again.ToArray()),
                ("statistics", statistics.ToArray()),
                ("dx", dx.ToArray()),
                ("dweight", dweight.ToArray()),
                ("dbias", dbias.ToArray()),
                ("dx with a skip", skipped.ToArray()),
                ("y beside a gelu's gradient", beside.ToArray()),
                ("a gelu's gradient", slope.ToArray()),
                ("a gelu's sum", sum.ToArray()),
            ]);
        }
        Check("layer norm", results);
    }

    [Test]
    public void A_batch_norm_is_that_of_the_cpu(
        [Values(1, 2, 5000)] int rows,
        [Values(1, 3, 130, 257)] int size
    )
    {
        var results = new List<(string Name, float[] Values)[]>();
        var shape = new Shape(rows, 1, size);
        var channels = new Shape(size);
        foreach (Backend on in (Backend[])[Gpu, Cpu])
        {
            using BatchNormOperation norm = on.PlanBatchNorm(
                new BatchNormDescriptor(size, 0.1f, Epsilon)
            );
            Tensor workspace = Workspace(on, norm);
            Tensor x = Put(on, shape, 1);
            Tensor weight = Put(on, channels, 2);
            Tensor bias = Put(on, channels, 3);
            Tensor dy = Put(on, shape, 4);
            Tensor mean = Put(on, channels, 5);
            Tensor variance = Take(on, channels);
            on.Fill(variance, 0.7f);
            Tensor recalled = Take(on, new Shape(2, size));
            Tensor statistics = Take(on, new Shape(2, size));
            Tensor y = Take(on, shape);
            Tensor sums = Take(on, new Shape(2, size));
            Tensor dx = Put(on, shape, 6);
            norm.Recall(mean, variance, recalled);
            // Twice: the counters are left as they were.
            for (int pass = 0; pass < 2; pass++)
                norm.Measure(x, statistics, mean, variance, workspace);
            norm.Normalise(x, statistics, weight, bias, y);
            foreach (bool accumulate in (bool[])[false, true])
            {
                norm.Sum(x, statistics, dy, sums, accumulate, workspace);
                norm.Backward(x, statistics, weight, dy, sums, 2L * rows, dx, accumulate);
            }
            results.Add([
                ("recalled", recalled.ToArray()),
                ("statistics", statistics.ToArray()),
                ("running mean", mean.ToArray()),
                ("running variance", variance.ToArray()),
                ("y", y.ToArray()),
                ("sums", sums.ToArray()),
                ("dx", dx.ToArray()),
            ]);
        }
        Check("batch norm", results);
    }

    private static void Check(string operation, List<(string Name, float[] Values)[]> results)
    {
        foreach (
            ((string name, float[] gpu), (string _, float[] cpu)) in results[0].Zip(results[1])
        )
            Against.Cpu(operation, name, gpu, cpu, Most);
    }
}
