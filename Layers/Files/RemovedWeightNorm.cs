namespace Sequor.Layers;

/// <summary>
/// Recovers direction v and gain g from a weight [O, I, k] whose weight norm was removed, so that g v / |v| equals the weight up to a few
/// units in the last place.
/// </summary>
/// <remarks>
/// v is the weight itself and g the norm of each output's row. A row of zeros has no direction, so its direction is set to ones and its
/// gain to 0: it stays zero and can be trained. A row whose values are so small or large that their squares leave the range of floats gets
/// a direction scaled by a power of two, which changes no digits.
/// </remarks>
internal static class RemovedWeightNorm
{
    // Squares of values between these bounds, and sums of many such squares, are far from both ends of the range of floats.
    private const float Smallest = 1e-15f;
    private const float Largest = 1e15f;

    /// <summary>The direction of each row of a weight, with as many values as the weight.</summary>
    /// <param name="weight">The values [O, I, k], row-major.</param>
    /// <param name="rows">O, the number of outputs.</param>
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

    /// <summary>The Euclidean norm of each row, [O].</summary>
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
