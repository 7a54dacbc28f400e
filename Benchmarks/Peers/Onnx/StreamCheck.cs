namespace Sequor.Peers;

/// <summary>Steps of a stream come to what the whole sequence does, or else what is measured is no stream of the model.</summary>
internal static class StreamCheck
{
    private const int Steps = 200;
    private const float Tolerance = 1e-4f;

    /// <exception cref="InvalidOperationException">They come to something else.</exception>
    public static void Require(StreamStep stream, OnnxNetwork network, PeerSettings settings)
    {
        using var whole = new InferenceStep(network, settings with { Length = Steps, Batch = 1 });
        stream.Inputs[..whole.X.Length].CopyTo(whole.X);
        whole.Run();
        for (int i = 0; i < Steps; i++)
            stream.Run();
        float expected = whole.Y[0];
        float difference = MathF.Abs(stream.Answer - expected);
        if (!(difference <= Tolerance * (1 + MathF.Abs(expected))))
            throw new InvalidOperationException(
                $"the stream of {settings.Arch} gave {stream.Answer} after {Steps} steps, and the sequence {expected}"
            );
    }
}
