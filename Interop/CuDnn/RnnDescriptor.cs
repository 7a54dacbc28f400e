using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A recurrent network as cuDNN describes it: what it computes, and the memory that it needs.</summary>
public sealed unsafe partial class RnnDescriptor : CuDnnDescriptor
{
    private readonly cudnnRNNDescriptor_t _handle;

    // A network without dropout uses the library handle's descriptor of rate 0, which lives as long as that handle.
    private RnnDescriptor(
        CuDnnHandle library,
        RnnSettings settings,
        DropoutDescriptor? dropout,
        cudnnRNNDescriptor_t handle
    )
        : base(library.Context, dropout is null ? [library] : [dropout])
    {
        Settings = settings;
        Dropout = dropout;
        _handle = handle;
    }

    /// <summary>Describes a network.</summary>
    /// <param name="handle">The library handle. Any handle of its context can run the network.</param>
    /// <param name="settings">What the network computes.</param>
    /// <param name="dropout">Dropout between layers; null for none.</param>
    /// <exception cref="ArgumentException">The settings do not fit each other; the message says what is allowed.</exception>
    /// <exception cref="CudnnException">cuDNN refuses them.</exception>
    public static RnnDescriptor Create(
        CuDnnHandle handle,
        RnnSettings settings,
        DropoutDescriptor? dropout = null
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentNullException.ThrowIfNull(settings);
        handle.ThrowIfDisposed();
        settings.Require();
        CuDnn library = handle.Library;
        using CudaContextScope scope = handle.Context.Enter();
        cudnnDropoutDescriptor_t drops = dropout?.Handle ?? handle.NoDropout;
        cudnnRNNDescriptor_t native;
        handle.Check(
            library.cudnnCreateRNNDescriptor(&native),
            nameof(library.cudnnCreateRNNDescriptor)
        );
        var made = new RnnDescriptor(handle, settings, dropout, native);
        try
        {
            made.Set(drops);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>What the network computes.</summary>
    public RnnSettings Settings { get; }

    /// <summary>Dropout between layers; null for none.</summary>
    public DropoutDescriptor? Dropout { get; }

    /// <summary>cuDNN's handle.</summary>
    public cudnnRNNDescriptor_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Compiles the plan of CUDNN_RNN_ALGO_PERSIST_DYNAMIC for a batch size. It must be called before any capture.</summary>
    /// <param name="handle">The library handle.</param>
    /// <param name="batchSize">The number of sequences, above 0.</param>
    /// <exception cref="CudnnException">The device does not support it, or there is no NVRTC.</exception>
    public void BuildDynamic(CuDnnHandle handle, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        if (Settings.Algorithm != cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC)
            throw new InvalidOperationException(
                $"Only CUDNN_RNN_ALGO_PERSIST_DYNAMIC is compiled; the net is {Settings.Algorithm}."
            );
        using CudaContextScope scope = Context.Enter();
        Check(
            Library.cudnnBuildRNNDynamic(handle.Handle, Handle, batchSize),
            nameof(Library.cudnnBuildRNNDynamic),
            $"a batch of {batchSize}"
        );
    }

    /// <summary>The memory that calls need besides weights and data.</summary>
    /// <param name="handle">The library handle.</param>
    /// <param name="mode">Whether the forward call is for training or inference.</param>
    /// <param name="x">The input, whose longest sequence and batch size determine the sizes.</param>
    /// <returns>The bytes of workspace, and the bytes kept from forward to backward (0 for inference).</returns>
    public (long Workspace, long Reserve) TempSpaceSizes(
        CuDnnHandle handle,
        cudnnForwardMode_t mode,
        RnnDataDescriptor x
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentNullException.ThrowIfNull(x);
        using CudaContextScope scope = Context.Enter();
        nuint workspace;
        nuint reserve;
        Check(
            Library.cudnnGetRNNTempSpaceSizes(
                handle.Handle,
                Handle,
                mode,
                x.Handle,
                &workspace,
                &reserve
            ),
            nameof(Library.cudnnGetRNNTempSpaceSizes),
            this
        );
        return ((long)workspace, (long)reserve);
    }

    /// <summary>The bytes of all weights and biases, including gaps.</summary>
    public long WeightSpaceBytes(CuDnnHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        using CudaContextScope scope = Context.Enter();
        nuint bytes;
        Check(
            Library.cudnnGetRNNWeightSpaceSize(handle.Handle, Handle, &bytes),
            nameof(Library.cudnnGetRNNWeightSpaceSize),
            this
        );
        return (long)bytes;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Settings.Mode} {Settings.InputSize} to {Settings.HiddenSize},"
        + $" {Settings.Layers} layers, {Settings.Direction}, {Settings.Algorithm}";

    private protected override void Release() =>
        Park(Library.cudnnDestroyRNNDescriptor(_handle), nameof(Library.cudnnDestroyRNNDescriptor));

    private void Set(cudnnDropoutDescriptor_t drops)
    {
        RnnSettings s = Settings;
        Check(
            Library.cudnnSetRNNDescriptor_v8(
                Handle,
                s.Algorithm,
                s.Mode,
                s.Bias,
                s.Direction,
                s.Input,
                s.DataType,
                s.SumType,
                s.Math,
                s.InputSize,
                s.HiddenSize,
                // The hidden size means that there is no projection; cuDNN refuses 0.
                s.StateSize,
                s.Layers,
                drops,
                s.PaddedIO ? CuDnn.CUDNN_RNN_PADDED_IO_ENABLED : CuDnn.CUDNN_RNN_PADDED_IO_DISABLED
            ),
            nameof(Library.cudnnSetRNNDescriptor_v8),
            this
        );
        if (s.Clip is { } clip)
            Check(
                Library.cudnnRNNSetClip_v9(
                    Handle,
                    cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX,
                    clip.Lower,
                    clip.Upper
                ),
                nameof(Library.cudnnRNNSetClip_v9)
            );
    }
}
