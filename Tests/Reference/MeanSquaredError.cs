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

    /// <summary>
    /// sum(mask * e) / (sum(mask) * columns), with e[r] the sum over a row's columns of (prediction - target)^2.
    /// </summary>
    /// <param name="prediction">[rows, columns]</param>
    /// <param name="target">[rows, columns]; any number where the row weighs nothing</param>
    /// <param name="mask">[rows], the weight of each row. Its sum must not be zero.</param>
    /// <param name="columns">Columns.</param>
    public static double Forward(double[] prediction, double[] target, double[] mask, int columns)
    {
        Require.Length(target, prediction.Length);
        Require.Length(mask, prediction.Length / columns);
        double sum = 0;
        double weight = 0;
        for (var r = 0; r < mask.Length; r++)
        {
            if (mask[r] == 0)
                continue;
            double error = 0;
            for (var c = 0; c < columns; c++)
            {
                var difference = prediction[r * columns + c] - target[r * columns + c];
                error += difference * difference;
            }
            sum += mask[r] * error;
            weight += mask[r];
        }
        return sum / (weight * columns);
    }
}
