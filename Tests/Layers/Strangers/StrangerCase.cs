using Sequor.Layers;
using Sequor.Outside;
using CentralDifference = Sequor.Reference.CentralDifference;

namespace Sequor.Tests.Strangers;

/// <summary>Models with layers that see what is public of Sequor alone, computed in double precision for comparison.</summary>
internal static class StrangerCase
{
    public const int Inputs = 3;
    public const int Outputs = 2;

    public static Sequential Model(float dropout = 0f) =>
        new(
            new LeakySum(Inputs, 4),
            new Residual(new Sequential(new GatedSkip(4), new Square(4), new Linear(4, 4))),
            new LeakySum(4, Outputs, dropout)
        );

    /// <summary>The loss of the model under a gradient by its output, and its gradient by each parameter and by the input.</summary>
    public static (double[] Output, Dictionary<string, double[]> Gradients) Expected(
        Layer model,
        IReadOnlyDictionary<string, double[]> values,
        double[] x,
        double[] dy,
        int batch
    )
    {
        double Loss() => Forward(model, values, x, batch).Zip(dy, (a, b) => a * b).Sum();
        var gradients = values.ToDictionary(
            pair => pair.Key,
            pair => CentralDifference.Gradient(Loss, pair.Value)
        );
        gradients["x"] = CentralDifference.Gradient(Loss, x);
        return (Forward(model, values, x, batch), gradients);
    }

    private static double[] Forward(
        Layer layer,
        IReadOnlyDictionary<string, double[]> values,
        double[] x,
        int batch,
        string path = ""
    )
    {
        double[] P(string name) => values[path + name];
        switch (layer)
        {
            case Sequential sequence:
                foreach ((string name, Layer child) in sequence.Children)
                    x = Forward(child, values, x, batch, $"{path}{name}.");
                return x;
            case Residual residual:
                double[] y = Forward(residual.Body, values, x, batch, $"{path}body.");
                return [.. x.Zip(y, (a, b) => a + b)];
            case LeakySum sum:
                int size = sum.OutputSize;
                double[] h = Project(x, P("weight"), P("bias"), sum.InputSize, size);
                for (int i = batch * size; i < h.Length; i++)
                    h[i] += P("decay")[i % size] * h[i - batch * size];
                return h;
            case GatedSkip skip:
                return [.. x.Select((v, i) => Gelu(v + P("d")[i % skip.InputSize] * v))];
            case Square:
                return [.. x.Select(v => v * v)];
            case Linear linear:
                return Project(x, P("weight"), P("bias"), linear.InputSize, linear.OutputSize);
            default:
                throw new NotSupportedException(layer.GetType().Name);
        }
    }

    private static double Gelu(double x) =>
        x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    private static double[] Project(
        double[] x,
        double[] weight,
        double[] bias,
        int inputs,
        int outputs
    )
    {
        double[] y = new double[x.Length / inputs * outputs];
        for (int i = 0; i < y.Length; i++)
        {
            (int row, int o) = (i / outputs, i % outputs);
            y[i] = bias[o];
            for (int c = 0; c < inputs; c++)
                y[i] += weight[o * inputs + c] * x[row * inputs + c];
        }
        return y;
    }
}
