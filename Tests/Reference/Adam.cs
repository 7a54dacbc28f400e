namespace Sequor.Reference;

/// <summary>Adam (Kingma and Ba 2015), bias corrected, eps outside the square root and after the correction.</summary>
public sealed class Adam(
    double learningRate,
    double beta1 = 0.9,
    double beta2 = 0.999,
    double eps = 1e-8
)
{
    private readonly OptimizerState first = new();
    private readonly OptimizerState second = new();
    private int step;

    /// <summary>May be changed between steps.</summary>
    public double LearningRate { get; set; } = learningRate;

    /// <summary>
    /// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
    /// p -= rate (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps).
    /// </summary>
    /// <param name="parameters">Updated in place; the same arrays at every step.</param>
    /// <param name="gradients">Of the same shapes.</param>
    public void Step(IReadOnlyList<double[]> parameters, IReadOnlyList<double[]> gradients)
    {
        var (m, v) = (first.For(parameters), second.For(parameters));
        step++;
        var correction1 = 1 - Math.Pow(beta1, step);
        var correction2 = 1 - Math.Pow(beta2, step);
        for (var k = 0; k < parameters.Count; k++)
        {
            Require.Length(gradients[k], parameters[k].Length);
            for (var i = 0; i < parameters[k].Length; i++)
            {
                var g = gradients[k][i];
                m[k][i] = beta1 * m[k][i] + (1 - beta1) * g;
                v[k][i] = beta2 * v[k][i] + (1 - beta2) * g * g;
                parameters[k][i] -=
                    LearningRate
                    * (m[k][i] / correction1)
                    / (Math.Sqrt(v[k][i] / correction2) + eps);
            }
        }
    }
}
