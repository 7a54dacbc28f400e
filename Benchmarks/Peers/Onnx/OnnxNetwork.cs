namespace Sequor.Peers;

/// <summary>A network with its weights, as graphs for whole sequences and for a stream.</summary>
internal abstract class OnnxNetwork(PeerSettings settings)
{
    // Protocol buffers hold 2 GiB at most, with all that is beside the weights.
    private const long MostValues = 500_000_000;

    // CA5394 is about secrets: what is drawn here are weights, the same ones for the same seed.
#pragma warning disable CA5394
    private readonly Random _random = new(settings.Seed);

    protected PeerSettings Settings { get; } = settings;

    /// <summary>Values of all weights.</summary>
    public long Parameters { get; private set; }

    /// <summary>The graph from x [T, B, 2] to the last step's y [B, 1].</summary>
    public abstract byte[] Sequence(int length, int batch);

    /// <summary>One step after the other, of one sequence.</summary>
    public abstract StreamStep CreateStream();

    /// <summary>Weights between plus and minus 1 / sqrt(<paramref name="fan"/>), evenly, as PyTorch begins with.</summary>
    /// <exception cref="PeerUsageException">A model of these sizes is none for ONNX.</exception>
    protected float[] Draw(long count, long fan)
    {
        Parameters += count;
        if (Parameters > MostValues)
            throw new PeerUsageException(
                $"--hidden {Settings.Hidden} with --layers {Settings.Layers} is too large: an ONNX model holds at most {MostValues} values here"
            );
        float bound = 1 / MathF.Sqrt(fan);
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ((2 * _random.NextSingle()) - 1) * bound;
        return values;
    }
#pragma warning restore CA5394
}
