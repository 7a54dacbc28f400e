using System.Globalization;

namespace Sequor.Layers.Cuda;

/// <summary>Chooses how a causal convolution is computed: as products on shifted rows, which is the first guess, or by cuDNN's engines.</summary>
internal sealed class ConvolutionTuning(CudaBackend backend, ConvolutionDescriptor descriptor)
    : TuningTask
{
    private const string Products = "products";
    private const string CuDnn = "cudnn";

    // Bias, relu and dropout are the same launches behind either.
    private readonly ConvolutionDescriptor _d = descriptor with { Relu = false };

    private Tensor _x;
    private Tensor _w;
    private ConvolutionOutput _output;
    private ConvolutionGradients _gradients;

    public override string Kind => "convolution";

    public override string Shape =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{_d.InputSize} to {_d.OutputSize}, kernel {_d.Kernel}, dilation {_d.Dilation}, length {_d.MaxLength}, batch {_d.MaxBatch}"
        ) + (_d.Training ? ", training" : "");

    public override string? OnlyBecause =>
        _d.Streaming ? "a stream goes by products"
        : _d.VariableLengths ? "sequences of different lengths go by products"
        : null;

    public override string Plainest => Products;

    public override IReadOnlyList<string> Candidates =>
        OnlyBecause is null ? [Products, CuDnn] : [Products];

    public static string NameOf(ConvolutionMethod method) =>
        method == ConvolutionMethod.CuDnn ? CuDnn : Products;

    /// <summary>The method that a candidate's name stands for.</summary>
    public static ConvolutionMethod MethodOf(string candidate) =>
        candidate == CuDnn ? ConvolutionMethod.CuDnn : ConvolutionMethod.ShiftedProducts;

    /// <summary>The operation by a candidate.</summary>
    /// <exception cref="NotSupportedException">cuDNN has no engine for it.</exception>
    public static ConvolutionOperation Make(
        CudaBackend backend,
        in ConvolutionDescriptor descriptor,
        string candidate
    ) =>
        candidate == CuDnn
            ? new CudaGraphConvolution(backend, descriptor)
            : new CudaConvolution(backend, descriptor);

    public override void Prepare(TuningMemory memory)
    {
        var x = new Shape(_d.MaxLength, _d.MaxBatch, _d.InputSize);
        var y = new Shape(_d.MaxLength, _d.MaxBatch, _d.OutputSize);
        var w = new Shape(_d.OutputSize, _d.Kernel, _d.InputSize);
        long terms = (long)_d.Kernel * _d.InputSize;
        _x = memory.Random(x, 1);
        _w = memory.Random(w, 1 / Math.Sqrt(terms));
        var bias = new Shape(_d.OutputSize);
        _output = new ConvolutionOutput { Y = memory.Room(y), Bias = memory.Random(bias, 1) };
        List<TuningOutput> outputs = [new("y", _output.Y, Bound(terms))];
        if (_d.Training)
        {
            Tensor dy = memory.Random(y, 1);
            _gradients = new ConvolutionGradients
            {
                Y = dy,
                Products = dy,
                Weight = memory.Room(w),
                Bias = memory.Room(bias),
                X = memory.Room(x),
            };
            outputs.Add(
                new(
                    "the gradient by the bias",
                    _gradients.Bias,
                    Bound((long)_d.MaxLength * _d.MaxBatch),
                    IsSum: true
                )
            );
            outputs.Add(
                new("the gradient by x", _gradients.X, Bound((long)_d.Kernel * _d.OutputSize))
            );
            // Of taps that see nothing neither writes the gradient.
            if (_d.History <= _d.MaxLength)
                outputs.Add(
                    new(
                        "the gradient by the filters",
                        _gradients.Weight,
                        Bound((long)_d.MaxLength * _d.MaxBatch)
                    )
                );
        }
        Outputs = outputs;
    }

    public override TuningTrial Open(string candidate) =>
        new Trial(this, Make(backend, _d, candidate));

    private double Bound(long terms) => TuningBounds.Of(backend.Math, terms);

    private sealed class Trial(ConvolutionTuning task, ConvolutionOperation operation) : TuningTrial
    {
        public override long WorkspaceCount => operation.WorkspaceCount;

        public override void Run(Tensor workspace, Tensor reserve)
        {
            operation.Forward(task._x, null, task._w, task._output, workspace);
            if (task._d.Training)
                operation.Backward(
                    task._x,
                    null,
                    task._w,
                    task._output,
                    task._gradients,
                    workspace
                );
        }

        public override void Dispose()
        {
            operation.Dispose();
            base.Dispose();
        }
    }
}
