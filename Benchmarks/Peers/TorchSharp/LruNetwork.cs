using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Sequor.Peers;

/// <summary>Blocks of linear recurrent units between linear layers, with the mean over time: [T, B, 2] to [B, 1].</summary>
internal sealed class LruNetwork : nn.Module<Tensor, Tensor>
{
    private static readonly long[] Time = [0];

    private readonly Linear _encoder;
    private readonly Sequential _body;
    private readonly Linear _head;

    public LruNetwork(int width, int blocks)
        : base(nameof(LruNetwork))
    {
        _encoder = nn.Linear(PeerSettings.Inputs, width);
        _body = nn.Sequential(
            Enumerable
                .Range(0, blocks)
                .Select(_ => (nn.Module<Tensor, Tensor>)new LruBlock(width, width))
                .ToArray()
        );
        _head = nn.Linear(width, PeerSettings.Outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) =>
        _head.forward(_body.forward(_encoder.forward(x)).mean(Time));
}

/// <summary>A linear recurrent unit with norm, gate and skip. Orvieto et al. (2023), section 3.</summary>
internal sealed class LruBlock : nn.Module<Tensor, Tensor>
{
    private const double Low = 0.9;
    private const double High = 0.999;
    private const double Phase = 6.28;

    private readonly Parameter _nu;
    private readonly Parameter _theta;
    private readonly Parameter _gamma;
    private readonly Parameter _bReal;
    private readonly Parameter _bImaginary;
    private readonly Parameter _cReal;
    private readonly Parameter _cImaginary;
    private readonly Parameter _d;
    private readonly LayerNorm _norm;
    private readonly Linear _value;
    private readonly Linear _gate;

    public LruBlock(int size, int states)
        : base(nameof(LruBlock))
    {
        Tensor square = rand(states) * (High * High - Low * Low) + Low * Low;
        Tensor nu = log(-0.5 * log(square));
        Tensor radius = exp(-exp(nu));
        _nu = nn.Parameter(nu);
        _theta = nn.Parameter(log(Phase * rand(states)));
        _gamma = nn.Parameter(0.5 * log(1 - radius * radius));
        _bReal = nn.Parameter(randn(states, size) / Math.Sqrt(2 * size));
        _bImaginary = nn.Parameter(randn(states, size) / Math.Sqrt(2 * size));
        _cReal = nn.Parameter(randn(size, states) / Math.Sqrt(states));
        _cImaginary = nn.Parameter(randn(size, states) / Math.Sqrt(states));
        _d = nn.Parameter(randn(size));
        _norm = nn.LayerNorm(size);
        _value = nn.Linear(size, size);
        _gate = nn.Linear(size, size);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor z = _norm.forward(x);
        Tensor decay = polar(exp(-exp(_nu)), exp(_theta));
        Tensor gain = exp(_gamma).unsqueeze(1);
        Tensor u = complex(z.matmul((gain * _bReal).t()), z.matmul((gain * _bImaginary).t()));
        Tensor h = Scan(decay, u);
        Tensor y = h.real.matmul(_cReal.t()) - h.imag.matmul(_cImaginary.t()) + _d * z;
        y = F.gelu(y);
        return x + _value.forward(y) * sigmoid(_gate.forward(y));
    }

    // x[t] = decay x[t - 1] + u[t] over the first dimension, in log2(T) passes over all of it.
    private static Tensor Scan(Tensor decay, Tensor u)
    {
        long length = u.shape[0];
        for (long shift = 1; shift < length; shift *= 2)
        {
            Tensor before = u.slice(0, 0, length - shift, 1);
            u = cat([u.slice(0, 0, shift, 1), u.slice(0, shift, length, 1) + decay * before], 0);
            decay *= decay;
        }
        return u;
    }
}
