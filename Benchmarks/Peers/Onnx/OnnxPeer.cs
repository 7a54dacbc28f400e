using Microsoft.ML.OnnxRuntime;

namespace Sequor.Peers;

/// <summary>ONNX Runtime on the CPU, which computes models and trains none.</summary>
internal sealed class OnnxPeer : Peer
{
    public override string Name => "onnx";

    public override string Description =>
        "Times the forward pass of the same models in ONNX Runtime, on the CPU, or a step of a stream with its states carried on.";

    public override IReadOnlyList<string> Architectures { get; } = ["rnn", "lstm", "gru", "tcn"];

    public override IReadOnlyList<string> Measures { get; } = ["inference", PeerSettings.Stream];

    public override string Load() => OrtEnv.Instance().GetVersionString();

    public override PeerStep Create(PeerSettings settings)
    {
        OnnxNetwork network =
            settings.Arch == "tcn" ? new TcnNetwork(settings) : new RecurrentNetwork(settings);
        if (settings.Measure != PeerSettings.Stream)
            return new InferenceStep(network, settings);
        StreamStep stream = network.CreateStream();
        try
        {
            StreamCheck.Require(stream, network, settings);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }
}
