using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A way to run a graph.</summary>
/// <param name="Index">its global index</param>
/// <param name="Name">what messages call it</param>
/// <param name="Notes">what it does to numbers</param>
/// <param name="Behaviour">what else to know of it</param>
internal sealed record ConvolutionEngine(
    int Index,
    string Name,
    cudnnBackendNumericalNote_t[] Notes,
    cudnnBackendBehaviorNote_t[] Behaviour
)
{
    private const int FirstWithTf32 = 80;
    private const int TensorCoreChannels = 4;

    /// <summary>All engines; their indices are their places.</summary>
    public static IReadOnlyList<ConvolutionEngine> All { get; } =
    [
        new(0, "plain", [], []),
        new(
            1,
            "tensor cores",
            [
                cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
                cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
            ],
            []
        ),
        new(
            2,
            "compiled at run time",
            [],
            [cudnnBackendBehaviorNote_t.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION]
        ),
        new(
            3,
            "symmetric padding",
            [],
            [cudnnBackendBehaviorNote_t.CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API]
        ),
        new(
            4,
            "atomic sums",
            [cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC],
            []
        ),
    ];

    /// <summary>Whether it rounds inputs to TF32.</summary>
    public bool Rounds =>
        Notes.Contains(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);

    /// <summary>Whether its results differ in the last bits from run to run.</summary>
    public bool Wavers =>
        Notes.Contains(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);

    public bool Compiles =>
        Behaviour.Contains(cudnnBackendBehaviorNote_t.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);

    /// <summary>Engines to try, the best first: not all of them take the graph.</summary>
    public static IEnumerable<ConvolutionEngine> Propose(
        ConvolutionGraph graph,
        cudnnBackendHeurMode_t mode
    )
    {
        if (mode == cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_FALLBACK)
            return [All[0]];
        int[] order = graph.Result == ConvolutionResult.Y ? [3, 1, 2, 0] : [3, 4, 1, 0, 2];
        return order.Select(i => All[i]);
    }

    /// <summary>Scratch that it needs, bytes: another amount for each, and never none.</summary>
    public long Workspace(ConvolutionGraph graph) =>
        256L * (1 + Index) + (Index % 2 == 0 ? 0 : 16L * graph.Shape.WCount);

    /// <summary>Why it does not take a graph; null if it does.</summary>
    public (cudnnStatus_t Status, string Why)? Refusal(
        ConvolutionGraph graph,
        int computeCapability,
        bool symmetricOnly
    )
    {
        ConvolutionShape shape = graph.Shape;
        if (Index == 1 && computeCapability < FirstWithTf32)
            return (
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                "tensor cores for float need compute capability 8.0"
            );
        if (
            Index == 1
            && (shape.Inputs % TensorCoreChannels != 0 || shape.Outputs % TensorCoreChannels != 0)
        )
            return (
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
                $"channels have to be multiples of {TensorCoreChannels}"
            );
        if ((Index == 3 || symmetricOnly) && shape.Padding != graph.PostPadding)
            return (
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_PADDING,
                "paddings before and after have to be the same"
            );
        if (Index == 4 && graph.Result == ConvolutionResult.Y)
            return (
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
                "this engine computes gradients alone"
            );
        return null;
    }
}
