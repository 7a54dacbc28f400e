using System.Runtime.InteropServices;
using Sequor.Native;
using Name = Sequor.Native.cudnnBackendAttributeName_t;

namespace Sequor.VirtualGpu;

/// <summary>Attributes that cuDNN answers of itself: proposals of engines, sizes of workspaces, notes.</summary>
internal static class BackendAnswers
{
    /// <summary>An attribute of a final descriptor.</summary>
    /// <exception cref="CuDnnRefusal">It was not set.</exception>
    public static AttributeValue Find(
        BackendDescriptor descriptor,
        Name name,
        cudnnBackendAttributeType_t type
    ) =>
        name switch
        {
            Name.CUDNN_ATTR_ENGINEHEUR_RESULTS => Results(descriptor),
            Name.CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT => Numbers<long>(
                type,
                [ConvolutionEngine.All.Count]
            ),
            Name.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE
            or Name.CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE => Numbers<long>(
                type,
                [descriptor.Engine!.Workspace(descriptor.Graph!)]
            ),
            Name.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE => Numbers<cudnnBackendNumericalNote_t>(
                type,
                descriptor.Engine!.Notes
            ),
            Name.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE => Numbers<cudnnBackendBehaviorNote_t>(
                type,
                descriptor.Engine!.Behaviour
            ),
            // No engine has knobs.
            Name.CUDNN_ATTR_ENGINE_KNOB_INFO => new(type, 0, [], []),
            _ => descriptor[name] ?? throw CuDnnRefusal.BadParam($"{name} was not set"),
        };

    private static AttributeValue Numbers<T>(
        cudnnBackendAttributeType_t type,
        ReadOnlySpan<T> values
    )
        where T : unmanaged =>
        new(type, values.Length, MemoryMarshal.AsBytes(values).ToArray(), []);

    private static AttributeValue Results(BackendDescriptor heuristic)
    {
        BackendDescriptor graph = heuristic.Descriptor(Name.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
        var mode = (cudnnBackendHeurMode_t)heuristic.Enumeration(Name.CUDNN_ATTR_ENGINEHEUR_MODE);
        BackendDescriptor[] configurations =
        [
            .. ConvolutionEngine
                .Propose(graph.Graph!, mode)
                .Select(engine => Configuration(graph, engine)),
        ];
        return new(
            cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR,
            configurations.Length,
            [],
            configurations
        );
    }

    private static BackendDescriptor Configuration(
        BackendDescriptor graph,
        ConvolutionEngine engine
    )
    {
        var way = new BackendDescriptor(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINE_DESCRIPTOR
        )
        {
            IsFinal = true,
            Graph = graph.Graph,
            Engine = engine,
        };
        way.Refer(Name.CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
        way.Set(Name.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, engine.Index);
        var configuration = new BackendDescriptor(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR
        )
        {
            IsFinal = true,
            Graph = graph.Graph,
            Engine = engine,
        };
        configuration.Refer(Name.CUDNN_ATTR_ENGINECFG_ENGINE, way);
        return configuration;
    }
}
