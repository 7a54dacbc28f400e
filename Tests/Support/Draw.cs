using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Random values that are the same at every run.</summary>
internal sealed class Draw(ulong seed)
{
    private Philox _random = new(seed, 12345);

    /// <summary>Draws uniform values.</summary>
    public float[] Uniform(long count, float from = -1f, float to = 1f)
    {
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
            value = _random.NextFloat(from, to);
        return values;
    }

    /// <summary>Draws values that are -1 or 1.</summary>
    public double[] Signs(int count)
    {
        double[] values = new double[count];
        foreach (ref double value in values.AsSpan())
            value = (_random.NextBits() & 1) == 0 ? -1 : 1;
        return values;
    }

    /// <summary>Draws a whole number in [0, bound).</summary>
    public int Next(int bound) => _random.Next(bound);

    /// <summary>Draws whole numbers in [0, bound), as floats.</summary>
    public float[] Classes(int count, int bound)
    {
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
            value = Next(bound);
        return values;
    }

    /// <summary>Draws values for a model's parameters at which all parts of the model matter.</summary>
    public Dictionary<string, float[]> Parameters(Layer model)
    {
        var values = new Dictionary<string, float[]>();
        NamedParameter[] named = [.. model.NamedParameters()];
        foreach ((string name, Parameter parameter) in named)
        {
            string layer = name[..^parameter.Name.Length];
            values[name] = Parameter(parameter, named.Any(p => p.Name == $"{layer}log_dt"));
        }
        return values;
    }

    // What a state space samples with steps of its own has eigenvalues of continuous time.
    private float[] Parameter(Parameter parameter, bool isSampled)
    {
        Shape shape = parameter.Shape;
        float bound = shape.Rank == 2 ? 1.5f / MathF.Sqrt(shape.Columns) : 0.5f;
        return parameter.Name switch
        {
            // These give moduli from 0.2 to 0.9 and phases from 0.1 to 4.5.
            "nu_log" => Uniform(shape.Count, -2.5f, 0.5f),
            "theta_log" => Uniform(shape.Count, -2f, 1.5f),
            // Steps of 0.05 to 0.6, and eigenvalues that turn and decay within a few of them. A softmax's may grow.
            "log_dt" => Uniform(shape.Count, -3f, -0.5f),
            "log_A_real" or "Lambda_log_neg_re" => Uniform(shape.Count, -1.5f, 0.5f),
            "Lambda_re" when isSampled => Uniform(shape.Count, -1f, 0.4f),
            "A_imag" => Uniform(shape.Count, -6f, 6f),
            "Lambda_im" when isSampled => Uniform(shape.Count, -6f, 6f),
            "gamma_log" => Uniform(shape.Count, -1f, 0.3f),
            // Moduli from 0.3 to a little above 1, on any side of the circle.
            "nu" => Uniform(shape.Count, -0.02f, 1.2f),
            "theta" => Uniform(shape.Count, -4f, 4f),
            // In an LRU's block these are the eigenvalue itself, in an S5's and a DSS's they are for a step of 1/20 to 2.
            "Lambda_re" => Uniform(shape.Count, -0.7f, 0.02f),
            "Lambda_im" => Uniform(shape.Count, -0.7f, 0.7f),
            "log_step" => Uniform(shape.Count, -1f, 0.7f),
            // Directions of weight norms, whose length does not matter.
            var name when name.EndsWith("weight_v", StringComparison.Ordinal) => Uniform(
                shape.Count
            ),
            var name when name.EndsWith("weight_g", StringComparison.Ordinal) => Uniform(
                shape.Count,
                0.5f,
                1.5f
            ),
            _ => Uniform(shape.Count, -bound, bound),
        };
    }
}
