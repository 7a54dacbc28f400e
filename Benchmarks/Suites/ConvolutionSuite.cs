using BenchmarkDotNet.Attributes;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// The causal dilated convolutions of the TCNs of Bai, Kolter and Koltun 2018 (arXiv 1803.01271, Table 2), each with bias and ReLU: the
/// first level of a model and its last, where taps reach furthest back.
/// </summary>
public class ConvolutionSuite : Suite
{
    private ConvolutionOperation? _convolution;
    private ConvolutionOutput _output;
    private ConvolutionGradients _gradients;
    private Tensor _x;
    private Tensor _w;
    private Tensor _workspace;

    /// <summary>The convolution and its batch.</summary>
    [ParamsSource(nameof(Shapes))]
    public ConvolutionShape Shape { get; set; } = null!;

    /// <summary>The convolutions.</summary>
    public static IEnumerable<ConvolutionShape> Shapes =>
        (
            (IEnumerable<ConvolutionShape>)
                [
                    new("adding", 600, 32, 24, 8, 1),
                    new("adding", 600, 32, 24, 8, 128),
                    new("copy", 1020, 32, 10, 8, 128),
                    new("mnist", 784, 64, 25, 7, 1),
                    new("mnist", 784, 64, 25, 7, 128),
                    new("jsb", 61, 16, 150, 3, 2),
                    new("nottingham", 254, 16, 150, 6, 8),
                    new("ptb-char", 400, 32, 450, 3, 4),
                    new("ptb-word", 80, 16, 600, 3, 8),
                    new("text8", 400, 16, 520, 2, 16),
                ]
        ).Where(shape => SuiteDevice.Takes(shape.Flops));

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward()
    {
        Make();
        Measure(QueueForward);
    }

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => MakeBackward(inputGradient: true);

    [GlobalSetup(Target = nameof(BackwardWeights))]
    public void SetUpBackwardWeights() => MakeBackward(inputGradient: false);

    /// <summary>The forward pass of a training step.</summary>
    [Benchmark]
    public void Forward() => Run();

    /// <summary>The gradients of the input and of the weights.</summary>
    [Benchmark]
    public void Backward() => Run();

    /// <summary>The gradients of the weights alone, as of a first level.</summary>
    [Benchmark]
    public void BackwardWeights() => Run();

    private void MakeBackward(bool inputGradient)
    {
        Make();
        var y = new Shape(Shape.Length, Shape.Batch, Shape.Channels);
        // The gradient of the products has a place of its own, so that every call finds the same gradient of y.
        _gradients = new ConvolutionGradients
        {
            Y = Draw(y, seed: 3),
            Products = Take(y),
            Weight = Take(_w.Shape),
            Bias = Take(new Shape(Shape.Channels)),
            X = inputGradient ? Take(y) : default,
        };
        QueueForward();
        Measure(QueueBackward);
    }

    private void Make()
    {
        int channels = Shape.Channels;
        Backend.BeginPlan();
        _convolution = Own(
            Backend.PlanConvolution(
                new ConvolutionDescriptor(
                    channels,
                    channels,
                    Shape.Kernel,
                    Shape.Dilation,
                    Shape.Length,
                    Shape.Batch,
                    Relu: true
                )
            )
        );
        Backend.EndPlan();
        var rows = new Shape(Shape.Length, Shape.Batch, channels);
        _x = Draw(rows, seed: 1);
        _w = Draw(new Shape(channels, channels, Shape.Kernel), seed: 2);
        _workspace = Take(Layers.Shape.Block(Math.Max(1, _convolution.WorkspaceCount)));
        _output = new ConvolutionOutput { Y = Take(rows), Bias = Take(new Shape(channels)) };
    }

    private void QueueForward() => _convolution!.Forward(_x, null, _w, _output, _workspace);

    private void QueueBackward() =>
        _convolution!.Backward(_x, null, _w, _output, _gradients, _workspace);
}

/// <summary>The sizes of a convolution of as many channels in as out.</summary>
/// <param name="Name">The task that the sizes are of.</param>
/// <param name="Length">T, steps.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="Channels">Channels in, and out.</param>
/// <param name="Kernel">Taps.</param>
/// <param name="Dilation">Steps from one tap to the next.</param>
public sealed record ConvolutionShape(
    string Name,
    int Length,
    int Batch,
    int Channels,
    int Kernel,
    int Dilation
)
{
    /// <summary>Operations of a forward pass, whose taps all reach into the sequence.</summary>
    public double Flops => 2.0 * Length * Batch * Channels * Channels * Kernel;

    /// <summary>As in adding T600 B32 C24 k8 d128.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Name} T{Length} B{Batch} C{Channels} k{Kernel} d{Dilation}");
}
