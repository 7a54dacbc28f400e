namespace Sequor.Layers;

/// <summary>
/// A counter-based random generator (Philox 4x32-10, Salmon et al. 2011) in a backend's memory. It holds a seed and a step, from which any
/// of its numbers can be computed again instead of being kept.
/// </summary>
/// <param name="backend">The backend, whose probe is told of the operations.</param>
internal abstract class RandomStream(Backend backend) : IDisposable
{
    public abstract ulong Seed { get; }

    /// <summary>The step that numbers are drawn for. Setting it continues from that step.</summary>
    public abstract ulong Step { get; set; }

    /// <summary>Goes on to the next step.</summary>
    public void Advance()
    {
        using Backend.OperationScope scope = backend.Begin(
            backend.Report(OperationName.RandomAdvance)
        );
        AdvanceCore();
    }

    /// <inheritdoc cref="Advance"/>
    protected abstract void AdvanceCore();

    /// <summary>
    /// output = input * mask, where a value of the mask is 0 with the given probability and 1 / (1 - probability) otherwise. The same
    /// stream number and step give the same mask. <paramref name="first"/> is the mask's element that the output begins with. Where
    /// <paramref name="period"/> is above 0, the mask repeats after that many elements. An empty input counts as ones.
    /// </summary>
    public void Dropout(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first = 0,
        long period = 0
    )
    {
        using Backend.OperationScope scope = backend.Begin(
            backend.Report(OperationName.Dropout)?.Reads(input).Writes(output).Costs(output.Count)
        );
        DropoutCore(input, output, probability, stream, first, period);
    }

    /// <inheritdoc cref="Dropout"/>
    protected abstract void DropoutCore(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first,
        long period
    );

    public abstract void Dispose();
}
