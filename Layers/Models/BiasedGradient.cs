namespace Sequor.Layers;

/// <summary>
/// The gradients of the weight and the bias of y = x W' + b: a product, and sums over the rows of dy, which a backend may compute within the
/// product.
/// </summary>
internal static class BiasedGradient
{
    /// <summary>dW = dW + dy' x, db = db + the sums over dy's rows.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="flow">Knows whether the bias's gradient is still zeros.</param>
    /// <param name="dy">[rows, outputs]</param>
    /// <param name="x">[rows, inputs]</param>
    /// <param name="weight">dW, [outputs, inputs]</param>
    /// <param name="bias">db, [outputs]; empty for none.</param>
    public static void Add(
        Backend backend,
        GradientFlow flow,
        in Tensor dy,
        in Tensor x,
        in Tensor weight,
        in Tensor bias
    )
    {
        var product = new MatrixProduct
        {
            A = dy,
            TransposeA = true,
            B = x,
            C = weight,
            Accumulate = true,
        };
        if (bias.IsEmpty)
        {
            backend.MatMul(product);
            return;
        }
        MatrixProduct joined = product with { Sums = bias, SumsAreZero = flow.IsZero(bias) };
        bool joins = backend.JoinsSums(joined);
        backend.MatMul(joins ? joined : product);
        if (!joins)
            backend.ColumnSum(dy, default, bias);
    }
}
