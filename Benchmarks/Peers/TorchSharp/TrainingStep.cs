using TorchSharp;
using static TorchSharp.torch;

namespace Sequor.Peers;

/// <summary>
/// Forward, loss, backward and Adam on one batch, the same at every step: the mean squared error of the adding problem, or the cross-entropy
/// of a language model at every step of the sequences.
/// </summary>
internal sealed class TrainingStep : PeerStep
{
    private readonly nn.Module<Tensor, Tensor> _model;
    private readonly optim.Optimizer _adam;
    private readonly Tensor _x;
    private readonly Tensor _y;
    private readonly bool _isWords;

    public TrainingStep(nn.Module<Tensor, Tensor> model, PeerSettings settings)
    {
        _model = model;
        _adam = optim.Adam(model.parameters(), lr: 2e-3);
        (long length, long batch) = (settings.Length, settings.Batch);
        _isWords = settings.Classes > 0;
        _x = _isWords
            ? randint(settings.Classes, [length, batch])
            : rand(length, batch, PeerSettings.Inputs);
        _y = _isWords
            ? randint(settings.Classes, [length * batch])
            : rand(batch, PeerSettings.Outputs);
        Parameters = model.parameters().Sum(p => p.numel());
    }

    public override long Parameters { get; }

    public override void Run()
    {
        // What a step makes is freed at its end, and not when the collector comes to it.
        using DisposeScope scope = NewDisposeScope();
        _adam.zero_grad();
        Tensor output = _model.forward(_x);
        Tensor loss = _isWords
            ? nn.functional.cross_entropy(output, _y)
            : nn.functional.mse_loss(output, _y);
        loss.backward();
        _adam.step();
    }

    public override void Dispose()
    {
        _adam.Dispose();
        _model.Dispose();
        _x.Dispose();
        _y.Dispose();
    }
}
