namespace Sequor.Layers;

/// <summary>
/// The elementwise operations, some of which also sum the values over rows. The names a, b, c, out, row and sum are those of
/// <see cref="PointwiseArguments"/>; a row [C] is repeated over all rows, and a sum [C] runs over all rows.
/// </summary>
/// <remarks>
/// gelu is its tanh form (Hendrycks and Gimpel 2016): gelu(x) = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). glu is the gated linear
/// unit (Dauphin et al. 2017): glu([x1 | x2]) = x1 sigmoid(x2), which has half the columns of its argument.
/// </remarks>
internal enum PointwiseOp
{
    /// <summary>out = a + b</summary>
    Add,

    /// <summary>out = max(a + b, 0); out may be a or b.</summary>
    AddRelu,

    /// <summary>The gradient of <see cref="AddRelu"/>: out = a where b > 0, else 0, b being its out. out may be a.</summary>
    ReluGradient,

    /// <summary>out += a * row</summary>
    MultiplyAdd,

    /// <summary>b += a * row; out = gelu(b)</summary>
    MultiplyAddGelu,

    /// <summary>
    /// The gradients of <see cref="MultiplyAddGelu"/>. a is the gradient of its out, b is its b after the call, and c is its a. out = a *
    /// gelu'(b) is the gradient of b, and sum += the sums over rows of out * c adds to the gradient of its row. out may be a.
    /// </summary>
    MultiplyAddGeluGradient,

    /// <summary>out = gelu(a); out may be a.</summary>
    Gelu,

    /// <summary>The gradient of <see cref="Gelu"/>: out = a * gelu'(b), where a is the gradient of its out and b its a. out may be a.</summary>
    GeluGradient,

    /// <summary>out = a + glu(b + row), where b and row have twice the columns of out. An empty a or row counts as zeros.</summary>
    AddGlu,

    /// <summary>
    /// The gradient of <see cref="AddGlu"/> without a row: a is the gradient of its out, and b is overwritten with its gradient; out is b.
    /// </summary>
    GluGradient,

    /// <summary>
    /// The gradient of <see cref="AddGlu"/>. a is the gradient of its out, b and row are its own. b is overwritten with its gradient, and
    /// sum [2 C] += the sums over rows of that, which is the gradient of its row. In the same pass out = gelu(c), where out may be a: this
    /// recomputes, for the product that follows, the input of the gate in a block whose gate comes after a GELU.
    /// </summary>
    AddGluGradientAndGelu,

    /// <summary>out = a + c * sigmoid(b + row). An empty a or row counts as zeros. out may be a or c.</summary>
    AddGated,

    /// <summary>
    /// The gradients of <see cref="AddGated"/>. a is the gradient of its out; b, c and row are its own. b is overwritten with its gradient,
    /// and sum += the sums over rows of that, which is the gradient of its row. out = a * sigmoid(b + row) is the gradient of c; it may be
    /// a.
    /// </summary>
    AddGatedGradient,
}

