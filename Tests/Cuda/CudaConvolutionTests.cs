using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Tests.Cuda;

/// <summary>Convolutions with relu, and of packed sequences, on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaConvolutionTests : CudaPlannedFixture
{
    private const double Most = 1e-5;

    // T, B, I, O, k, d; lengths.
    private static IEnumerable<TestCaseData> Batches()
    {
        foreach (
            (int i, int o, int k, int d, int[] lengths) in ((int, int, int, int, int[])[])
                [
                    (1, 1, 1, 1, [1]),
                    (3, 2, 3, 1, [1, 1, 1]),
                    (1, 130, 3, 2, [5, 8, 1, 5]),
                    (130, 3, 2, 4, [9]),
                    (5, 7, 4, 3, [20, 1, 19, 7, 2]),
                    (2, 257, 8, 16, [40, 3]),
                    (2, 3, 3, 512, [1500, 1200]),
                ]
        )
            yield return new TestCaseData(i, o, k, d, lengths);
    }

    [TestCaseSource(nameof(Batches))]
    public void Packed_sequences_are_those_of_the_cpu(int i, int o, int k, int d, int[] lengths) =>
        Compare(Gpu, lengths.Max(), lengths.Length, i, o, k, d, lengths);

    [TestCaseSource(nameof(Batches))]
    public void A_relu_is_that_of_the_cpu(int i, int o, int k, int d, int[] lengths) =>
        Compare(Gpu, lengths.Max(), lengths.Length, i, o, k, d, null);

    [TestCaseSource(nameof(Batches))]
    public void By_cuDNN_both_are_those_of_the_cpu(int i, int o, int k, int d, int[] lengths)
    {
        using var gpu = new CudaBackend(
            Context,
            Stream,
            new BackendOptions { Convolution = ConvolutionMethod.CuDnn }
        );
        Compare(gpu, lengths.Max(), lengths.Length, i, o, k, d, lengths);
        Compare(gpu, lengths.Max(), lengths.Length, i, o, k, d, null);
        Free();
    }

    private void Compare(CudaBackend gpu, int t, int b, int i, int o, int k, int d, int[]? lengths)
    {
        var results = new List<Tensor[]>();
        foreach (Backend on in (Backend[])[gpu, Cpu])
        {
            using ConvolutionOperation operation = on.PlanConvolution(
                new ConvolutionDescriptor(i, o, k, d, t, b, true, lengths is not null)
            );
            SequenceLayout? layout = Layout(on, t, b, lengths);
            (int steps, int wide) = layout is null ? (t, b) : (layout.Rows, 1);
            Tensor x = Put(on, new Shape(steps, wide, i), 1);
            Tensor w = Put(on, new Shape(o, i, k), 2);
            Tensor bias = Put(on, new Shape(o), 3);
            Tensor y = Take(on, new Shape(steps, wide, o));
            Tensor dy = Put(on, y.Shape, 4);
            Tensor dx = Take(on, x.Shape);
            Tensor sum = Put(on, x.Shape, 5);
            Tensor dw = Take(on, w.Shape);
            Tensor db = Put(on, bias.Shape, 6);
            Tensor workspace = Workspace(on, operation);
            operation.Forward(x, layout, w, bias, y, workspace);
            operation.BackwardData(dy, layout, w, dx, false, workspace);
            operation.BackwardData(dy, layout, w, sum, true, workspace);
            operation.BackwardFilter(x, dy, layout, dw, db, workspace);
            results.Add([y, dx, sum, dw, db]);
        }
        string[] names = ["y", "dx", "dx added", "dw", "db"];
        for (int n = 0; n < names.Length; n++)
            Against.Cpu("convolution", names[n], results[0][n], results[1][n], Most);
        Assert.That(results[1][0].ToArray().Min(), Is.Zero.Or.Positive);
    }

    [Test]
    public void A_stream_with_relu_is_that_of_the_cpu()
    {
        const int B = 2;
        var descriptor = new ConvolutionDescriptor(3, 4, 3, 2, 5, B, true);
        var results = new List<List<float>>();
        foreach (Backend on in (Backend[])[Gpu, Cpu])
        {
            using ConvolutionOperation operation = on.PlanConvolution(descriptor);
            Tensor w = Put(on, new Shape(4, 3, 3), 2);
            Tensor bias = Put(on, new Shape(4), 3);
            Tensor workspace = Workspace(on, operation);
            Tensor history = Put(on, new Shape(descriptor.History, B, 3), 9);
            var all = new List<float>();
            int position = 0;
            foreach (int steps in (int[])[1, 5, 2, 4, 5, 1])
            {
                Tensor x = Put(on, new Shape(steps, B, 3), (ulong)position + 20);
                Tensor y = Take(on, new Shape(steps, B, 4));
                operation.Stream(x, w, bias, y, history, position, position > 0, workspace);
                position += steps;
                all.AddRange(y.ToArray());
            }
            results.Add(all);
        }
        Against.Cpu("convolution, streaming", "y", [.. results[0]], [.. results[1]], Most);
    }
}
