using Sequor.Native;
using Attribute = Sequor.Native.cudnnBackendAttributeName_t;
using AttributeType = Sequor.Native.cudnnBackendAttributeType_t;
using Descriptor = Sequor.Native.cudnnBackendDescriptorType_t;
using Note = Sequor.Native.cudnnBackendNumericalNote_t;

namespace Sequor.Interop;

/// <summary>The engine configurations that cuDNN proposes for a graph, best first.</summary>
internal sealed class EngineProposals : IDisposable
{
    private readonly List<BackendDescriptor> _made = [];

    public EngineProposals(
        CudaContext context,
        BackendDescriptor graph,
        cudnnBackendHeurMode_t mode,
        List<string> refusals
    )
    {
        try
        {
            Configurations = Ask(context, graph, mode, refusals);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<BackendDescriptor> Configurations { get; }

    public void Dispose()
    {
        foreach (BackendDescriptor descriptor in _made)
            descriptor.Dispose();
    }

    /// <summary>An engine's name and its effects on numbers.</summary>
    public static (string Name, Note[] Notes) Describe(BackendDescriptor configuration)
    {
        using var engine = BackendDescriptor.Create(
            configuration.Context,
            Descriptor.CUDNN_BACKEND_ENGINE_DESCRIPTOR
        );
        configuration.Get(
            Attribute.CUDNN_ATTR_ENGINECFG_ENGINE,
            AttributeType.CUDNN_TYPE_BACKEND_DESCRIPTOR,
            [engine.Handle]
        );
        long number = engine.Number(Attribute.CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
        var notes = new Note[
            engine.Count(
                Attribute.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                AttributeType.CUDNN_TYPE_NUMERICAL_NOTE
            )
        ];
        int count = engine.Get<Note>(
            Attribute.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
            AttributeType.CUDNN_TYPE_NUMERICAL_NOTE,
            notes
        );
        return ($"engine {number}", notes[..count]);
    }

    private List<BackendDescriptor> Ask(
        CudaContext context,
        BackendDescriptor graph,
        cudnnBackendHeurMode_t mode,
        List<string> refusals
    )
    {
        BackendDescriptor heuristic = New(context, Descriptor.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
            .Set(Attribute.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
            .Set(Attribute.CUDNN_ATTR_ENGINEHEUR_MODE, mode);
        if (!heuristic.TryMakeFinal(out CudnnException? error))
        {
            refusals.Add($"{mode}: {error.StatusName} {error.Detail}".TrimEnd());
            return [];
        }
        int count = heuristic.Count(
            Attribute.CUDNN_ATTR_ENGINEHEUR_RESULTS,
            AttributeType.CUDNN_TYPE_BACKEND_DESCRIPTOR
        );
        var configurations = new List<BackendDescriptor>();
        for (int i = 0; i < count; i++)
            configurations.Add(New(context, Descriptor.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
        int given = heuristic.Get<cudnnBackendDescriptor_t>(
            Attribute.CUDNN_ATTR_ENGINEHEUR_RESULTS,
            AttributeType.CUDNN_TYPE_BACKEND_DESCRIPTOR,
            configurations.Select(c => c.Handle).ToArray()
        );
        return configurations[..given];
    }

    private BackendDescriptor New(CudaContext context, Descriptor kind)
    {
        BackendDescriptor descriptor = BackendDescriptor.Create(context, kind);
        _made.Add(descriptor);
        return descriptor;
    }
}
