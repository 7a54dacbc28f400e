namespace Sequor.Layers;

/// <summary>
/// Direction v and gain g of a weight [O, I, k] whose weight norm was removed, so that g v / |v| is the weight again to
/// some units in the last place.
/// </summary>
/// <remarks>
/// v is the weight itself, g the norm of each output's row. A row of zeros has no direction: it gets one of ones, and
/// the gain 0, so that it is zero still and can be trained. A row so small or large that its squares leave the range of
/// floats has a direction scaled by a power of two, which changes no digit.
/// </remarks>
internal static class RemovedWeightNorm
{
    // Squares of these, and sums of many, are far from both ends of the range of floats.
    private const float Smallest = 1e-15f;
    private const float Largest = 1e15f;

    /// <summary>The direction of each row of a weight, of as many values.</summary>
    /// <param name="weight">Row-major.</param>
    /// <param name="rows">Outputs.</param>
    public static float[] Direction(float[] weight, int rows)
    {
        float[] direction = [.. weight];
        int size = weight.Length / rows;
        for (int row = 0; row < rows; row++)
        {
            Span<float> values = direction.AsSpan(row * size, size);
            float most = 0;
            foreach (float value in values)
                most = Math.Max(most, Math.Abs(value));
            if (most == 0)
                values.Fill(1);
            else if (float.IsFinite(most) && most is < Smallest or > Largest)
            {
                int exponent = -Math.ILogB(most);
                for (int i = 0; i < size; i++)
                    values[i] = (float)Math.ScaleB((double)values[i], exponent);
            }
        }
        return direction;
    }

    /// <summary>The norm of each row.</summary>
    /// <inheritdoc cref="Direction"/>
    public static float[] Gain(float[] weight, int rows)
    {
        float[] gain = new float[rows];
        int size = weight.Length / rows;
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            foreach (float value in weight.AsSpan(row * size, size))
                sum += (double)value * value;
            gain[row] = (float)Math.Sqrt(sum);
        }
        return gain;
    }
}
