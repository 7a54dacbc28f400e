using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Sequor.Peers;

/// <summary>A recurrent network whose last output goes through a linear layer: [T, B, 2] to [B, 1].</summary>
internal sealed class RecurrentNetwork : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module _body;
    private readonly Linear _head;

    private RecurrentNetwork(nn.Module body, int width)
        : base(nameof(RecurrentNetwork))
    {
        _body = body;
        _head = nn.Linear(width, PeerSettings.Outputs);
        RegisterComponents();
    }

    public static RecurrentNetwork Create(PeerSettings s) =>
        new(
            s.Arch switch
            {
                "rnn" => nn.RNN(PeerSettings.Inputs, s.Hidden, s.Layers),
                "lstm" => nn.LSTM(PeerSettings.Inputs, s.Hidden, s.Layers),
                _ => nn.GRU(PeerSettings.Inputs, s.Hidden, s.Layers),
            },
            s.Hidden
        );

    public override Tensor forward(Tensor x)
    {
        Tensor states = _body switch
        {
            LSTM lstm => lstm.forward(x).Item1,
            GRU gru => gru.forward(x).Item1,
            RNN rnn => rnn.forward(x, null).Item1,
            _ => throw new InvalidOperationException($"{_body.GetName()} is no recurrent layer."),
        };
        return _head.forward(states[-1]);
    }
}
