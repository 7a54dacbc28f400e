using Sequor.Native;
using DescriptorType = Sequor.Native.cudnnBackendDescriptorType_t;
using Name = Sequor.Native.cudnnBackendAttributeName_t;

namespace Sequor.VirtualGpu;

/// <summary>What cudnnBackendFinalize checks, kind by kind.</summary>
internal static class BackendFinalizer
{
    /// <summary>Makes a descriptor final.</summary>
    /// <exception cref="CuDnnRefusal">An attribute is missing or wrong, or the virtual cuDNN does not do it.</exception>
    public static void Finalize(VirtualDevice device, BackendDescriptor descriptor)
    {
        foreach ((Name name, AttributeRule rule) in AttributeRules.Find(descriptor.Type)!)
            CuDnnRefusal.Unless(
                !rule.Required || descriptor[name] is not null,
                $"{name} is not set"
            );
        switch (descriptor.Type)
        {
            case DescriptorType.CUDNN_BACKEND_TENSOR_DESCRIPTOR:
                Tensor(descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
                Settings(descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
            case DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
            case DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
                descriptor.Graph = ConvolutionGraph.Of(descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
                Graph(device, descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_ENGINE_DESCRIPTOR:
                Engine(descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
                From(
                    descriptor,
                    Name.CUDNN_ATTR_ENGINECFG_ENGINE,
                    DescriptorType.CUDNN_BACKEND_ENGINE_DESCRIPTOR
                );
                break;
            case DescriptorType.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
                From(
                    descriptor,
                    Name.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                    DescriptorType.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR
                );
                CuDnnRefusal.Unless(
                    Enum.IsDefined(
                        (cudnnBackendHeurMode_t)
                            descriptor.Enumeration(Name.CUDNN_ATTR_ENGINEHEUR_MODE)
                    ),
                    "CUDNN_ATTR_ENGINEHEUR_MODE has no such value"
                );
                break;
            case DescriptorType.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
                Plan(device, descriptor);
                break;
            case DescriptorType.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
                Pack(descriptor);
                break;
        }
        descriptor.IsFinal = true;
    }

    private static void Tensor(BackendDescriptor tensor)
    {
        long[] sizes = tensor.Numbers(Name.CUDNN_ATTR_TENSOR_DIMENSIONS);
        long[] strides = tensor.Numbers(Name.CUDNN_ATTR_TENSOR_STRIDES);
        long alignment = tensor.Number(Name.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
        CuDnnRefusal.Unless(
            sizes.Length == strides.Length,
            $"there are {sizes.Length} dimensions, and {strides.Length} strides"
        );
        CuDnnRefusal.Unless(
            sizes.All(size => size > 0) && strides.All(stride => stride > 0),
            "a dimension or a stride is below 1"
        );
        CuDnnRefusal.Unless(
            alignment >= sizeof(float) && long.IsPow2(alignment),
            $"CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT is {alignment}"
        );
    }

    private static void Settings(BackendDescriptor settings)
    {
        long spatial = settings.Number(Name.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
        Check(Name.CUDNN_ATTR_CONVOLUTION_DILATIONS, 1);
        Check(Name.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1);
        Check(Name.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 0);
        Check(Name.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0);

        void Check(Name name, long least)
        {
            long[] values = settings.Numbers(name);
            CuDnnRefusal.Unless(
                values.Length == spatial,
                $"{name} has {values.Length} elements for {spatial} spatial dimensions"
            );
            CuDnnRefusal.Unless(
                values.All(value => value >= least),
                $"{name} holds a value below {least}"
            );
        }
    }

    private static void Graph(VirtualDevice device, BackendDescriptor graph)
    {
        Handle(device, graph, Name.CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
        BackendDescriptor[] operations = graph[Name.CUDNN_ATTR_OPERATIONGRAPH_OPS]!.Descriptors;
        if (
            operations is not [{ Graph: { } convolution } operation]
            || operation.Type == graph.Type
        )
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
                "the virtual cuDNN runs graphs of one convolution"
            );
        CuDnnRefusal.Unless(
            convolution.Tensors.Select(t => t.Id).Distinct().Count() == 3,
            "two tensors have the same number"
        );
        foreach (GraphTensor tensor in convolution.Tensors)
        {
            if (tensor.Type != cudnnDataType_t.CUDNN_DATA_FLOAT)
                throw new CuDnnRefusal(
                    cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
                    $"{tensor.Name} is of {tensor.Type}; the virtual cuDNN has float alone"
                );
            if (tensor.Strides[1] != 1)
                throw new CuDnnRefusal(
                    cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_LAYOUT,
                    $"channels of {tensor.Name} do not lie side by side"
                );
        }
        graph.Graph = convolution;
    }

    private static void Engine(BackendDescriptor engine)
    {
        From(
            engine,
            Name.CUDNN_ATTR_ENGINE_OPERATION_GRAPH,
            DescriptorType.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR
        );
        long index = engine.Number(Name.CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
        if (index < 0 || index >= ConvolutionEngine.All.Count)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND,
                $"there is no engine {index}, there are {ConvolutionEngine.All.Count}"
            );
        engine.Engine = ConvolutionEngine.All[(int)index];
    }

    private static void Plan(VirtualDevice device, BackendDescriptor plan)
    {
        Handle(device, plan, Name.CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
        From(
            plan,
            Name.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
            DescriptorType.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR
        );
        if (
            plan.Engine!.Refusal(
                plan.Graph!,
                device.Options.ComputeCapability,
                device.Manners.SymmetricPaddingOnly
            ) is
            { } refusal
        )
            throw new CuDnnRefusal(
                refusal.Status,
                $"engine {plan.Engine.Index} ({plan.Engine.Name}): {refusal.Why}"
            );
        // Here code is loaded or compiled.
        CaptureGuard.Refuse(device, "cudnnBackendFinalize of a plan");
    }

    private static void Pack(BackendDescriptor pack)
    {
        long[] ids = pack.Numbers(Name.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
        nint[] addresses = pack.Addresses(Name.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
        CuDnnRefusal.Unless(
            ids.Length == addresses.Length,
            $"there are {ids.Length} numbers, and {addresses.Length} addresses"
        );
        if (ids.Distinct().Count() != ids.Length)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES,
                "a tensor's number is there twice"
            );
    }

    /// <summary>Takes over what a descriptor refers to is about.</summary>
    private static void From(BackendDescriptor descriptor, Name name, DescriptorType kind)
    {
        BackendDescriptor from = descriptor.Descriptor(name);
        if (from.Type != kind)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                $"{name} is a {from.Type}, not a {kind}"
            );
        (descriptor.Graph, descriptor.Engine) = (from.Graph, from.Engine);
    }

    private static void Handle(VirtualDevice device, BackendDescriptor descriptor, Name name) =>
        CuDnnCall.Find<CuDnnHandle>(
            device,
            descriptor.Addresses(name)[0],
            "cudnnBackendFinalize",
            name.ToString()
        );
}
