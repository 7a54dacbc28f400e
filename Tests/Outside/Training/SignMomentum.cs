using System.Globalization;
using Sequor.Layers;

namespace Sequor.Outside.Training;

/// <summary>
/// A stranger's optimizer, with a state: Lion (Chen et al. 2023). p -= rate (sign(b1 m + (1 - b1) g) + decay p), then
/// m = b2 m + (1 - b2) g. It computes on the host, and so on every backend.
/// </summary>
public sealed class SignMomentum : Optimizer
{
    private const string Momentum = "momentum";

    private readonly float _beta1;
    private readonly float _beta2;
    private readonly float _decay;
    private readonly float[] _parameters;
    private readonly float[] _gradients;
    private readonly float[] _momentum;

    public SignMomentum(
        Plan plan,
        float learningRate,
        float beta1 = 0.9f,
        float beta2 = 0.99f,
        float decay = 0f
    )
        : base(plan, learningRate, [Momentum])
    {
        (_beta1, _beta2, _decay) = (beta1, beta2, decay);
        _parameters = new float[plan.Parameters.Count];
        _gradients = new float[plan.Parameters.Count];
        _momentum = new float[plan.Parameters.Count];
    }

    public override string Name => "lion";

    public override string Settings =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"beta1 {_beta1}, beta2 {_beta2}, decay {_decay}"
        );

    /// <summary>How often it was asked for an update, and which number the last one had.</summary>
    public (int Count, int Last) Updates { get; private set; }

    /// <summary>The norm of the gradients that the last update saw.</summary>
    public double Norm { get; private set; }

    /// <summary>The momentum, laid out as the parameters.</summary>
    public float[] ReadMomentum() => StateOf(Momentum).ToArray();

    /// <summary>What a state that was never named says.</summary>
    public Tensor Unnamed() => StateOf("velocity");

    protected override void Update()
    {
        Updates = (Updates.Count + 1, UpdateNumber);
        Plan.Parameters.Read(_parameters);
        Plan.Gradients.Read(_gradients);
        Tensor momentum = StateOf(Momentum);
        momentum.Read(_momentum);
        double squares = 0;
        for (int i = 0; i < _parameters.Length; i++)
        {
            float g = _gradients[i];
            squares += (double)g * g;
            float sign = MathF.Sign((_beta1 * _momentum[i]) + ((1 - _beta1) * g));
            _parameters[i] -= LearningRate * (sign + (_decay * _parameters[i]));
            _momentum[i] = (_beta2 * _momentum[i]) + ((1 - _beta2) * g);
        }
        Norm = Math.Sqrt(squares);
        Plan.Parameters.Write(_parameters);
        momentum.Write(_momentum);
    }
}
