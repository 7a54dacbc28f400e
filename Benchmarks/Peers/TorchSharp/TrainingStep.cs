using TorchSharp;
using static TorchSharp.torch;

namespace Sequor.Peers;

/// <summary>Forward, mean squared error, backward and Adam on one batch, the same at every step.</summary>
internal sealed class TrainingStep : PeerStep
{
    private readonly nn.Module<Tensor, Tensor> _model;
    private readonly optim.Optimizer _adam;
    private readonly Tensor _x;
    private readonly Tensor _y;

    public TrainingStep(nn.Module<Tensor, Tensor> model, PeerSettings settings)
    {
        _model = model;
        _adam = optim.Adam(model.parameters(), lr: 2e-3);
        _x = rand(settings.Length, settings.Batch, PeerSettings.Inputs);
        _y = rand(settings.Batch, PeerSettings.Outputs);
        Parameters = model.parameters().Sum(p => p.numel());
    }

    public override long Parameters { get; }

    public override void Run()
    {
        // What a step makes is freed at its end, and not when the collector comes to it.
        using DisposeScope scope = NewDisposeScope();
        _adam.zero_grad();
        nn.functional.mse_loss(_model.forward(_x), _y).backward();
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
