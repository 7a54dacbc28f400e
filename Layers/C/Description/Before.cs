using Sequor.Layers;

namespace Sequor.C;

/// <summary>What a layer's description can refer to: what stands before it.</summary>
/// <param name="Channels">The channels that the layer before it gives; null where there is none.</param>
/// <param name="Embeddings">The embeddings of the whole description up to here.</param>
internal readonly record struct Before(int? Channels, List<Embedding> Embeddings)
{
    /// <summary>Where a description begins.</summary>
    public static Before Nothing => new(null, []);

    /// <summary>Notes an embedding, which it returns.</summary>
    public Embedding Add(Embedding embedding)
    {
        Embeddings.Add(embedding);
        return embedding;
    }

    /// <summary>The only embedding before a layer.</summary>
    /// <param name="place">Where the layer is described.</param>
    /// <exception cref="RefusedException">There is none, or more than one.</exception>
    public Embedding OnlyEmbedding(Place place) =>
        Embeddings is [Embedding one]
            ? one
            : throw place.Refusal(
                $"{Embeddings.Count} embeddings stand before the tied layer; there must be one, whose weights it has"
            );
}
