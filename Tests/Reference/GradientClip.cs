namespace Sequor.Reference;

/// <summary>
/// Clipping by the norm of all gradients together (Pascanu, Mikolov, Bengio 2013), with PyTorch's coefficient.
/// </summary>
public static class GradientClip
{
    /// <summary>The Euclidean norm of all elements of all arrays.</summary>
    public static double Norm(IReadOnlyList<double[]> gradients)
    {
        double squares = 0;
        foreach (var gradient in gradients)
        {
            foreach (var value in gradient)
            {
                squares += value * value;
            }
        }
        return Math.Sqrt(squares);
    }

    /// <summary>Multiplies every gradient by min(1, maxNorm / (norm + 1e-6)).</summary>
    /// <returns>The norm before clipping.</returns>
    public static double Apply(IReadOnlyList<double[]> gradients, double maxNorm)
    {
        var norm = Norm(gradients);
        var coefficient = Math.Min(1, maxNorm / (norm + 1e-6));
        foreach (var gradient in gradients)
        {
            for (var i = 0; i < gradient.Length; i++)
            {
                gradient[i] *= coefficient;
            }
        }
        return norm;
    }
}
