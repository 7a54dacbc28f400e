namespace Sequor.Reference;

/// <summary>RMSprop (Hinton 2012) as in PyTorch: not centred, eps outside the square root.</summary>
public sealed class RmsProp(double learningRate, double alpha = 0.99, double eps = 1e-8)
{
    private readonly OptimizerState squares = new();

    /// <summary>May be changed between steps.</summary>
    public double LearningRate { get; set; } = learningRate;

    /// <summary>s = alpha s + (1 - alpha) g^2; p -= rate g / (sqrt(s) + eps).</summary>
    /// <param name="parameters">Updated in place; the same arrays at every step.</param>
    /// <param name="gradients">Of the same shapes.</param>
    public void Step(IReadOnlyList<double[]> parameters, IReadOnlyList<double[]> gradients)
    {
        var s = squares.For(parameters);
        for (var k = 0; k < parameters.Count; k++)
        {
            Require.Length(gradients[k], parameters[k].Length);
            for (var i = 0; i < parameters[k].Length; i++)
            {
                var g = gradients[k][i];
                s[k][i] = alpha * s[k][i] + (1 - alpha) * g * g;
                parameters[k][i] -= LearningRate * g / (Math.Sqrt(s[k][i]) + eps);
            }
        }
    }
}
