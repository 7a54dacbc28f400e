using Microsoft.ML.OnnxRuntime;

namespace Sequor.Peers;

/// <summary>The forward pass of one batch, the same at every step.</summary>
internal sealed class InferenceStep : PeerStep
{
    private readonly OnnxSession _session;
    private readonly OrtIoBinding _binding;

    public InferenceStep(OnnxNetwork network, PeerSettings settings)
    {
        Parameters = network.Parameters;
        (int length, int batch) = (settings.Length, settings.Batch);
        _session = new OnnxSession(network.Sequence(length, batch), settings.Threads);
        try
        {
            (X, OrtValue x) = _session.Place(length, batch, PeerSettings.Inputs);
            (Y, OrtValue y) = _session.Place(batch, PeerSettings.Outputs);
            RandomInput.Fill(X, settings.Seed);
            _binding = _session.Bind([("x", x)], [("y", y)]);
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    public override long Parameters { get; }

    /// <summary>What goes in: [T, B, 2].</summary>
    public float[] X { get; }

    /// <summary>What the last step came to: [B, 1].</summary>
    public float[] Y { get; }

    public override void Run() => _session.Run(_binding);

    public override void Dispose() => _session.Dispose();
}
