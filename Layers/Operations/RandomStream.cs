namespace Sequor.Layers;

/// <summary>
/// A counter-based random generator (Philox) in a backend's memory: a seed and a step, from which any number
/// can be had again without keeping it.
/// </summary>
internal abstract class RandomStream : IDisposable
{
    public abstract ulong Seed { get; }

    /// <summary>The step that numbers are drawn for; setting it resumes there.</summary>
    public abstract ulong Step { get; set; }

    /// <summary>Goes on to the next step.</summary>
    public abstract void Advance();

    /// <summary>
    /// output = input * mask with mask 0 by the given probability, else 1 / (1 - probability). The same stream
    /// number and step give the same mask, of which <paramref name="first"/> is the element where the output begins; above 0,
    /// <paramref name="period"/> is the number of elements after which the mask begins anew. An empty input is all ones.
    /// </summary>
    public abstract void Dropout(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first = 0,
        long period = 0
    );

    public abstract void Dispose();
}
