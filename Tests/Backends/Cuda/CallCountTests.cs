using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Cuda;

/// <summary>
/// The calls that a training step makes into cuDNN, cuBLAS and the driver, exactly: forward and backward of one layer with the
/// gradient by its input, all steps of all sequences. The table in docs/cuda.md says why none can be left out.
/// </summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class CallCountTests : CudaFixture
{
    private static readonly Dictionary<string, long> Recurrent = new()
    {
        // What the last step left in the gradients.
        ["cuMemsetD32Async"] = 1,
        ["cudnnRNNForward"] = 1,
        ["cudnnRNNBackwardData_v8"] = 1,
        ["cudnnRNNBackwardWeights_v8"] = 1,
    };

    [Test]
    public void A_step_of_a_recurrent_layer_calls_cuDNN_three_times(
        [Values("tanh", "lstm", "gru")] string kind,
        [Values(1, 3)] int layers
    )
    {
        using Layer layer = Models.Recurrent(kind, 3, 8, layers);
        Assert.That(Calls(layer), Is.EqualTo(Recurrent));
    }

    // Of 6 steps. Beyond 256 values a step after the first is a product each way, instead of a launch for all of them.
    [TestCase(8, 4, 7)]
    [TestCase(300, 4 + 2 * 5, 5)]
    public void A_step_of_a_linear_recurrence_is_one_launch_along_time(
        int hidden,
        int products,
        int launches
    )
    {
        using Layer layer = Models.Recurrent("linear rnn", 3, hidden);
        Assert.That(
            Calls(layer),
            Is.EqualTo(
                new Dictionary<string, long>
                {
                    ["cublasSgemm"] = products,
                    ["cuLaunchKernel"] = launches,
                    // What the last step left in the gradients, and the sums for the biases.
                    ["cuMemsetD32Async"] = 2,
                    // The gradient of the output, which becomes that of the sums.
                    ["cuMemcpyDtoDAsync"] = 1,
                }
            )
        );
    }

    [Test]
    public void A_step_of_a_linear_layer_calls_cuBLAS_three_times()
    {
        using var layer = new Linear(3, 8);
        // y = x W', dW += dy' x, dx = dy W; y += b and db += the sum of dy by kernels.
        Assert.That(
            Calls(layer),
            Is.EqualTo(
                new Dictionary<string, long>
                {
                    ["cublasSgemm"] = 3,
                    ["cuLaunchKernel"] = 2,
                    ["cuMemsetD32Async"] = 1,
                }
            )
        );
    }

    [Test]
    public void A_convolution_calls_cuBLAS_once_a_tap_and_pass([Values(1, 4)] int kernel)
    {
        VirtualDevice device = RequireVirtual();
        const int T = 12;
        var descriptor = new ConvolutionDescriptor(3, 4, kernel, 2, T, 2, Relu: true);
        using ConvolutionOperation operation = Gpu.PlanConvolution(descriptor);
        using Storage all = Gpu.Allocate(4096, MemoryCategory.InputOutput);
        Tensor At(int offset, Shape shape) => new(all, offset, shape);
        Gpu.Fill(new Tensor(all, 0, new Shape(4096)), 1f);
        Tensor x = At(0, new Shape(T, 2, 3));
        Tensor y = At(512, new Shape(T, 2, 4));
        Tensor w = At(1024, new Shape(4, 3, kernel));
        Tensor b = At(1536, new Shape(4));
        Tensor space = At(2048, new Shape(1));
        Step();
        Gpu.Synchronize();
        device.Counts.Reset();

        Step();

        Assert.Multiple(() =>
        {
            Assert.That(device.Counts.Of("cublasSgemm"), Is.EqualTo(3 * kernel));
            // What follows the products, and its gradient with the bias's. Nothing is put in order, nothing filled.
            Assert.That(device.Counts.Of("cuLaunchKernel"), Is.EqualTo(2));
            Assert.That(device.Counts.Of("cuMemsetD8Async"), Is.Zero);
            Assert.That(device.Counts.Of("cuMemsetD32Async"), Is.Zero);
        });

        void Step()
        {
            var output = new ConvolutionOutput { Y = y, Bias = b };
            operation.Forward(x, null, w, output, space);
            var gradients = new ConvolutionGradients
            {
                Y = y,
                Products = y,
                Weight = w,
                Bias = b,
                X = x,
            };
            operation.Backward(x, null, w, output, gradients, space);
        }
    }

    private Dictionary<string, long> Calls(Layer layer)
    {
        VirtualDevice device = RequireVirtual();
        using Plan plan = layer.Plan(
            Gpu,
            6,
            4,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        Tensor x = Gpu.Allocate(new Shape(6, 4, layer.InputSize), MemoryCategory.InputOutput);
        Tensor dy = Gpu.Allocate(new Shape(6, 4, layer.OutputSize), MemoryCategory.InputOutput);
        x.Write(new Draw(1).Uniform(x.Count));
        dy.Write(new Draw(2).Uniform(dy.Count));
        Step();
        Gpu.Synchronize();
        device.Counts.Reset();

        Step();

        // Which context is current and whether the stream is captured is asked for, and costs nothing on the device.
        Dictionary<string, long> calls = device
            .Counts.Calls.Where(call => !call.Key.StartsWith("cuCtx", StringComparison.Ordinal))
            .Where(call => call.Key is not ("cublasSetMathMode" or "cuStreamIsCapturing"))
            .ToDictionary();
        x.Storage.Dispose();
        dy.Storage.Dispose();
        return calls;

        void Step()
        {
            plan.Forward(x);
            plan.Backward(dy);
        }
    }
}
