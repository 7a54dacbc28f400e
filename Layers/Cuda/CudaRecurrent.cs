using System.Diagnostics;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>A recurrent network by cuDNN. Its reserve space is opaque, and the backward calls read x and y again.</summary>
internal sealed partial class CudaRecurrent : RecurrentOperation
{
    private readonly CudaBackend _backend;
    private readonly RecurrentDescriptor _descriptor;
    private readonly CudaDropoutStates? _dropout;
    private readonly CudaRecurrentCalls _calls;
    private readonly CudaRoom _scratch;
    private readonly CudaRoom _reserve;
    private readonly long _callFloats;
    private readonly long _inputFloats;
    private readonly long _hiddenFloats;
    private readonly long _cellFloats;

    /// <summary>A network by these algorithms.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network.</param>
    /// <param name="algorithms">The algorithms.</param>
    /// <param name="only">Whether no others are taken where cuDNN refuses one of them.</param>
    /// <exception cref="CudnnException">cuDNN refuses one of them, and no others are taken.</exception>
    public CudaRecurrent(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        RecurrentAlgorithms algorithms,
        bool only
    )
        : base(backend, descriptor)
    {
        _backend = backend;
        _descriptor = descriptor;
        backend.RequireRoom(
            backend.BytesOf(
                checked((long)descriptor.MaxLength * descriptor.MaxBatch * descriptor.InputSize)
            ),
            MemoryCategory.InputOutput
        );
        long scratch;
        long reserve;
        try
        {
            if (descriptor.DropsOut)
                _dropout = new CudaDropoutStates(
                    backend,
                    descriptor.Dropout,
                    descriptor.DropoutSeed,
                    descriptor.DropoutStream
                );
            RnnSettings settings = Settings(descriptor, backend.Math);
            _calls = new CudaRecurrentCalls(
                backend,
                () =>
                    new RecurrentCalls(
                        backend.CuDnn,
                        settings,
                        _dropout?.Descriptor,
                        algorithms,
                        only,
                        refusal =>
                        {
                            // What was refused once is not asked for again.
                            algorithms = RecurrentAlgorithms.Standard;
                            backend.Tuner.Tell(refusal);
                        }
                    ),
                CudaRecurrentCalls.LayoutOf(descriptor),
                descriptor.MaxLength,
                descriptor.MaxBatch
            );
            (scratch, reserve) = _calls.Most(
                descriptor.MaxLength,
                descriptor.MaxBatch,
                descriptor.Training
            );
        }
        catch
        {
            Dispose();
            throw;
        }
        _callFloats = backend.Align(Floats(scratch));
        ReserveCount = descriptor.Training ? Floats(reserve) : 0;
        _scratch = new CudaRoom(
            backend,
            MemoryCategory.Workspace,
            _callFloats * sizeof(float),
            "scratch"
        );
        _reserve = new CudaRoom(
            backend,
            MemoryCategory.Reserve,
            ReserveCount * sizeof(float),
            "reserve"
        );
        // cuDNN always writes dx, so it needs room even where no one wants it.
        if (descriptor.Training && !descriptor.InputGradient)
            _inputFloats = backend.Align(
                checked((long)descriptor.MaxLength * descriptor.MaxBatch * descriptor.InputSize)
            );
        if (descriptor.States)
        {
            long states = checked(
                (long)descriptor.Layers * descriptor.Directions * descriptor.MaxBatch
            );
            _hiddenFloats = backend.Align(checked(states * descriptor.StateSize));
            if (descriptor.Kind == RecurrentKind.Lstm)
                _cellFloats = backend.Align(checked(states * descriptor.HiddenSize));
        }
    }

    // After cuDNN's own workspace come dx, where no one wants it, and the first and last states in the order of packed sequences.
    public override long WorkspaceCount =>
        checked(_callFloats + _inputFloats + 2 * (_hiddenFloats + _cellFloats));

    public override long ReserveCount { get; }

