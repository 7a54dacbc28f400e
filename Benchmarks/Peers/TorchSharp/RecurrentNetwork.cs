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
        new(Body(s, PeerSettings.Inputs), s.Hidden);

    public override Tensor forward(Tensor x) => _head.forward(States(_body, x)[-1]);

    /// <summary>The recurrent layers of an architecture.</summary>
    public static nn.Module Body(PeerSettings s, int inputs) =>
        s.Arch switch
        {
            "rnn" => nn.RNN(inputs, s.Hidden, s.Layers),
            "lstm" => nn.LSTM(inputs, s.Hidden, s.Layers),
            _ => nn.GRU(inputs, s.Hidden, s.Layers),
        };

    /// <summary>Their outputs at all steps, [T, B, H].</summary>
    public static Tensor States(nn.Module body, Tensor x) =>
        body switch
        {
            LSTM lstm => lstm.forward(x).Item1,
            GRU gru => gru.forward(x).Item1,
            RNN rnn => rnn.forward(x, null).Item1,
            _ => throw new InvalidOperationException($"{body.GetName()} is no recurrent layer."),
        };
}
