using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Sequor.Peers;

/// <summary>
/// The temporal convolutional network of Bai, Kolter and Koltun (2018), section 3.3, whose last output goes through a linear layer:
/// [T, B, 2] to [B, 1].
/// </summary>
internal sealed class TcnNetwork : nn.Module<Tensor, Tensor>
{
    private readonly Sequential _body;
    private readonly Linear _head;

    public TcnNetwork(int width, int levels)
        : base(nameof(TcnNetwork))
    {
        _body = nn.Sequential(
            Enumerable
                .Range(0, levels)
                .Select(level =>
                    (nn.Module<Tensor, Tensor>)
                        new TcnBlock(level == 0 ? PeerSettings.Inputs : width, width, 1 << level)
                )
                .ToArray()
        );
        _head = nn.Linear(width, PeerSettings.Outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) =>
        _head.forward(_body.forward(x.permute(1, 2, 0)).select(2, -1));
}

/// <summary>Two weight-normed causal convolutions and a skip.</summary>
internal sealed class TcnBlock : nn.Module<Tensor, Tensor>
{
    private readonly NormedConvolution _first;
    private readonly NormedConvolution _second;
    private readonly Conv1d? _skip;

    public TcnBlock(int inputs, int outputs, int dilation)
        : base(nameof(TcnBlock))
    {
        _first = new NormedConvolution(inputs, outputs, dilation);
        _second = new NormedConvolution(outputs, outputs, dilation);
        if (inputs != outputs)
            _skip = nn.Conv1d(inputs, outputs, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor inner = F.relu(_second.forward(F.relu(_first.forward(x))));
        return F.relu(inner + (_skip?.forward(x) ?? x));
    }
}

/// <summary>A causal convolution whose filters have a length and a direction; TorchSharp has no weight_norm.</summary>
internal sealed class NormedConvolution : nn.Module<Tensor, Tensor>
{
    private static readonly long[] OfAFilter = [1, 2];

    private readonly Parameter _length;
    private readonly Parameter _direction;
    private readonly Parameter _bias;
    private readonly int _dilation;

    public NormedConvolution(int inputs, int outputs, int dilation)
        : base(nameof(NormedConvolution))
    {
        // As nn.Conv1d begins: uniform within 1 / sqrt(values of a filter).
        double bound = 1 / Math.Sqrt(inputs * PeerSettings.Kernel);
        Tensor filters = (rand(outputs, inputs, PeerSettings.Kernel) * 2 - 1) * bound;
        _length = nn.Parameter(Norm(filters));
        // Which takes the tensor over.
        _direction = nn.Parameter(filters);
        _bias = nn.Parameter((rand(outputs) * 2 - 1) * bound);
        _dilation = dilation;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor filters = _direction * (_length / Norm(_direction));
        int padding = (PeerSettings.Kernel - 1) * _dilation;
        Tensor y = F.conv1d(x, filters, _bias, padding: padding, dilation: _dilation);
        return y.slice(2, 0, x.shape[2], 1).contiguous();
    }

    private static Tensor Norm(Tensor filters) => filters.pow(2).sum(OfAFilter, true).sqrt();
}
