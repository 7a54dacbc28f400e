namespace Sequor.Reference;

/// <summary>The mean squared error.</summary>
public static class MeanSquaredError
{
    /// <summary>The mean over all elements of (prediction - target)^2.</summary>
    /// <param name="prediction">Any shape.</param>
    /// <param name="target">The shape of prediction.</param>
    public static double Forward(double[] prediction, double[] target)
    {
        Require.Length(target, prediction.Length);
        double sum = 0;
        for (var i = 0; i < prediction.Length; i++)
        {
            var difference = prediction[i] - target[i];
            sum += difference * difference;
        }
        return sum / prediction.Length;
    }
}
