using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Makes the calls of a recurrent network for one shape at a time: forward, backward data and backward weights. They run in the handle's
/// stream and allocate nothing. Like the handle, it is for one thread at a time.
/// </summary>
/// <remarks>
/// Training calls <see cref="Forward"/>, <see cref="BackwardData"/> and <see cref="BackwardWeights"/> in this order, with the same
/// reserve and the same algorithm. cuDNN itself does not check this, and gives wrong results otherwise.
/// </remarks>
/// <typeparam name="T">The data's type: float, double, Half, or ushort for the bits of bfloat16.</typeparam>
[SuppressMessage(
    "Design",
    "CA1000:Do not declare static members on generic types",
    Justification = "As of a vector: CuDnnRnn<float>.Create."
)]
public sealed unsafe partial class CuDnnRnn<T> : CudaObject
    where T : unmanaged
{
    private readonly TensorDescriptor _hidden;
    private readonly TensorDescriptor? _cell;
    private readonly int[] _stateSizes = new int[3];
    private readonly long _weightBytes;
    private long _trainingWorkspace;
    private long _inferenceWorkspace;
    private long _reserve;
    private Stage _stage;
    private CUdeviceptr _writtenReserve;
    private cudnnRNNAlgo_t _writtenBy;
    private RnnDescriptor? _goesWith;

    private CuDnnRnn(CuDnnHandle handle, RnnDescriptor rnn)
        : base(handle, rnn)
    {
        Handle = handle;
        Rnn = rnn;
        try
        {
            CudaContext context = handle.Context;
            X = RnnDataDescriptor.Create(context);
            Y = RnnDataDescriptor.Create(context);
            _hidden = TensorDescriptor.Create(context);
            _cell = rnn.Settings.IsLstm ? TensorDescriptor.Create(context) : null;
            _weightBytes = rnn.WeightSpaceBytes(handle);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The last call that wrote the reserve.</summary>
    private enum Stage
    {
        /// <summary>No call has; backward has nothing to read.</summary>
        None,

        /// <summary>A forward call for training has.</summary>
        Forward,

        /// <summary>Backward data has, so backward weights may read the reserve.</summary>
        BackwardData,
    }

    /// <summary>Makes the calls of a network; <see cref="SetShape"/> must follow.</summary>
    /// <exception cref="ArgumentException">The network has another type of data or belongs to another context.</exception>
    public static CuDnnRnn<T> Create(CuDnnHandle handle, RnnDescriptor rnn)
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentNullException.ThrowIfNull(rnn);
        handle.ThrowIfDisposed();
        rnn.ThrowIfDisposed();
        if (rnn.Settings.DataType != CuDnnElement.Of<T>())
            throw new ArgumentException(
                $"The net is of {rnn.Settings.DataType}, the data of {typeof(T).Name}.",
                nameof(rnn)
            );
        if (rnn.Context.NativeHandle != handle.Context.NativeHandle)
            throw new ArgumentException("The net is of another context.", nameof(rnn));
        return new CuDnnRnn<T>(handle, rnn);
    }

    /// <summary>The library handle.</summary>
    public CuDnnHandle Handle { get; }

    /// <summary>The network.</summary>
    public RnnDescriptor Rnn { get; }

    /// <summary>The input's description.</summary>
    public RnnDataDescriptor X { get; }

    /// <summary>The output's description.</summary>
    public RnnDataDescriptor Y { get; }

    /// <summary>The number of elements in the weight space, including the gaps between weights.</summary>
    public long WeightCount => _weightBytes / sizeof(T);

    /// <summary>The workspace in bytes that a call needs for the shape.</summary>
    public long WorkspaceBytes(bool training) =>
        training ? _trainingWorkspace : _inferenceWorkspace;

    /// <summary>The reserve in bytes for the shape, which must be kept from the forward to the backward calls.</summary>
    public long ReserveBytes => _reserve;

    /// <summary>
    /// Whether the backward calls may read a reserve that another algorithm wrote. Set it only for pairs of algorithms that have been
    /// tested on the device.
    /// </summary>
    public bool AllowsMixedAlgorithms { get; set; }

    /// <summary>Sets the lengths and the layout of a batch, and asks cuDNN how much memory it needs.</summary>
    /// <param name="layout">How input and output lie in memory.</param>
    /// <param name="maxLength">T, the number of steps that the memory has for each sequence.</param>
    /// <param name="lengths">The steps of each sequence; see <see cref="RnnDataDescriptor.Set"/>.</param>
    /// <exception cref="ArgumentException">The layout or the network's algorithm does not allow these lengths.</exception>
    public void SetShape(cudnnRNNDataLayout_t layout, int maxLength, ReadOnlySpan<int> lengths)
    {
        ThrowIfDisposed();
        RnnSettings settings = Rnn.Settings;
        RequireTakes(layout, maxLength, lengths);
        _stage = Stage.None;
        X.Set(settings.DataType, layout, maxLength, settings.InputSize, lengths);
        Y.Set(settings.DataType, layout, maxLength, settings.OutputSize, lengths);
        _stateSizes[0] = settings.Layers * settings.Directions;
        _stateSizes[1] = lengths.Length;
        _stateSizes[2] = settings.StateSize;
        _hidden.Set(settings.DataType, _stateSizes);
        _stateSizes[2] = settings.HiddenSize;
        _cell?.Set(settings.DataType, _stateSizes);
        (_inferenceWorkspace, _) = Rnn.TempSpaceSizes(
            Handle,
            cudnnForwardMode_t.CUDNN_FWD_MODE_INFERENCE,
            X
        );
        (_trainingWorkspace, _reserve) = Rnn.TempSpaceSizes(
            Handle,
            cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING,
            X
        );
    }

    private protected override CudaContext Home => Handle.Context;

    private protected override void Release() { }

    private protected override void LetGo(bool forgotten)
    {
        // Some of them are null if the constructor failed.
        X?.Dispose();
        Y?.Dispose();
        _hidden?.Dispose();
        _cell?.Dispose();
    }

    private void RequireTakes(cudnnRNNDataLayout_t layout, int maxLength, ReadOnlySpan<int> lengths)
    {
        RnnSettings settings = Rnn.Settings;
        bool packed = layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
        if (!packed && !settings.PaddedIO)
            throw new ArgumentException(
                "Sequences that are not packed need a net with PaddedIO.",
                nameof(layout)
            );
        bool full = true;
        foreach (int length in lengths)
            full &= length == maxLength;
        if (full)
            return;
        if (settings.Algorithm != cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD)
            throw new ArgumentException(
                $"{settings.Algorithm} takes sequences of one length only ({maxLength});"
                    + " CUDNN_RNN_ALGO_STANDARD takes others.",
                nameof(lengths)
            );
    }
}
