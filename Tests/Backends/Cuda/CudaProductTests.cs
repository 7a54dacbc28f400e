using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Matrix products and convolutions on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaProductTests : CudaFixture
{
    // The most terms of a sum in the tests of layers: those of a filter, a row or a column, with a bias.
    private static readonly double Most = Rounding.Sum(16);

    private readonly List<Storage> _taken = [];
    private CudaBackend? _on;

    [TearDown]
    public void Free()
    {
        foreach (Storage storage in _taken)
            storage.Dispose();
        _taken.Clear();
        _on = null;
    }

    private protected override bool FloatSums => true;

    [Test]
    public void A_product_is_that_of_the_cpu(
        [Values(1, 3, 130)] int rows,
        [Values(1, 5, 257)] int depth,
        [Values(1, 7, 130)] int columns,
        [Values("", "bias", "a", "b", "add")] string form
    )
    {
        bool a = form == "a";
        bool b = form == "b";
        (Tensor gpuA, Tensor cpuA) = Both(a ? new Shape(depth, rows) : new Shape(rows, depth), 1);
        (Tensor gpuB, Tensor cpuB) = Both(
            b ? new Shape(columns, depth) : new Shape(depth, columns),
            2
        );
        (Tensor gpuC, Tensor cpuC) = Both(new Shape(rows, columns), 3);
        (Tensor gpuBias, Tensor cpuBias) = form == "bias" ? Both(new Shape(columns), 4) : default;
        foreach (
            (Backend on, Tensor x, Tensor y, Tensor z, Tensor bias) in ((
                Backend,
                Tensor,
                Tensor,
                Tensor,
                Tensor
            )[])
                [(Gpu, gpuA, gpuB, gpuC, gpuBias), (Cpu, cpuA, cpuB, cpuC, cpuBias)]
        )
            on.MatMul(
                new MatrixProduct
                {
                    A = x,
                    B = y,
                    C = z,
                    Bias = bias,
                    TransposeA = a,
                    TransposeB = b,
                    Accumulate = form == "add",
                }
            );

        Against.Cpu("matrix product", form, gpuC, cpuC, Rounding.Sum(depth + 1));
    }

    [Test]
    public void Columns_are_summed_as_by_the_cpu(
        [Values(1, 3, 4000)] int rows,
        [Values(1, 130)] int columns
    )
    {
        (Tensor gpu, Tensor cpu) = Both(new Shape(rows, columns), 1);
        (Tensor gpuSum, Tensor cpuSum) = Both(new Shape(columns), 2);

        Gpu.ColumnSum(gpu, default, gpuSum);
        Cpu.ColumnSum(cpu, default, cpuSum);

        Against.Cpu("column sum", "sum", gpuSum, cpuSum, Rounding.Sum(rows + 1));
    }

    [Test]
    public void Values_are_copied_and_filled()
    {
        (Tensor from, _) = Both(new Shape(5, 3), 1);
        (Tensor to, _) = Both(new Shape(5, 3), 2);
        (Tensor filled, _) = Both(new Shape(7), 3);

        Gpu.Copy(from, to);
        Gpu.Fill(filled, -2.5f);

        Assert.Multiple(() =>
        {
            Assert.That(to.ToArray(), Is.EqualTo(from.ToArray()));
            Assert.That(filled.ToArray(), Is.All.EqualTo(-2.5f));
        });
    }

    [Test]
    public void A_convolution_streams_as_on_the_cpu(
        [Values(1, 3)] int kernel,
        [Values(1, 4)] int dilation
    )
    {
        const int B = 2;
        var descriptor = new ConvolutionDescriptor(3, 4, kernel, dilation, 5, B, Relu: false);
        var filter = new Shape(4, 3, kernel);
        (Tensor w, Tensor cpuW) = Both(filter, 2);
        w.Write(Filters.For(Gpu, cpuW.ToArray(), filter));
        (Tensor bias, Tensor cpuBias) = Both(new Shape(4), 3);
        using ConvolutionOperation gpu = Gpu.PlanConvolution(descriptor);
        using ConvolutionOperation cpu = Cpu.PlanConvolution(descriptor);
        Tensor gpuSpace = Take(Gpu, Shape.Block(Math.Max(1, gpu.WorkspaceCount)));
        Tensor cpuSpace = Take(Cpu, Shape.Block(Math.Max(1, cpu.WorkspaceCount)));
        (Tensor gpuRing, Tensor cpuRing) = Both(new Shape(descriptor.History + 5, B, 3), 9);
        long position = 0;
        foreach (int steps in (int[])[1, 5, 2, 4, 5, 1])
        {
            (Tensor x, Tensor cpuX) = Both(new Shape(steps, B, 3), (ulong)position + 20);
            (Tensor y, Tensor cpuY) = Both(new Shape(steps, B, 4), 21);
            bool same = position > 0;
            var output = new ConvolutionOutput { Y = y, Bias = bias };
            var cpuOutput = new ConvolutionOutput { Y = cpuY, Bias = cpuBias };
            gpu.Stream(x, w, output, gpuRing, position, same, gpuSpace);
            cpu.Stream(cpuX, cpuW, cpuOutput, cpuRing, position, same, cpuSpace);
            position += steps;

            Against.Cpu("convolution, streaming", $"y from {position - steps}", y, cpuY, Most);
        }
    }

    [Test]
    public void A_linear_layer_learns_the_same_gradients([Values] bool bias)
    {
        using var onGpu = new Linear(5, 3, bias);
        using var onCpu = new Linear(5, 3, bias);
        using Plan gpu = onGpu.Plan(
            Gpu,
            4,
            2,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Plan cpu = onCpu.Plan(
            Cpu,
            4,
            2,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        foreach (Plan plan in (Plan[])[gpu, cpu])
        {
            plan.Forward(new Draw(1).Uniform(4 * 2 * 5), 4, 2);
            Tensor dy = Take(plan.Backend, new Shape(4, 2, 3));
            dy.Write(new Draw(2).Uniform(4 * 2 * 3));
            plan.Backward(dy);
        }

        Against.Cpu("linear", "y", gpu.Output, cpu.Output, Most);
        Against.Cpu("linear", "dx", gpu.InputGradient, cpu.InputGradient, Most);
        Against.Cpu("linear", "weight", gpu.Gradient("weight"), cpu.Gradient("weight"), Most);
        if (bias)
            Against.Cpu("linear", "bias", gpu.Gradient("bias"), cpu.Gradient("bias"), Most);
    }

    private (Tensor Gpu, Tensor Cpu) Both(Shape shape, ulong seed)
    {
        float[] values = new Draw(seed).Uniform(shape.Count);
        Tensor gpu = Take(_on ?? Gpu, shape);
        Tensor cpu = Take(Cpu, shape);
        gpu.Write(values);
        cpu.Write(values);
        return (gpu, cpu);
    }

    private Tensor Take(Backend on, Shape shape)
    {
        Tensor tensor = on.Allocate(shape, MemoryCategory.InputOutput);
        _taken.Add(tensor.Storage);
        return tensor;
    }
}