/// <summary>The operands of an elementwise operation; those that it does not use are empty.</summary>
internal readonly record struct PointwiseArguments
{
    public Tensor A { get; init; }
    public Tensor B { get; init; }
    public Tensor C { get; init; }
    public Tensor Row { get; init; }
    public Tensor Sum { get; init; }
    public required Tensor Out { get; init; }

    /// <summary>Whether an operation writes b.</summary>
    public static bool WritesB(PointwiseOp op) =>
        op
            is PointwiseOp.MultiplyAddGelu
                or PointwiseOp.GluGradient
                or PointwiseOp.AddGluGradientAndGelu
                or PointwiseOp.AddGatedGradient;

    /// <summary>What an operation is called in a profile.</summary>
    public static OperationName NameOf(PointwiseOp op) =>
        op switch
        {
            PointwiseOp.Add => OperationName.Add,
            PointwiseOp.AddRelu => OperationName.AddRelu,
            PointwiseOp.ReluGradient => OperationName.ReluGradient,
            PointwiseOp.MultiplyAdd => OperationName.MultiplyAdd,
            PointwiseOp.MultiplyAddGelu => OperationName.MultiplyAddGelu,
            PointwiseOp.MultiplyAddGeluGradient => OperationName.MultiplyAddGeluGradient,
            PointwiseOp.Gelu => OperationName.Gelu,
            PointwiseOp.GeluGradient => OperationName.GeluGradient,
            PointwiseOp.AddGlu => OperationName.AddGlu,
            PointwiseOp.GluGradient => OperationName.GluGradient,
            PointwiseOp.AddGluGradientAndGelu => OperationName.AddGluGradientAndGelu,
            PointwiseOp.AddGated => OperationName.AddGated,
            PointwiseOp.AddGatedGradient => OperationName.AddGatedGradient,
            _ => throw new ArgumentOutOfRangeException(
                nameof(op),
                op,
                "There is no such operation."
            ),
        };

    private const int GeluDerivative = 14;

    /// <summary>The operations that <see cref="PointwiseOp.MultiplyAddGeluGradient"/> takes for each value of its result.</summary>
    public const int MultiplyAddGeluGradientCost = GeluDerivative + 3;

    /// <summary>
    /// Fills a report. For each value of the result: gelu takes 9 operations and its derivative 14, a sigmoid 3 and the derivative of a
    /// gate 5, besides the sums and products that the operation's formula has.
    /// </summary>
    public OperationReport Describe(OperationReport report, PointwiseOp op)
    {
        const int Gelu = 9,
            Sigmoid = 3,
            GateDerivative = 5;
        return op switch
        {
            PointwiseOp.Add => report.Reads(A, B).Writes(Out).Costs(Out.Count),
            PointwiseOp.AddRelu => report.Reads(A, B).Writes(Out).Costs(2 * Out.Count),
            PointwiseOp.ReluGradient => report.Reads(A, B).Writes(Out).Costs(Out.Count),
            PointwiseOp.MultiplyAdd => report.Reads(A, Row).Updates(Out).Costs(2 * Out.Count),
            PointwiseOp.MultiplyAddGelu => report
                .Reads(A, Row)
                .Updates(B)
                .Writes(Out)
                .Costs((2 + Gelu) * Out.Count),
            PointwiseOp.MultiplyAddGeluGradient => report
                .Reads(A, B, C)
                .Writes(Out)
                .Updates(Sum)
                .Costs(MultiplyAddGeluGradientCost * Out.Count),
            PointwiseOp.Gelu => report.Reads(A).Writes(Out).Costs(Gelu * Out.Count),
            PointwiseOp.GeluGradient => report
                .Reads(A, B)
                .Writes(Out)
                .Costs((GeluDerivative + 1) * Out.Count),
            PointwiseOp.AddGlu => report
                .Reads(A, B, Row)
                .Writes(Out)
                .Costs((Sigmoid + 1 + (Row.IsEmpty ? 0 : 2) + (A.IsEmpty ? 0 : 1)) * Out.Count),
            PointwiseOp.GluGradient => report
                .Reads(A)
                .Updates(B)
                .Costs((Sigmoid + GateDerivative) * A.Count),
            PointwiseOp.AddGluGradientAndGelu => report
                .Reads(A, C, Row)
                .Updates(B, Sum)
                .Writes(Out)
                .Costs((Sigmoid + GateDerivative + 2 + Gelu) * Out.Count),
            PointwiseOp.AddGated => report
                .Reads(A, B, C, Row)
                .Writes(Out)
                .Costs((Sigmoid + 1 + (Row.IsEmpty ? 0 : 1) + (A.IsEmpty ? 0 : 1)) * Out.Count),
            PointwiseOp.AddGatedGradient => report
                .Reads(A, C, Row)
                .Updates(B, Sum)
                .Writes(Out)
                .Costs((Sigmoid + GateDerivative + 1) * Out.Count),
            _ => throw new ArgumentOutOfRangeException(
                nameof(op),
                op,
                "There is no such operation."
            ),
        };
    }
}