    public override MemoryCategory ReserveCategory => MemoryCategory.Reserve;

    public override LibraryRandom? LibraryRandom => _dropout;

    private protected override bool IsInLibrary => true;

    protected override void ForwardCore(in RecurrentOperands operands)
    {
        int batch = SetShape(operands);
        RnnTensors<float> tensors = Tensors(operands);
        RecurrentStateOrder order = Ordered(operands, batch);
        tensors.Hx = order.Take(operands.InitialHidden, _descriptor.StateSize, Place(operands, 0));
        tensors.Cx = order.Take(operands.InitialCell, _descriptor.HiddenSize, Place(operands, 1));
        // A stream's last states overwrite its first ones. cuDNN does not promise to allow that, so it writes them elsewhere first.
        tensors.Hy = order.Room(operands.FinalHidden, operands.InitialHidden, Place(operands, 2));
        tensors.Cy = order.Room(operands.FinalCell, operands.InitialCell, Place(operands, 3));
        _calls.Now.Forward(_descriptor.Training, tensors);
        _backend.CountCalls(1);
        _calls.Queued();
        order.Give(tensors.Hy, _descriptor.StateSize, operands.FinalHidden);
        order.Give(tensors.Cy, _descriptor.HiddenSize, operands.FinalCell);
    }

    protected override void BackwardCore(
        in RecurrentOperands operands,
        in RecurrentGradients gradients
    )
    {
        int batch = SetShape(operands);
        RnnTensors<float> tensors = Tensors(operands);
        RecurrentStateOrder order = Ordered(operands, batch);
        tensors.Hx = order.Take(operands.InitialHidden, _descriptor.StateSize, Place(operands, 0));
        tensors.Cx = order.Take(operands.InitialCell, _descriptor.HiddenSize, Place(operands, 1));
        tensors.Dhy = order.Take(gradients.FinalHidden, _descriptor.StateSize, Place(operands, 2));
        tensors.Dcy = order.Take(gradients.FinalCell, _descriptor.HiddenSize, Place(operands, 3));
        tensors.Dhx = CudaBackend.Span(gradients.InitialHidden);
        tensors.Dcx = CudaBackend.Span(gradients.InitialCell);
        tensors.Dy = CudaBackend.Span(gradients.Y);
        tensors.Dx = gradients.X.IsEmpty
            ? Workspace(operands).Slice(_callFloats, operands.X.Count)
            : CudaBackend.Span(gradients.X);
        tensors.WeightGradients = CudaBackend.Span(gradients.Parameters);
        // One for the data, one for the weights.
        _calls.Now.Backward(tensors);
        _backend.CountCalls(2);
        _calls.Queued();
        order.Reorder(tensors.Dhx, _descriptor.StateSize, Place(operands, 2));
        order.Reorder(tensors.Dcx, _descriptor.HiddenSize, Place(operands, 3));
    }

    public override void Dispose()
    {
        // What the constructor had not made where it failed is null.
        _scratch?.Dispose();
        _reserve?.Dispose();
        _calls?.Dispose();
        _dropout?.Dispose();
        base.Dispose();
    }

