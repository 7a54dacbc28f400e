using Sequor.Native;
using Attribute = Sequor.Native.cudnnBackendAttributeName_t;
using Descriptor = Sequor.Native.cudnnBackendDescriptorType_t;
using Note = Sequor.Native.cudnnBackendNumericalNote_t;

namespace Sequor.Interop;

/// <summary>The engine that was chosen for a graph: the first of cuDNN's proposals that is allowed and works.</summary>
/// <param name="Plan">The execution plan that runs it.</param>
/// <param name="Engine">The engine's name.</param>
/// <param name="Notes">Its effects on numbers.</param>
/// <param name="WorkspaceBytes">The workspace that it needs, in bytes.</param>
/// <param name="Refusals">The engines that were proposed before it, and why they were not chosen.</param>
internal sealed record EngineChoice(
    BackendDescriptor Plan,
    string Engine,
    IReadOnlyList<Note> Notes,
    long WorkspaceBytes,
    IReadOnlyList<string> Refusals
)
{
    /// <summary>First the engines that cuDNN's heuristics rank, the fastest first, then those that support the most graphs.</summary>
    private static readonly cudnnBackendHeurMode_t[] Modes =
    [
        cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_A,
        cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_FALLBACK,
    ];

    /// <exception cref="NotSupportedException">No engine is allowed and works.</exception>
    public static EngineChoice Find(
        CuDnnHandle handle,
        BackendDescriptor graph,
        ConvolutionOptions options,
        string what
    )
    {
        var refusals = new List<string>();
        foreach (cudnnBackendHeurMode_t mode in Modes)
        {
            using var proposals = new EngineProposals(handle.Context, graph, mode, refusals);
            foreach (BackendDescriptor configuration in proposals.Configurations)
                if (Try(handle, configuration, options, refusals) is { } choice)
                    return choice;
        }
        throw new NotSupportedException(
            $"cuDNN has no engine for {what}"
                + (refusals.Count == 0 ? ": it proposes none." : ":")
                + string.Concat(refusals.Select(r => $"\n  {r}"))
        );
    }

    private static EngineChoice? Try(
        CuDnnHandle handle,
        BackendDescriptor configuration,
        ConvolutionOptions options,
        List<string> refusals
    )
    {
        (string engine, Note[] notes) = EngineProposals.Describe(configuration);
        if (Forbids(options, notes) is { } forbidden)
        {
            refusals.Add($"{engine}: {forbidden} is not allowed");
            return null;
        }
        var plan = BackendDescriptor.Create(
            handle.Context,
            Descriptor.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR
        );
        bool taken = false;
        try
        {
            plan.Set(Attribute.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle)
                .Set(Attribute.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
            if (!plan.TryMakeFinal(out CudnnException? error))
            {
                refusals.Add($"{engine}: {error.StatusName} {error.Detail}".TrimEnd());
                return null;
            }
            long workspace = plan.Number(Attribute.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
            if (workspace > options.MaxWorkspaceBytes)
            {
                refusals.Add(
                    $"{engine}: needs {workspace} bytes of workspace;"
                        + $" {options.MaxWorkspaceBytes} are allowed"
                );
                return null;
            }
            taken = true;
            return new(plan, engine, notes, workspace, refusals);
        }
        finally
        {
            if (!taken)
                plan.Dispose();
        }
    }

    private static Note? Forbids(ConvolutionOptions options, Note[] notes)
    {
        foreach (Note note in notes)
        {
            // In single precision, using tensor cores means TF32.
            bool rounds =
                note
                is Note.CUDNN_NUMERICAL_NOTE_TENSOR_CORE
                    or Note.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
            bool forbidden =
                note == Note.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION
                || (rounds && !options.AllowTf32)
                || (
                    note == Note.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC
                    && !options.AllowNondeterministic
                );
            if (forbidden)
                return note;
        }
        return null;
    }
}
