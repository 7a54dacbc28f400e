using Sequor.Native;
using DescriptorType = Sequor.Native.cudnnBackendDescriptorType_t;
using Name = Sequor.Native.cudnnBackendAttributeName_t;
using Type = Sequor.Native.cudnnBackendAttributeType_t;

namespace Sequor.VirtualGpu;

/// <summary>An attribute that a kind of descriptor has.</summary>
/// <param name="Types">types that its elements may have</param>
/// <param name="Most">how many elements it may have</param>
/// <param name="Required">whether it has to be set</param>
/// <param name="Settable">whether it can be set</param>
internal sealed record AttributeRule(
    Type[] Types,
    int Most = 1,
    bool Required = true,
    bool Settable = true
);

/// <summary>Which attributes each kind of descriptor has; the kinds that convolutions need.</summary>
internal static class AttributeRules
{
    private const int MostDimensions = 8;
    private const int MostTensors = 64;

    private static readonly AttributeRule s_descriptor = new([Type.CUDNN_TYPE_BACKEND_DESCRIPTOR]);
    private static readonly AttributeRule s_number = new([Type.CUDNN_TYPE_INT64]);
    private static readonly AttributeRule s_numbers = new([Type.CUDNN_TYPE_INT64], MostDimensions);
    private static readonly AttributeRule s_dataType = new([Type.CUDNN_TYPE_DATA_TYPE]);
    private static readonly AttributeRule s_handle = new([Type.CUDNN_TYPE_HANDLE]);
    private static readonly AttributeRule s_optionalBoolean = new(
        [Type.CUDNN_TYPE_BOOLEAN],
        Required: false
    );

    private static readonly AttributeRule s_optionalNumber = new(
        [Type.CUDNN_TYPE_INT64],
        Required: false
    );

    private static readonly AttributeRule s_factor = new([
        Type.CUDNN_TYPE_FLOAT,
        Type.CUDNN_TYPE_DOUBLE,
    ]);

    private static readonly AttributeRule s_answer = new(
        [Type.CUDNN_TYPE_INT64],
        Required: false,
        Settable: false
    );

    private static readonly AttributeRule s_count = new([Type.CUDNN_TYPE_INT32], Required: false);

    private static readonly Dictionary<DescriptorType, Dictionary<Name, AttributeRule>> s_rules =
        new()
        {
            [DescriptorType.CUDNN_BACKEND_TENSOR_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_TENSOR_DATA_TYPE] = s_dataType,
                [Name.CUDNN_ATTR_TENSOR_DIMENSIONS] = s_numbers,
                [Name.CUDNN_ATTR_TENSOR_STRIDES] = s_numbers,
                [Name.CUDNN_ATTR_TENSOR_UNIQUE_ID] = s_number,
                [Name.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT] = s_number,
                [Name.CUDNN_ATTR_TENSOR_VECTOR_COUNT] = s_optionalNumber,
                [Name.CUDNN_ATTR_TENSOR_VECTORIZED_DIMENSION] = s_optionalNumber,
                [Name.CUDNN_ATTR_TENSOR_IS_VIRTUAL] = s_optionalBoolean,
                [Name.CUDNN_ATTR_TENSOR_IS_BY_VALUE] = s_optionalBoolean,
                [Name.CUDNN_ATTR_TENSOR_REORDERING_MODE] = new(
                    [Type.CUDNN_TYPE_TENSOR_REORDERING_MODE],
                    Required: false
                ),
            },
            [DescriptorType.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_CONVOLUTION_COMP_TYPE] = s_dataType,
                [Name.CUDNN_ATTR_CONVOLUTION_CONV_MODE] = new([Type.CUDNN_TYPE_CONVOLUTION_MODE]),
                [Name.CUDNN_ATTR_CONVOLUTION_DILATIONS] = s_numbers,
                [Name.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES] = s_numbers,
                [Name.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS] = s_numbers,
                [Name.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS] = s_numbers,
                [Name.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS] = s_number,
            },
            [DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y] = s_descriptor,
            },
            [DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY] = s_descriptor,
            },
            [DescriptorType.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA] = s_factor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW] = s_descriptor,
                [Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY] = s_descriptor,
            },
            [DescriptorType.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_OPERATIONGRAPH_HANDLE] = s_handle,
                [Name.CUDNN_ATTR_OPERATIONGRAPH_OPS] = new(
                    [Type.CUDNN_TYPE_BACKEND_DESCRIPTOR],
                    MostTensors
                ),
                [Name.CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT] = s_answer,
            },
            [DescriptorType.CUDNN_BACKEND_ENGINE_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = s_descriptor,
                [Name.CUDNN_ATTR_ENGINE_GLOBAL_INDEX] = s_number,
                [Name.CUDNN_ATTR_ENGINE_KNOB_INFO] = new(
                    [Type.CUDNN_TYPE_BACKEND_DESCRIPTOR],
                    MostTensors,
                    Required: false,
                    Settable: false
                ),
                [Name.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE] = new(
                    [Type.CUDNN_TYPE_NUMERICAL_NOTE],
                    MostTensors,
                    Required: false,
                    Settable: false
                ),
                [Name.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE] = new(
                    [Type.CUDNN_TYPE_BEHAVIOR_NOTE],
                    MostTensors,
                    Required: false,
                    Settable: false
                ),
                [Name.CUDNN_ATTR_ENGINE_SM_COUNT_TARGET] = s_count,
            },
            [DescriptorType.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_ENGINECFG_ENGINE] = s_descriptor,
                [Name.CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE] = s_answer,
            },
            [DescriptorType.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] = s_descriptor,
                [Name.CUDNN_ATTR_ENGINEHEUR_MODE] = new([Type.CUDNN_TYPE_HEUR_MODE]),
                [Name.CUDNN_ATTR_ENGINEHEUR_SM_COUNT_TARGET] = s_count,
                [Name.CUDNN_ATTR_ENGINEHEUR_RESULTS] = new(
                    [Type.CUDNN_TYPE_BACKEND_DESCRIPTOR],
                    MostTensors,
                    Required: false,
                    Settable: false
                ),
            },
            [DescriptorType.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_EXECUTION_PLAN_HANDLE] = s_handle,
                [Name.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG] = s_descriptor,
                [Name.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE] = s_answer,
            },
            [DescriptorType.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR] = new()
            {
                [Name.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS] = new(
                    [Type.CUDNN_TYPE_INT64],
                    MostTensors
                ),
                [Name.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS] = new(
                    [Type.CUDNN_TYPE_VOID_PTR],
                    MostTensors
                ),
                [Name.CUDNN_ATTR_VARIANT_PACK_WORKSPACE] = new(
                    [Type.CUDNN_TYPE_VOID_PTR],
                    Required: false
                ),
            },
        };

    /// <summary>The attributes of a kind; null for a kind that the virtual cuDNN does not have.</summary>
    public static IReadOnlyDictionary<Name, AttributeRule>? Find(DescriptorType kind) =>
        s_rules.GetValueOrDefault(kind);

    /// <summary>Bytes of an element.</summary>
    public static int Size(Type type) =>
        type switch
        {
            Type.CUDNN_TYPE_BOOLEAN or Type.CUDNN_TYPE_CHAR => 1,
            Type.CUDNN_TYPE_HANDLE
            or Type.CUDNN_TYPE_VOID_PTR
            or Type.CUDNN_TYPE_BACKEND_DESCRIPTOR
            or Type.CUDNN_TYPE_INT64
            or Type.CUDNN_TYPE_DOUBLE => 8,
            Type.CUDNN_TYPE_FRACTION => 16,
            _ => 4,
        };
}
