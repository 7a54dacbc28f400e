using System.Diagnostics;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>A recurrent network by cuDNN. Its reserve is opaque; x and y are read again by backward.</summary>
internal sealed partial class CudaRecurrent : RecurrentOperation
{
    private readonly CudaBackend _backend;
    private readonly RecurrentDescriptor _descriptor;
    private readonly CudaDropoutStates? _dropout;
    private readonly RecurrentCalls _calls;
    private readonly int[] _full;
    private readonly long _callFloats;
    private readonly long _inputFloats;
    private readonly long _hiddenFloats;
    private readonly long _cellFloats;

    /// <summary>A network by the algorithms that the backend chooses for it.</summary>
    public CudaRecurrent(CudaBackend backend, in RecurrentDescriptor descriptor)
        : this(backend, descriptor, backend.Choose(descriptor), only: false) { }

    /// <summary>A network by these algorithms alone.</summary>
    /// <exception cref="CudnnException">cuDNN refuses one of them.</exception>
    public CudaRecurrent(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        RecurrentAlgorithms algorithms
    )
        : this(backend, descriptor, algorithms, only: true) { }

    private CudaRecurrent(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        RecurrentAlgorithms algorithms,
        bool only
    )
    {
        _backend = backend;
        _descriptor = descriptor;
        backend.RequireRoom(
            backend.BytesOf(
                checked((long)descriptor.MaxLength * descriptor.MaxBatch * descriptor.InputSize)
            ),
            MemoryCategory.InputOutput
        );
        _full = new int[descriptor.MaxBatch];
        try
        {
            if (descriptor.DropsOut)
                _dropout = new CudaDropoutStates(
                    backend,
                    descriptor.Dropout,
                    descriptor.DropoutSeed,
                    descriptor.DropoutStream
                );
            _calls = new RecurrentCalls(
                backend.CuDnn,
                Settings(descriptor, backend.Math),
                _dropout?.Descriptor,
                algorithms,
                only,
                backend.Tuner.Tell
            );
            SetShape(descriptor.MaxLength, descriptor.MaxBatch, []);
        }
        catch
        {
            Dispose();
            throw;
        }
        _callFloats = backend.Align(Floats(_calls.WorkspaceBytes(descriptor.Training)));
        ReserveCount = descriptor.Training ? Floats(_calls.ReserveBytes) : 0;
        // cuDNN always writes dx, wanted or not.
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

    // Behind cuDNN's own scratch: dx where it is not wanted, and first and last states in the order of packed sequences.
    public override long WorkspaceCount =>
        checked(_callFloats + _inputFloats + 2 * (_hiddenFloats + _cellFloats));

    public override long ReserveCount { get; }

    public override MemoryCategory ReserveCategory => MemoryCategory.Reserve;

    public override LibraryRandom? LibraryRandom => _dropout;

    public override void Forward(in RecurrentOperands operands)
    {
        int batch = SetShape(operands);
        RnnTensors<float> tensors = Tensors(operands);
        RecurrentStateOrder order = Ordered(operands, batch);
        tensors.Hx = order.Take(operands.InitialHidden, _descriptor.StateSize, Place(operands, 0));
        tensors.Cx = order.Take(operands.InitialCell, _descriptor.HiddenSize, Place(operands, 1));
        // A stream's last states take the first ones' place, which cuDNN does not say that it allows.
        tensors.Hy = order.Room(operands.FinalHidden, operands.InitialHidden, Place(operands, 2));
        tensors.Cy = order.Room(operands.FinalCell, operands.InitialCell, Place(operands, 3));
        _calls.Forward(_descriptor.Training, tensors);
        order.Give(tensors.Hy, _descriptor.StateSize, operands.FinalHidden);
        order.Give(tensors.Cy, _descriptor.HiddenSize, operands.FinalCell);
    }

    public override void Backward(in RecurrentOperands operands, in RecurrentGradients gradients)
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
        _calls.Backward(tensors);
        order.Reorder(tensors.Dhx, _descriptor.StateSize, Place(operands, 2));
        order.Reorder(tensors.Dcx, _descriptor.HiddenSize, Place(operands, 3));
    }

    public override void Dispose()
    {
        _calls?.Dispose();
        _dropout?.Dispose();
        base.Dispose();
    }

    /// <summary>What a descriptor is to cuDNN.</summary>
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
        if (operands.Lengths is not { } lengths)
        {
            SetShape(operands.X.Shape.First, operands.X.Shape[1], []);
            return operands.X.Shape[1];
        }
        bool packed = _descriptor.DataLayout == RecurrentDataLayout.SeqMajorPacked;
        int batch =
            packed && operands.PackedBatch > 0 ? operands.PackedBatch
            : packed ? lengths.Length
            : operands.X.Shape[1];
        int steps = packed ? lengths[0] : operands.X.Shape.First;
        SetShape(steps, batch, lengths.AsSpan(0, batch));
        if (packed && _calls.X.ElementCount != operands.X.Count)
            throw new ArgumentException(
                $"The packed input has {Amount.Of(operands.X.Shape.First, "row")}, the lengths add up to {_calls.X.ElementCount / _descriptor.InputSize}."
            );
        return batch;
    }

    // Where nothing has changed, cuDNN need not be told again.
    private void SetShape(int steps, int batch, ReadOnlySpan<int> lengths)
    {
        bool packed =
            !lengths.IsEmpty && _descriptor.DataLayout == RecurrentDataLayout.SeqMajorPacked;
        cudnnRNNDataLayout_t layout = packed
            ? cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
            : cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
        if (lengths.IsEmpty)
        {
            _full.AsSpan(0, batch).Fill(steps);
            lengths = _full.AsSpan(0, batch);
        }
        if (
            _calls.X.BatchSize == batch
            && _calls.X.MaxLength == steps
            && _calls.X.Layout == layout
            && _calls.X.Lengths.SequenceEqual(lengths)
        )
            return;
        _calls.SetShape(layout, steps, lengths);
    }

    private RnnTensors<float> Tensors(in RecurrentOperands operands) =>
        new()
        {
            X = CudaBackend.Span(operands.X),
            Y = CudaBackend.Span(operands.Y),
            Weights = CudaBackend.Span(operands.Parameters),
            Workspace = Workspace(operands).Slice(0, _callFloats).Cast<byte>(),
            Reserve = _descriptor.Training
                ? CudaBackend.Span(operands.Reserve).Cast<byte>()
                : default,
        };

    private static DeviceSpan<float> Workspace(in RecurrentOperands operands) =>
        CudaBackend.Span(operands.Workspace);

    // Places for hidden, cell, hidden, cell states.
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
