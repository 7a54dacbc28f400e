using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Sequor.Peers;

/// <summary>TorchSharp on libtorch's CPU, with the models of torch_peer.py.</summary>
internal sealed class TorchSharpPeer : Peer
{
    private static readonly Dictionary<
        string,
        Func<PeerSettings, nn.Module<Tensor, Tensor>>
    > Models = new()
    {
        ["rnn"] = RecurrentNetwork.Create,
        ["lstm"] = RecurrentNetwork.Create,
        ["gru"] = RecurrentNetwork.Create,
        ["tcn"] = s => new TcnNetwork(s.Hidden, s.Layers),
        ["lru"] = s => new LruNetwork(s.Hidden, s.Layers),
    };

    public override string Name => "torchsharp";

    public override string Description =>
        "Times a training step of the same models in TorchSharp, on the CPU: forward, loss, backward, Adam.";

    public override IReadOnlyList<string> Architectures { get; } = [.. Models.Keys];

    public override IReadOnlyList<string> LanguageModels { get; } = ["rnn", "lstm", "gru"];

    public override IReadOnlyList<string> Measures { get; } = ["training"];

    public override string Load()
    {
        // TorchSharp's own loader keeps to itself why the system's refused a library, as for a version of libstdc++.
        NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null);
        InitializeDeviceType(DeviceType.CPU);
        return $"{typeof(torch).Assembly.GetName().Version?.ToString(3)} (libtorch {__version__})";
    }

    public override PeerStep Create(PeerSettings settings)
    {
        set_num_threads(settings.Threads);
        random.manual_seed(settings.Seed);
        return settings.Classes > 0
            ? new TrainingStep(new LanguageNetwork(settings), settings)
            : new TrainingStep(Models[settings.Arch](settings), settings);
    }
}
