using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Sequor.Peers;

/// <summary>
/// A language model: words [T, B] to [T * B, words], by an embedding, recurrent layers of its width, and an output layer whose weights are
/// the embedding's.
/// </summary>
internal sealed class LanguageNetwork : nn.Module<Tensor, Tensor>
{
    private readonly Embedding _embedding;
    private readonly nn.Module _body;
    private readonly Parameter _bias;

    public LanguageNetwork(PeerSettings s)
        : base(nameof(LanguageNetwork))
    {
        _embedding = nn.Embedding(s.Classes, s.Hidden);
        _body = RecurrentNetwork.Body(s, s.Hidden);
        _bias = nn.Parameter(zeros(s.Classes));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor states = RecurrentNetwork.States(_body, _embedding.forward(x));
        return nn.functional.linear(states.flatten(0, 1), _embedding.weight!, _bias);
    }
}
