namespace Sequor.Layers;

/// <summary>
/// The elementwise operations, with the sums that go over the same values. a, b, c, out, row, sum are those of
/// <see cref="PointwiseArguments"/>.
/// </summary>
internal enum PointwiseOp
{
    /// <summary>out = a + b</summary>
    Add,

    /// <summary>b += a * row, row [C] repeated over rows; out = gelu(b), the tanh form.</summary>
    GeluOfSum,

    /// <summary>out = a * gelu'(b); sum [C] += the sums over rows of out * c.</summary>
    GeluGradient,

    /// <summary>out += a * row, row [C] repeated over rows</summary>
    AddTimesRow,

    /// <summary>
    /// out = a + b1 * sigmoid(b2), [b1 | b2] of twice the columns being b + row. An empty a is zero, and so is an empty row.
    /// </summary>
    Glu,

    /// <summary>
    /// b = gradient of b, in place, given a = gradient of out of <see cref="Glu"/>, and its row; sum [2 C] += the sums over
    /// rows of that; out = gelu(c), where out may be a.
    /// </summary>
    GluGradient,
}

/// <summary>Operands of an elementwise operation; those that it does not name are empty.</summary>
internal readonly record struct PointwiseArguments
{
    public Tensor A { get; init; }
    public Tensor B { get; init; }
    public Tensor C { get; init; }
    public Tensor Row { get; init; }
    public Tensor Sum { get; init; }
    public required Tensor Out { get; init; }
}
