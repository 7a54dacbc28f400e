namespace Sequor.Reference;

/// <summary>
/// Gradient descent with Nesterov's momentum as in PyTorch: the step is the one that momentum would make after this one, were
/// the gradient the same again.
/// </summary>
public sealed class Nesterov(double learningRate, double momentum)
{
    private readonly OptimizerState velocity = new();

    /// <summary>May be changed between steps.</summary>
    public double LearningRate { get; set; } = learningRate;

    /// <summary>v = momentum v + g; p -= rate (g + momentum v).</summary>
    /// <param name="parameters">Updated in place; the same arrays at every step.</param>
    /// <param name="gradients">Of the same shapes.</param>
    public void Step(IReadOnlyList<double[]> parameters, IReadOnlyList<double[]> gradients)
    {
        var v = velocity.For(parameters);
        for (var k = 0; k < parameters.Count; k++)
        {
            Require.Length(gradients[k], parameters[k].Length);
            for (var i = 0; i < parameters[k].Length; i++)
            {
                v[k][i] = momentum * v[k][i] + gradients[k][i];
                parameters[k][i] -= LearningRate * (gradients[k][i] + momentum * v[k][i]);
            }
        }
    }
}
