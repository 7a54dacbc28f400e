namespace Sequor.Layers;

/// <summary>The tensors of a weight norm w = g v / |v| (Salimans and Kingma 2016), which writes w and the norms. No two overlap.</summary>
/// <param name="V">[O, I, k]</param>
/// <param name="G">[O]</param>
/// <param name="W">As many values as v, in the order that the backend's convolutions read.</param>
/// <param name="Norms">[O]: |v| of each output.</param>
/// <param name="Dilation">The steps between taps of the convolution.</param>
internal readonly record struct WeightNormTensors(
    Tensor V,
    Tensor G,
    Tensor W,
    Tensor Norms,
    int Dilation
)
{
    /// <summary>Fills a report: a square, a sum and a product for each value of v.</summary>
    public static OperationReport Describe(
        OperationReport report,
        ReadOnlySpan<WeightNormTensors> filters
    )
    {
        long values = 0;
        foreach (WeightNormTensors filter in filters)
        {
            report.Reads(filter.V, filter.G).Writes(filter.W, filter.Norms);
            values += filter.V.Count;
        }
        return report.Costs(3 * values);
    }
}

/// <summary>The gradients of a weight norm, no two of which overlap.</summary>
/// <param name="W">The gradient of w, read.</param>
/// <param name="Steps">
/// The most steps of a sequence: taps that reach as far back or further have zeros for a gradient, which w's may lack.
/// </param>
/// <param name="V">The gradient of v, added to.</param>
/// <param name="G">The gradient of g, added to.</param>
internal readonly record struct WeightNormGradients(Tensor W, int Steps, Tensor V, Tensor G)
{
    /// <summary>Fills a report: a product and a sum for the gradient of g, and four operations for that of v.</summary>
    public static OperationReport Describe(
        OperationReport report,
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    )
    {
        long values = 0;
        for (int i = 0; i < filters.Length; i++)
        {
            report
                .Reads(filters[i].V, filters[i].G, filters[i].Norms, gradients[i].W)
                .Updates(gradients[i].V, gradients[i].G);
            values += filters[i].V.Count;
        }
        return report.Costs(6 * values);
    }
}
