using Sequor.Native;
using DescriptorType = Sequor.Native.cudnnBackendDescriptorType_t;
using Name = Sequor.Native.cudnnBackendAttributeName_t;

namespace Sequor.VirtualGpu;

/// <summary>Which of a convolution's three tensors is computed.</summary>
internal enum ConvolutionResult
{
    Y,
    Dx,
    Dw,
}

/// <summary>A tensor of a graph, of four dimensions.</summary>
internal sealed record GraphTensor(
    string Name,
    long Id,
    cudnnDataType_t Type,
    long Alignment,
    long[] Sizes,
    long[] Strides
)
{
    public static GraphTensor Of(string name, BackendDescriptor descriptor) =>
        new(
            name,
            descriptor.Number(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID),
            (cudnnDataType_t)
                descriptor.Enumeration(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE),
            descriptor.Number(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
            descriptor.Numbers(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS),
            descriptor.Numbers(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES)
        );

    /// <summary>Offsets of the pixels [first, third, fourth dimension], in elements; channels follow each.</summary>
    public IEnumerable<long> Pixels()
    {
        for (long n = 0; n < Sizes[0]; n++)
        for (long h = 0; h < Sizes[2]; h++)
        for (long w = 0; w < Sizes[3]; w++)
            yield return n * Strides[0] + h * Strides[2] + w * Strides[3];
    }

    /// <summary>Values as [first, third, fourth, channels].</summary>
    public double[] Read(DeviceMemory memory, nint address, bool tf32, string call)
    {
        int channels = (int)Sizes[1];
        double[] values = new double[Sizes[0] * Sizes[1] * Sizes[2] * Sizes[3]];
        int at = 0;
        foreach (long pixel in Pixels())
        {
            nint from = address + (nint)(pixel * sizeof(float));
            RnnData.Widen(
                memory.Read<float>(from, channels, call, Name),
                values.AsSpan(at, channels)
            );
            at += channels;
        }
        if (tf32)
            Tf32.Round(values);
        return values;
    }

    /// <summary>Writes factor * values + keep * what is there.</summary>
    public void Write(
        DeviceMemory memory,
        nint address,
        double[] values,
        double factor,
        double keep,
        string call
    )
    {
        int channels = (int)Sizes[1];
        int at = 0;
        foreach (long pixel in Pixels())
        {
            nint to = address + (nint)(pixel * sizeof(float));
            Span<float> row =
                keep == 0
                    ? memory.Write<float>(to, channels, call, Name)
                    : memory.ReadWrite<float>(to, channels, call, Name);
            for (int c = 0; c < channels; c++)
            {
                double value = factor * values[at + c];
                row[c] = (float)(keep == 0 ? value : value + keep * row[c]);
            }
            at += channels;
        }
    }
}

/// <summary>A graph of one convolution, forward or one of its gradients.</summary>
internal sealed record ConvolutionGraph(
    ConvolutionResult Result,
    ConvolutionShape Shape,
    GraphTensor X,
    GraphTensor W,
    GraphTensor Y,
    (int Height, int Width) PostPadding,
    double Alpha,
    double Beta
)
{
    public IEnumerable<GraphTensor> Tensors => [X, W, Y];

    /// <summary>Two operations for each channel in and out of every place where a tap meets an input that is there.</summary>
    public LibraryWork Work(string call, ConvolutionEngine engine)
    {
        long elements = (long)Shape.XCount + Shape.WCount + Shape.YCount;
        if (Beta != 0)
            elements += Result switch
            {
                ConvolutionResult.Y => Shape.YCount,
                ConvolutionResult.Dx => Shape.XCount,
                _ => Shape.WCount,
            };
        return new(
            call,
            sizeof(float) * elements,
            2 * Shape.MeetingCount * Shape.Inputs * Shape.Outputs,
            engine.Rounds
        );
    }

    /// <summary>What an operation's descriptor says.</summary>
    /// <exception cref="CuDnnRefusal">Its shapes do not fit together, or the virtual cuDNN does not do it.</exception>
    public static ConvolutionGraph Of(BackendDescriptor operation)
    {
        (ConvolutionResult result, Name conv, Name x, Name w, Name y, Name alpha, Name beta) =
            operation.Type switch
            {
                DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR => (
                    ConvolutionResult.Y,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA
                ),
                DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR => (
                    ConvolutionResult.Dx,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA
                ),
                _ => (
                    ConvolutionResult.Dw,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                    Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA
                ),
            };
        BackendDescriptor settings = Require(
            operation,
            conv,
            DescriptorType.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR
        );
        GraphTensor Tensor(string name, Name attribute) =>
            GraphTensor.Of(
                name,
                Require(operation, attribute, DescriptorType.CUDNN_BACKEND_TENSOR_DESCRIPTOR)
            );

        (GraphTensor input, GraphTensor filter, GraphTensor output) = (
            Tensor(result == ConvolutionResult.Dx ? "dx" : "x", x),
            Tensor(result == ConvolutionResult.Dw ? "dw" : "w", w),
            Tensor(result == ConvolutionResult.Y ? "y" : "dy", y)
        );
        (ConvolutionShape shape, (int, int) post) = ShapeOf(settings, input, filter, output);
        return new(
            result,
            shape,
            input,
            filter,
            output,
            post,
            operation.Factor(alpha),
            operation.Factor(beta)
        );
    }

    private static BackendDescriptor Require(
        BackendDescriptor operation,
        Name attribute,
        DescriptorType kind
    )
    {
        BackendDescriptor found = operation.Descriptor(attribute);
        if (found.Type != kind)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                $"{attribute} is a {found.Type}, not a {kind}"
            );
        return found;
    }

    private static (ConvolutionShape, (int, int)) ShapeOf(
        BackendDescriptor settings,
        GraphTensor x,
        GraphTensor w,
        GraphTensor y
    )
    {
        long spatial = settings.Number(Name.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
        Fit(
            x.Sizes.Length == spatial + 2
                && w.Sizes.Length == spatial + 2
                && y.Sizes.Length == spatial + 2,
            $"tensors need {spatial + 2} dimensions"
        );
        if (spatial != 2)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
                $"{spatial} spatial dimensions; the virtual cuDNN has 2"
            );
        (int Height, int Width) pre = Pair(settings, Name.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
        (int Height, int Width) post = Pair(settings, Name.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
        (int Height, int Width) stride = Pair(settings, Name.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
        (int Height, int Width) dilation = Pair(settings, Name.CUDNN_ATTR_CONVOLUTION_DILATIONS);
        Fit(x.Sizes[0] == y.Sizes[0], $"x has {x.Sizes[0]} images, y {y.Sizes[0]}");
        Fit(w.Sizes[0] == y.Sizes[1], $"w gives {w.Sizes[0]} channels, y has {y.Sizes[1]}");
        Fit(x.Sizes[1] % w.Sizes[1] == 0, $"w takes {w.Sizes[1]} channels, x has {x.Sizes[1]}");
        long high = Outputs(
            x.Sizes[2],
            w.Sizes[2],
            pre.Height + post.Height,
            stride.Height,
            dilation.Height
        );
        long wide = Outputs(
            x.Sizes[3],
            w.Sizes[3],
            pre.Width + post.Width,
            stride.Width,
            dilation.Width
        );
        Fit(
            y.Sizes[2] == high && y.Sizes[3] == wide,
            $"y is {y.Sizes[2]} x {y.Sizes[3]}, by x, w and the paddings it is {high} x {wide}"
        );
        if (x.Sizes[1] != w.Sizes[1])
            throw CuDnnRefusal.NotSupported("the virtual cuDNN has no convolutions in groups");
        return (
            new(
                (int)x.Sizes[0],
                (int)x.Sizes[1],
                (int)x.Sizes[2],
                (int)x.Sizes[3],
                (int)w.Sizes[0],
                (int)w.Sizes[2],
                (int)w.Sizes[3],
                (int)high,
                (int)wide,
                pre,
                stride,
                dilation,
                settings.Enumeration(Name.CUDNN_ATTR_CONVOLUTION_CONV_MODE)
                    == (int)cudnnConvolutionMode_t.CUDNN_CONVOLUTION
            ),
            post
        );
    }

    private static long Outputs(long size, long filter, long padding, long stride, long dilation)
    {
        long reach = (filter - 1) * dilation + 1;
        return size + padding < reach ? 0 : (size + padding - reach) / stride + 1;
    }

    private static (int, int) Pair(BackendDescriptor settings, Name name)
    {
        long[] pair = settings.Numbers(name);
        return ((int)pair[0], (int)pair[1]);
    }

    private static void Fit(bool fits, string why)
    {
        if (!fits)
            throw new CuDnnRefusal(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, why);
    }

    /// <summary>Runs on an engine.</summary>
    public void Run(
        DeviceMemory memory,
        ConvolutionEngine engine,
        IReadOnlyDictionary<long, nint> addresses,
        nint workspace,
        long workspaceBytes,
        Random random,
        VirtualEffect effect
    )
    {
        const string call = "cudnnBackendExecute";
        memory.Scribble(workspace, workspaceBytes);
        double[] values = Result switch
        {
            ConvolutionResult.Y => Convolution.Forward(Shape, Read(X), Read(W)),
            ConvolutionResult.Dx => Convolution.Data(Shape, Read(W), Read(Y)),
            _ => Convolution.Filter(Shape, Read(X), Read(Y)),
        };
        if (engine.Wavers)
            for (int i = 0; i < values.Length; i++)
                // The last bit of a float, one way or the other.
                values[i] *= 1 + (random.Next(3) - 1) * 6e-8;
        GraphTensor result = Result switch
        {
            ConvolutionResult.Y => Y,
            ConvolutionResult.Dx => X,
            _ => W,
        };
        result.Write(memory, addresses[result.Id], effect.Spoil(values), Alpha, Beta, call);
        memory.Scribble(workspace, workspaceBytes);

        double[] Read(GraphTensor tensor) =>
            tensor.Read(memory, addresses[tensor.Id], engine.Rounds, call);
    }
}
