using Sequor.Native;
using Attribute = Sequor.Native.cudnnBackendAttributeName_t;

namespace Sequor.Interop;

/// <summary>
/// A causal dilated convolution of one shape by cuDNN's graph API, or one of its gradients. It is in single precision and time-major: [T,
/// B, C], which is NHWC with N = 1, H = T, W = B. Like its handle, it is for one thread at a time.
/// </summary>
public sealed unsafe class ConvolutionPlan : CudaObject
{
    private readonly BackendDescriptor _plan;
    private readonly ulong[] _packed = new ulong[4];
    private BackendDescriptor? _variantPack;

    private ConvolutionPlan(
        CuDnnHandle handle,
        ConvolutionKind kind,
        ConvolutionShape shape,
        EngineChoice choice
    )
        : base(handle)
    {
        Handle = handle;
        Kind = kind;
        Shape = shape;
        _plan = choice.Plan;
        Engine = choice.Engine;
        Notes = choice.Notes;
        WorkspaceBytes = choice.WorkspaceBytes;
        Refusals = choice.Refusals;
    }

    /// <summary>Plans a convolution with the first of cuDNN's proposed engines that is allowed and works.</summary>
    /// <param name="handle">The library handle. The plan runs in the stream that the handle has at that time.</param>
    /// <param name="kind">Whether the convolution or one of its gradients is computed.</param>
    /// <param name="shape">The convolution's sizes.</param>
    /// <param name="options">Which engines are allowed.</param>
    /// <exception cref="NotSupportedException">No engine can run it; the message has the reason for each.</exception>
    public static ConvolutionPlan Create(
        CuDnnHandle handle,
        ConvolutionKind kind,
        ConvolutionShape shape,
        ConvolutionOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        handle.ThrowIfDisposed();
        shape.Require();
        options ??= new();
        using var graph = new ConvolutionGraph(handle, kind, shape, options.Accumulate);
        EngineChoice choice = EngineChoice.Find(
            handle,
            graph.Operations,
            options,
            $"{kind} of {shape}"
        );
        return new ConvolutionPlan(handle, kind, shape, choice);
    }

    /// <summary>The library handle.</summary>
    public CuDnnHandle Handle { get; }

    /// <summary>Whether the convolution or one of its gradients is computed.</summary>
    public ConvolutionKind Kind { get; }

    /// <summary>The convolution's sizes.</summary>
    public ConvolutionShape Shape { get; }

    /// <summary>The engine that was chosen, by cuDNN's number for it.</summary>
    public string Engine { get; }

    /// <summary>The engine's effects on numbers.</summary>
    public IReadOnlyList<cudnnBackendNumericalNote_t> Notes { get; }

    /// <summary>The workspace that a run needs, in bytes.</summary>
    public long WorkspaceBytes { get; }

    /// <summary>The engines that were proposed before it, and why they were not chosen.</summary>
    public IReadOnlyList<string> Refusals { get; }

    /// <summary>Queues a run in the handle's stream. Allocates nothing as long as it is given the same memory as the last time.</summary>
    /// <param name="x">x or dx [T, B, Inputs], at a multiple of 16 bytes.</param>
    /// <param name="w">w or dw [Outputs, Kernel, Inputs], at a multiple of 16 bytes.</param>
    /// <param name="y">y or dy [T, B, Outputs], at a multiple of 16 bytes.</param>
    /// <param name="workspace">Scratch memory, whose content does not matter before or after a run.</param>
    public void Execute(
        DeviceSpan<float> x,
        DeviceSpan<float> w,
        DeviceSpan<float> y,
        DeviceSpan<byte> workspace
    )
    {
        ThrowIfDisposed();
        Need(x, Shape.InputCount, nameof(x));
        Need(w, Shape.FilterCount, nameof(w));
        Need(y, Shape.OutputCount, nameof(y));
        if (workspace.ByteCount < WorkspaceBytes)
            throw new ArgumentException(
                $"The workspace has {workspace.ByteCount} bytes; {WorkspaceBytes} are needed.",
                nameof(workspace)
            );
        workspace.Require(Handle.Context, nameof(workspace));
        using CudaContextScope scope = Handle.Context.Enter();
        ReadOnlySpan<ulong> addresses =
        [
            x.Handle.Value,
            w.Handle.Value,
            y.Handle.Value,
            workspace.Handle.Value,
        ];
        if (_variantPack is null || !addresses.SequenceEqual(_packed))
            Pack(addresses);
        cudnnStatus_t status = Handle.Library.cudnnBackendExecute(
            Handle.Handle,
            _plan.Handle,
            _variantPack!.Handle
        );
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(
                Handle.Context,
                status,
                nameof(CuDnn.cudnnBackendExecute),
                $"{Kind} of {Shape} by {Engine}"
            );
        Handle.Context.Queued(nameof(CuDnn.cudnnBackendExecute), Handle.Stream);
    }

    private protected override CudaContext Home => Handle.Context;

    private protected override void Release() { }

    private protected override void LetGo(bool forgotten)
    {
        _variantPack?.Dispose();
        _plan.Dispose();
    }

    private void Pack(ReadOnlySpan<ulong> addresses)
    {
        var pack = BackendDescriptor.Create(
            Handle.Context,
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR
        );
        try
        {
            pack.Set(
                    Attribute.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                    ConvolutionGraph.X,
                    ConvolutionGraph.W,
                    ConvolutionGraph.Y
                )
                .SetAddresses(Attribute.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, addresses[..3])
                .SetAddresses(Attribute.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, addresses[3..])
                .MakeFinal();
        }
        catch
        {
            pack.Dispose();
            throw;
        }
        _variantPack?.Dispose();
        _variantPack = pack;
        addresses.CopyTo(_packed);
    }

    private void Need(DeviceSpan<float> span, long count, string name)
    {
        if (span.Length < count)
            throw new ArgumentException(
                $"{name} has {span.Length} elements; {Kind} of {Shape} needs {count}.",
                name
            );
        if (span.Handle.Value % ConvolutionGraph.Alignment != 0)
            throw new ArgumentException(
                $"{name} at 0x{span.Handle.Value:x} is not at a multiple of"
                    + $" {ConvolutionGraph.Alignment} bytes.",
                name
            );
        span.Require(Handle.Context, name);
    }
}
