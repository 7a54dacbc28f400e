using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>The algorithms of cuDNN that a recurrent network runs forward and backward with.</summary>
internal readonly record struct RecurrentAlgorithms(cudnnRNNAlgo_t Forward, cudnnRNNAlgo_t Backward)
{
    private static readonly (string Name, RecurrentAlgorithms Value)[] Named =
    [
        ("standard", Both(cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD)),
        ("small-h", Both(cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H)),
        // The one mixed pair that is known to read each other's reserve: PyTorch calls it on every device.
        (
            "small-h+standard",
            new(
                cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
                cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD
            )
        ),
        ("persist", Both(cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC)),
        // Behind the others, as it is compiled first.
        ("dynamic", Both(cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC)),
    ];

    public static RecurrentAlgorithms Standard { get; } =
        Both(cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD);

    /// <summary>All candidates, the plainest first.</summary>
    public static IEnumerable<string> Names => Named.Select(n => n.Name);

    public static RecurrentAlgorithms Of(string name) => Named.First(n => n.Name == name).Value;

    /// <summary>What users call a method.</summary>
    public static string NameOf(RecurrentMethod method) =>
        method switch
        {
            RecurrentMethod.Standard => "standard",
            RecurrentMethod.SmallH => "small-h",
            RecurrentMethod.Persist => "persist",
            RecurrentMethod.Own => RecurrentTuning.Own,
            _ => "dynamic",
        };

    public bool IsMixed => Forward != Backward;

    private static RecurrentAlgorithms Both(cudnnRNNAlgo_t algorithm) => new(algorithm, algorithm);
}
