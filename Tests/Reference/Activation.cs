namespace Sequor.Reference;

/// <summary>Nonlinear functions of one value in double precision.</summary>
public static class Activation
{
    /// <summary>1 / (1 + exp(-x)).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    public static double Relu(double x) => Math.Max(x, 0);

    /// <summary>
    /// GELU in its tanh approximation (Hendrycks and Gimpel 2016): x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    /// </summary>
    public static double Gelu(double x) =>
        0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}
