using Sequor.Native;
using Attribute = Sequor.Native.cudnnBackendAttributeName_t;
using Descriptor = Sequor.Native.cudnnBackendDescriptorType_t;

namespace Sequor.Interop;

/// <summary>
/// The cuDNN graph of one convolution. It pads only before the first step and not after the last, so the output has as many steps as the
/// input and none is superfluous.
/// </summary>
internal sealed class ConvolutionGraph : IDisposable
{
    /// <summary>The tensors' ids in a variant pack.</summary>
    public const long X = 'x';
    public const long W = 'w';
    public const long Y = 'y';

    /// <summary>The alignment of the tensors' addresses, in bytes.</summary>
    public const int Alignment = 16;

    private readonly CuDnnHandle _handle;
    private readonly List<BackendDescriptor> _made = [];

    public ConvolutionGraph(
        CuDnnHandle handle,
        ConvolutionKind kind,
        ConvolutionShape shape,
        bool accumulate
    )
    {
        _handle = handle;
        try
        {
            Operations = Build(kind, shape, accumulate ? 1 : 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The finalized graph of operations.</summary>
    public BackendDescriptor Operations { get; }

    public void Dispose()
    {
        foreach (BackendDescriptor descriptor in _made)
            descriptor.Dispose();
    }

    private BackendDescriptor Build(ConvolutionKind kind, ConvolutionShape s, float beta)
    {
        BackendDescriptor x = Rows(X, s.Inputs, s);
        BackendDescriptor y = Rows(Y, s.Outputs, s);
        BackendDescriptor w = Tensor(
            W,
            [s.Outputs, s.Inputs, s.Kernel, 1],
            [(long)s.Kernel * s.Inputs, 1, s.Inputs, s.Inputs]
        );
        BackendDescriptor convolution = New(Descriptor.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
            .Set(Attribute.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2)
            .Set(Attribute.CUDNN_ATTR_CONVOLUTION_COMP_TYPE, cudnnDataType_t.CUDNN_DATA_FLOAT)
            .Set(
                Attribute.CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                cudnnConvolutionMode_t.CUDNN_CROSS_CORRELATION
            )
            .Set(
                Attribute.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,
                (long)(s.Kernel - 1) * s.Dilation,
                0
            )
            .Set(Attribute.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0, 0)
            .Set(Attribute.CUDNN_ATTR_CONVOLUTION_DILATIONS, s.Dilation, 1)
            .Set(Attribute.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1, 1)
            .MakeFinal();
        return New(Descriptor.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
            .Set(Attribute.CUDNN_ATTR_OPERATIONGRAPH_HANDLE, _handle)
            .Set(
                Attribute.CUDNN_ATTR_OPERATIONGRAPH_OPS,
                Operation(kind, convolution, x, w, y, beta).MakeFinal()
            )
            .MakeFinal();
    }

    private BackendDescriptor Operation(
        ConvolutionKind kind,
        BackendDescriptor convolution,
        BackendDescriptor x,
        BackendDescriptor w,
        BackendDescriptor y,
        float beta
    ) =>
        kind switch
        {
            ConvolutionKind.Forward => New(
                    Descriptor.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR
                )
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1f)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, beta),
            ConvolutionKind.DataGradient => New(
                    Descriptor.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR
                )
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, x)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, y)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1f)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, beta),
            ConvolutionKind.FilterGradient => New(
                    Descriptor.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR
                )
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, w)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, y)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1f)
                .Set(Attribute.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, beta),
            _ => throw new ArgumentOutOfRangeException(
                nameof(kind),
                kind,
                "A convolution is Forward, DataGradient or FilterGradient."
            ),
        };

    /// <summary>Describes [T, B, C] as N = 1, C, H = T, W = B.</summary>
    private BackendDescriptor Rows(long number, long channels, ConvolutionShape s) =>
        Tensor(
            number,
            [1, channels, s.Steps, s.BatchSize],
            [s.Steps * s.BatchSize * channels, 1, s.BatchSize * channels, channels]
        );

    private BackendDescriptor Tensor(
        long number,
        ReadOnlySpan<long> sizes,
        ReadOnlySpan<long> strides
    ) =>
        New(Descriptor.CUDNN_BACKEND_TENSOR_DESCRIPTOR)
            .Set(Attribute.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnDataType_t.CUDNN_DATA_FLOAT)
            .Set(Attribute.CUDNN_ATTR_TENSOR_DIMENSIONS, sizes)
            .Set(Attribute.CUDNN_ATTR_TENSOR_STRIDES, strides)
            .Set(Attribute.CUDNN_ATTR_TENSOR_UNIQUE_ID, number)
            .Set(Attribute.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, Alignment)
            .MakeFinal();

    private BackendDescriptor New(Descriptor kind)
    {
        BackendDescriptor descriptor = BackendDescriptor.Create(_handle.Context, kind);
        _made.Add(descriptor);
        return descriptor;
    }
}
