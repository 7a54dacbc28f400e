using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Convolutions with what follows them, whole and of packed sequences, on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaConvolutionTests : CudaPlannedFixture
{
    private protected override bool FloatSums => true;

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

    // Relu; a skip path, with a bias of its own; dropout.
    private readonly record struct Form(
        bool Relu,
        bool Skip = false,
        bool SkipBias = false,
        float Dropout = 0
    );

    private static readonly Form[] Forms =
    [
        new(false),
        new(true),
        new(true, true),
        new(true, true, true),
        new(true, false, false, 0.4f),
        new(true, true, false, 0.3f),
        new(true, true, true, 0.5f),
    ];

    [TestCaseSource(nameof(Batches))]
    public void Packed_sequences_are_those_of_the_cpu(int i, int o, int k, int d, int[] lengths)
    {
        foreach (Form form in Forms)
            Compare(Gpu, form, lengths.Max(), lengths.Length, i, o, k, d, lengths);
    }

    [TestCaseSource(nameof(Batches))]
    public void Whole_sequences_are_those_of_the_cpu(int i, int o, int k, int d, int[] lengths)
    {
        foreach (Form form in Forms)
            Compare(Gpu, form, lengths.Max(), lengths.Length, i, o, k, d, null);
    }

    [TestCaseSource(nameof(Batches))]
    public void By_cuDNN_both_are_those_of_the_cpu(int i, int o, int k, int d, int[] lengths)
    {
        using var gpu = new CudaBackend(
            Context,
            Stream,
            new CudaOptions { Convolution = ConvolutionMethod.CuDnn }
        );
        foreach (Form form in (Form[])[Forms[0], Forms[^1]])
        {
            Compare(gpu, form, lengths.Max(), lengths.Length, i, o, k, d, lengths);
            Compare(gpu, form, lengths.Max(), lengths.Length, i, o, k, d, null);
            // Another size than planned goes by products.
            Compare(gpu, form, lengths.Max(), lengths.Length, i, o, k, d, null, 1);
        }
        Free();
    }

    [TestCaseSource(nameof(Batches))]
    [VirtualGpuOnly]
    public void What_no_engine_takes_goes_by_products(int i, int o, int k, int d, int[] lengths)
    {
        RequireVirtual().Manners.SymmetricPaddingOnly = true;
        using var gpu = new CudaBackend(
            Context,
            Stream,
            new CudaOptions { Convolution = ConvolutionMethod.CuDnn }
        );
        using (
            ConvolutionOperation operation = gpu.PlanConvolution(
                new ConvolutionDescriptor(i, o, k, d, lengths.Max(), lengths.Length, false, false)
            )
        )
            // One tap alone has no padding.
            Assert.That(
                operation.Fallback,
                k == 1
                    ? Is.Null
                    : Does.Contain("engine 0: CUDNN_STATUS_NOT_SUPPORTED_PADDING")
                        .And.Not.Contain("\n")
            );
        Compare(gpu, Forms[^1], lengths.Max(), lengths.Length, i, o, k, d, null);
        Free();
    }

    [Test]
    [VirtualGpuOnly]
    public void A_graph_that_cuDNN_refuses_goes_by_products_and_an_error_does_not()
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        using var gpu = new CudaBackend(
            Context,
            Stream,
            new CudaOptions { Convolution = ConvolutionMethod.CuDnn }
        );
        foreach (
            cudnnStatus_t refusal in (cudnnStatus_t[])
                [
                    cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
                    cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_PADDING,
                ]
        )
        {
            device.Refuse("cudnnBackendFinalize", (int)refusal, times: 1);
            using ConvolutionOperation operation = Plan();
            Assert.That(operation.Fallback, Does.Contain(refusal.ToString()));
        }
        device.Refuse(
            "cudnnBackendFinalize",
            (int)cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR,
            times: 1
        );
        Assert.Throws<CudnnException>(() => Plan());
        using (ConvolutionOperation operation = Plan())
            Assert.That(operation.Fallback, Is.Null);

        ConvolutionOperation Plan() =>
            gpu.PlanConvolution(new ConvolutionDescriptor(3, 4, 3, 2, 9, 2, false, false));
    }

    // So many rows that threads of dropped channels walk over several steps.
    [Test]
    public void Many_steps_and_sequences_are_those_of_the_cpu()
    {
        foreach (Form form in Forms)
        {
            Compare(Gpu, form, 1200, 9, 2, 33, 2, 1, null);
            Compare(Gpu, form, 70, 600, 1, 3, 1, 1, null);
        }
    }

    private void Compare(
        CudaBackend gpu,
        Form form,
        int t,
        int b,
        int i,
        int o,
        int k,
        int d,
        int[]? lengths,
        int more = 0
    )
    {
        var results = new List<float[][]>();
        foreach (Backend on in (Backend[])[gpu, Cpu])
        {
            var sizes = new ConvolutionDescriptor(
                i,
                o,
                k,
                d,
                t + more,
                b,
                form.Relu,
                lengths is not null
            );
            using ConvolutionOperation operation = on.PlanConvolution(sizes);
            SequenceLayout? layout = Layout(on, t, b, lengths);
            (int steps, int wide) = layout is null ? (t, b) : (layout.Rows, 1);
            var filter = new Shape(o, i, k);
            float[] weights = new Draw(2).Uniform(filter.Count);
            using RandomStream random = on.CreateRandom(99);
            random.Advance();
            Tensor x = Put(on, new Shape(steps, wide, i), 1);
            Tensor w = Put(on, filter, Filters.For(on, weights, filter));
            Tensor y = Take(on, new Shape(steps, wide, o));
            var output = new ConvolutionOutput
            {
                Y = y,
                Bias = Put(on, new Shape(o), 3),
                Dropout = form.Dropout > 0 ? new ChannelDropout(random, form.Dropout, 5) : null,
                Skip = form.Skip ? Put(on, y.Shape, 7) : default,
                SkipBias = form.SkipBias && on != Cpu ? Put(on, new Shape(o), 8) : default,
                Bits = form.Skip ? Take(on, Shape.Block(on.BitCount(new Shape(t, b, o)))) : default,
            };
            // The CPU's skip path has its bias already.
            if (form.SkipBias && on == Cpu)
                AddToRows(output.Skip, new Draw(8).Uniform(o));
            Tensor workspace = Workspace(on, operation);
            operation.Forward(x, layout, w, output, workspace);
            var found = new List<float[]> { y.ToArray() };
            Tensor dx = Put(on, x.Shape, 5);
            Tensor bias = Put(on, new Shape(o), 6);
            Tensor skipBias = Put(on, new Shape(o), 9);
            foreach (int pass in (int[])[0, 1, 2])
            {
                bool accumulate = pass == 1;
                Tensor dy = Put(on, y.Shape, 4);
                // The last pass writes it where w lies, where it may.
                Tensor dw = pass == 2 && on.PreparesTogether ? w : Take(on, filter);
                // In its own place, where it may be.
                bool apart = form.Skip || (form.Relu && accumulate);
                var gradients = new ConvolutionGradients
                {
                    Y = dy,
                    Products = apart ? Take(on, y.Shape) : dy,
                    Weight = dw,
                    Bias = bias,
                    SkipBias = form.SkipBias ? skipBias : default,
                    X = dx,
                    Accumulate = accumulate,
                };
                operation.Backward(x, layout, w, output, gradients, workspace);
                found.Add(gradients.Products.ToArray());
                found.Add(form.Skip ? dy.ToArray() : []);
                found.Add(dx.ToArray());
                found.Add(Written(on, dw, filter, sizes.LiveTaps(layout?.Steps ?? t)));
            }
            found.AddRange([bias.ToArray(), skipBias.ToArray()]);
            results.Add([.. found]);
        }
        string[] each = ["dproducts", "dskip", "dx", "dw"];
        string[] names =
        [
            "y",
            .. each,
            .. each.Select(name => $"{name} again"),
            .. each.Select(name => $"{name} in the place of w"),
            "db",
            "dskip bias",
        ];
        // Outputs sum over a filter, gradients by x over all filters, those of filters and biases over all rows.
        double most = Rounding.Sum(Math.Max((long)k * Math.Max(i, o), (long)t * b) + 2);
        for (int n = 0; n < names.Length; n++)
            Against.Cpu("convolution", $"{names[n]}, {form}", results[0][n], results[1][n], most);
        if (form.Relu)
            Assert.That(results[1][0].Min(), Is.Zero.Or.Positive);
        if (form.Dropout > 0 && o > 100)
            Assert.That(results[1][0].Count(v => v == 0), Is.Positive);
    }

    // Taps that were not written may not even be read.
    private static float[] Written(Backend on, Tensor gradient, Shape filter, int taps)
    {
        float[] values = new float[gradient.Count];
        int inputs = filter[1];
        int row = inputs * filter[2];
        if (!on.FilterInputsLast)
            return Filters.From(on, gradient.ToArray(), filter, taps);
        Tensor rows = gradient.View(new Shape(filter.First * filter[2], inputs));
        for (int o = 0; o < filter.First; o++)
        for (int j = filter[2] - taps; j < filter[2]; j++)
            rows.RowRange((long)o * filter[2] + j, 1)
                .ToArray()
                .CopyTo(values, o * row + j * inputs);
        return Filters.From(on, values, filter, taps);
    }

    private static void AddToRows(Tensor tensor, float[] row)
    {
        float[] values = tensor.ToArray();
        for (int i = 0; i < values.Length; i++)
            values[i] += row[i % row.Length];
        tensor.Write(values);
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
            var filter = new Shape(4, 3, 3);
            Tensor w = Put(on, filter, Filters.For(on, new Draw(2).Uniform(36), filter));
            Tensor bias = Put(on, new Shape(4), 3);
            Tensor workspace = Workspace(on, operation);
            Tensor history = Put(on, new Shape(descriptor.History, B, 3), 9);
            var all = new List<float>();
            int position = 0;
            foreach (int steps in (int[])[1, 5, 2, 4, 5, 1])
            {
                Tensor x = Put(on, new Shape(steps, B, 3), (ulong)position + 20);
                Tensor y = Take(on, new Shape(steps, B, 4));
                var output = new ConvolutionOutput { Y = y, Bias = bias };
                operation.Stream(x, w, output, history, position, position > 0, workspace);
                position += steps;
                all.AddRange(y.ToArray());
            }
            results.Add(all);
        }
        Against.Cpu(
            "convolution, streaming",
            "y",
            [.. results[0]],
            [.. results[1]],
            Rounding.Sum(3 * 3 + 1)
        );
    }
}
