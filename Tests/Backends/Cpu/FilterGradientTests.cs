using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Cpu;

/// <summary>
/// The gradients of a convolution's filter and bias where threads share rows, and where they share taps as the rows are few: against sums in
/// double precision, on more and fewer threads than taps.
/// </summary>
[TestFixture]
public sealed class FilterGradientTests
{
    private const int Kernel = 5;
    private const int Dilation = 3;

    [Test]
    public void Threads_share_rows_or_taps_and_come_to_the_same_sums(
        [Values(1, 2, 3, 8)] int threads,
        [Values(9, 33, 400)] int steps,
        [Values(1, 2)] int batch,
        [Values(65, 128)] int outputs
    )
    {
        const int Inputs = 37;
        using var backend = new CpuBackend(new CpuOptions { Threads = threads }, "a test");
        using ConvolutionOperation operation = backend.PlanConvolution(
            new ConvolutionDescriptor(Inputs, outputs, Kernel, Dilation, steps, batch, Relu: false)
        );
        float[] x = Drawn(steps * batch * Inputs, 1);
        float[] dy = Drawn(steps * batch * outputs, 2);
        using var tensors = new Tensors(backend);
        Tensor gradient = tensors.Of(dy, new Shape(steps, batch, outputs));
        Tensor weight = tensors.Of(
            new float[outputs * Inputs * Kernel],
            new Shape(outputs, Inputs, Kernel)
        );
        Tensor bias = tensors.Of(new float[outputs], new Shape(outputs));
        Tensor w = tensors.Of(Drawn(outputs * Inputs * Kernel, 3), weight.Shape);
        Tensor start = tensors.Of(new float[outputs], bias.Shape);
        Tensor y = tensors.Of(new float[dy.Length], gradient.Shape);
        Tensor workspace = tensors.Of(
            new float[operation.WorkspaceCount],
            new Shape((int)operation.WorkspaceCount)
        );

        operation.Backward(
            tensors.Of(x, new Shape(steps, batch, Inputs)),
            null,
            w,
            new ConvolutionOutput { Y = y, Bias = start },
            new ConvolutionGradients
            {
                Y = gradient,
                Products = gradient,
                Weight = weight,
                Bias = bias,
            },
            workspace
        );

        var found = new float[outputs * Inputs * Kernel];
        backend.Download(weight, found);
        var foundBias = new float[outputs];
        backend.Download(bias, foundBias);
        // Sums of as many products of numbers below 1, in single precision.
        double tolerance = 1e-6 * steps * batch;
        for (int o = 0; o < outputs; o++)
        {
            double sum = 0;
            for (int row = 0; row < steps * batch; row++)
                sum += dy[row * outputs + o];
            Assert.That(foundBias[o], Is.EqualTo(sum).Within(tolerance));
            for (int i = 0; i < Inputs; i++)
            {
                for (int k = 0; k < Kernel; k++)
                {
                    int shift = (Kernel - 1 - k) * Dilation * batch;
                    sum = 0;
                    for (int row = shift; row < steps * batch; row++)
                        sum += (double)dy[row * outputs + o] * x[(row - shift) * Inputs + i];
                    double difference = Math.Abs(found[(o * Inputs + i) * Kernel + k] - sum);
                    if (!(difference <= tolerance))
                        Assert.Fail($"output {o}, input {i}, tap {k}: {difference}");
                }
            }
        }
    }

    // Sums of a part's own are worth 64 rows, and of taps the part with most of them is waited for.
    [TestCase(3200, 2, 64, 50, false)]
    [TestCase(400, 5, 16, 6, false)]
    [TestCase(400, 1, 16, 6, false)]
    [TestCase(400, 8, 16, 8, true)]
    [TestCase(400, 8, 4, 4, false)]
    [TestCase(200, 5, 4, 3, false)]
    [TestCase(130, 5, 4, 4, true)]
    [TestCase(33, 5, 8, 5, true)]
    [TestCase(33, 1, 8, 1, false)]
    [TestCase(33, 5, 1, 1, false)]
    [TestCase(1_000_000, 5, 64, 64, false)]
    public void Few_taps_take_no_threads_from_rows(
        long rows,
        int kernel,
        int worth,
        int parts,
        bool byTaps
    ) => Assert.That(CpuConvolution.FilterShares(rows, kernel, worth), Is.EqualTo((parts, byTaps)));

    private static float[] Drawn(int count, ulong seed)
    {
        var random = new Philox(seed, 0);
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (2 * random.NextFloat()) - 1;
        return values;
    }

    private sealed class Tensors(CpuBackend backend) : IDisposable
    {
        private readonly List<Storage> _storages = [];

        public Tensor Of(float[] values, Shape shape)
        {
            Tensor tensor = backend.Allocate(shape, MemoryCategory.InputOutput);
            _storages.Add(tensor.Storage);
            backend.Upload(values, tensor);
            return tensor;
        }

        public void Dispose() => _storages.ForEach(storage => storage.Dispose());
    }
}
