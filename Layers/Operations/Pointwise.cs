namespace Sequor.Layers;

/// <summary>
/// The elementwise operations, with the sums that go over the same values. a, b, c, out, row, sum are those of
/// <see cref="PointwiseArguments"/>; a row [C] is repeated over all rows, and a sum [C] is over all rows.
/// </summary>
/// <remarks>
/// gelu is its tanh form (Hendrycks and Gimpel 2016): gelu(x) = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). glu is the
/// gated linear unit (Dauphin et al. 2017): glu([x1 | x2]) = x1 sigmoid(x2), of half the columns.
/// </remarks>
internal enum PointwiseOp
{
    /// <summary>out = a + b</summary>
    Add,

    /// <summary>out += a * row</summary>
    MultiplyAdd,

    /// <summary>b += a * row; out = gelu(b)</summary>
    MultiplyAddGelu,

    /// <summary>
    /// The gradients of <see cref="MultiplyAddGelu"/>, where a is that by its out, b its b, and c its a: out = a * gelu'(b), which
    /// is that by b; sum += sum of out * c, which is that by its row. out may be a.
    /// </summary>
    MultiplyAddGeluGradient,

    /// <summary>out = a + glu(b + row), b and row of twice the columns. An empty a is zero, and so is an empty row.</summary>
    AddGlu,

    /// <summary>
    /// The gradient of <see cref="AddGlu"/>, where a is that by its out, b and row are its own: b = that by b, in place;
    /// sum [2 C] += sum of that, which is the one by its row. Beside it out = gelu(c), which may be a: what came in by a is
    /// used up, and in a block whose gate follows a gelu the next product wants that again.
    /// </summary>
    AddGluGradientAndGelu,
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