    /// <summary>Translates a descriptor into cuDNN's settings.</summary>
    public static RnnSettings Settings(in RecurrentDescriptor d, FloatMath math) =>
        new()
        {
            Mode = d.Kind switch
            {
                RecurrentKind.Tanh => cudnnRNNMode_t.CUDNN_RNN_TANH,
                RecurrentKind.Relu => cudnnRNNMode_t.CUDNN_RNN_RELU,
                RecurrentKind.Lstm => cudnnRNNMode_t.CUDNN_LSTM,
                RecurrentKind.Gru => cudnnRNNMode_t.CUDNN_GRU,
                _ => throw new UnreachableException($"no mode for {d.Kind}"),
            },
            InputSize = d.InputSize,
            HiddenSize = d.HiddenSize,
            Layers = d.Layers,
            ProjectionSize = d.ProjectionSize > 0 ? d.ProjectionSize : null,
            Bias = d.Bias switch
            {
                RecurrentBias.NoBias => cudnnRNNBiasMode_t.CUDNN_RNN_NO_BIAS,
                RecurrentBias.SingleInputBias => cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_INP_BIAS,
                RecurrentBias.SingleRecurrentBias => cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_REC_BIAS,
                RecurrentBias.DoubleBias => cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS,
                _ => throw new UnreachableException($"no mode for {d.Bias}"),
            },
            Direction = d.Bidirectional
                ? cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL
                : cudnnDirectionMode_t.CUDNN_UNIDIRECTIONAL,
            Math =
                math == FloatMath.Tf32
                    ? cudnnMathType_t.CUDNN_DEFAULT_MATH
                    : cudnnMathType_t.CUDNN_FMA_MATH,
            PaddedIO = d.DataLayout == RecurrentDataLayout.SeqMajorUnpacked,
            Clip = d.CellClip is { } clip ? (clip.Min, clip.Max) : null,
        };

    private int SetShape(in RecurrentOperands operands)
    {
        int batch = SetBatch(operands);
        _scratch.Need(_calls.Now.WorkspaceBytes(_descriptor.Training));
        if (_descriptor.Training)
            _reserve.Need(_calls.Now.ReserveBytes);
        return batch;
    }

    private int SetBatch(in RecurrentOperands operands)
    {
        if (operands.Lengths is not { } lengths)
        {
            _calls.Set(operands.X.Shape.First, operands.X.Shape[1]);
            return operands.X.Shape[1];
        }
        bool packed = _descriptor.DataLayout == RecurrentDataLayout.SeqMajorPacked;
        int batch =
            packed && operands.PackedBatch > 0 ? operands.PackedBatch
            : packed ? lengths.Length
            : operands.X.Shape[1];
        int steps = packed ? lengths[0] : operands.X.Shape.First;
        _calls.Set(steps, lengths.AsSpan(0, batch));
        if (packed && _calls.Now.X.ElementCount != operands.X.Count)
            throw new ArgumentException(
                $"The packed input has {Amount.Of(operands.X.Shape.First, "row")}, the lengths add up to {_calls.Now.X.ElementCount / _descriptor.InputSize}."
            );
        return batch;
    }

    private RnnTensors<float> Tensors(in RecurrentOperands operands) =>
        new()
        {
            X = CudaBackend.Span(operands.X),
            Y = CudaBackend.Span(operands.Y),
            Weights = CudaBackend.Span(operands.Parameters),
            Workspace = _scratch.Of(
                Workspace(operands).Slice(0, _callFloats).Cast<byte>(),
                _calls.Now.WorkspaceBytes(_descriptor.Training)
            ),
            Reserve = _descriptor.Training
                ? _reserve.Of(
                    CudaBackend.Span(operands.Reserve).Cast<byte>(),
                    _calls.Now.ReserveBytes
                )
                : default,
        };

    private static DeviceSpan<float> Workspace(in RecurrentOperands operands) =>
        CudaBackend.Span(operands.Workspace);

    // The places in the workspace, by number: hidden and cell states that cuDNN reads (0 and 1), or writes (2 and 3).
    private DeviceSpan<float> Place(in RecurrentOperands operands, int number)
    {
        long first = _callFloats + _inputFloats + number / 2 * (_hiddenFloats + _cellFloats);
        return number % 2 == 0
            ? Workspace(operands).Slice(first, _hiddenFloats)
            : Workspace(operands).Slice(first + _hiddenFloats, _cellFloats);
    }

    private RecurrentStateOrder Ordered(in RecurrentOperands operands, int batch) =>
        new(_backend, operands.PackedLayout, _descriptor.Layers * _descriptor.Directions, batch);

    private static long Floats(long bytes) => (bytes + sizeof(float) - 1) / sizeof(float);
}
