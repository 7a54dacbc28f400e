namespace Sequor.Reference;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019): parameters shrink by rate * decay of themselves, then Adam's step with the gradients
/// alone.
/// </summary>
public sealed class AdamW(
    double learningRate,
    double weightDecay,
    double beta1 = 0.9,
    double beta2 = 0.999,
    double eps = 1e-8
)
{
    private readonly Adam adam = new(learningRate, beta1, beta2, eps);

    /// <summary>May be changed between steps.</summary>
    public double LearningRate
    {
        get => adam.LearningRate;
        set => adam.LearningRate = value;
    }

    /// <summary>p = (1 - rate decay) p, then <see cref="Adam.Step"/>.</summary>
    /// <param name="parameters">Updated in place; the same arrays at every step.</param>
    /// <param name="gradients">Of the same shapes.</param>
    public void Step(IReadOnlyList<double[]> parameters, IReadOnlyList<double[]> gradients)
    {
        foreach (var values in parameters)
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] *= 1 - LearningRate * weightDecay;
            }
        }
        adam.Step(parameters, gradients);
    }
}
