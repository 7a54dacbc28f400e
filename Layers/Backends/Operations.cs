namespace Sequor.Layers;

/// <summary>
/// C [M, N] = op(A) op(B), plus C where <see cref="Accumulate"/>, plus a bias row [N] where there is one. Tensors are
/// seen as matrices [rows, columns]. Transposed A and B together are not needed and not offered; nor is a bias together with
/// accumulation or a transposed A.
/// </summary>
internal readonly record struct MatrixProduct
{
    /// <summary>[M, K], or [K, M] where transposed.</summary>
    public required Tensor A { get; init; }

    /// <summary>[K, N], or [N, K] where transposed.</summary>
    public required Tensor B { get; init; }
    public required Tensor C { get; init; }
    public Tensor Bias { get; init; }
    public bool TransposeA { get; init; }
    public bool TransposeB { get; init; }
    public bool Accumulate { get; init; }
}

/// <summary>The elementwise operations. a, b, out, row, bits are those of <see cref="PointwiseArguments"/>.</summary>
internal enum PointwiseOp
{
    /// <summary>out = a + b</summary>
    Add,

    /// <summary>out = gelu(a), the tanh form.</summary>
    Gelu,

    /// <summary>out = a * gelu'(b)</summary>
    GeluGradient,

    /// <summary>out = a where b &gt; 0, else 0</summary>
    ReluGradient,

    /// <summary>out += a * row, row [C] repeated over rows</summary>
    AddTimesRow,

    /// <summary>
    /// out = a * row, row repeated over rows: [B, C] seen as one row of B * C over T, for spatial dropout. Packed, each step
    /// takes as much of the row as it has sequences.
    /// </summary>
    TimesRow,

    /// <summary>out = a + b1 * sigmoid(b2), b = [b1 | b2] of twice the columns. An empty a is zero.</summary>
    Glu,

    /// <summary>b = gradient of b, in place, given a = gradient of out of <see cref="Glu"/>.</summary>
    GluGradient,

    /// <summary>out = relu(relu(out) + a); bits remember where the inner relu passed.</summary>
    ResidualRelu,

    /// <summary>a = a where b &gt; 0 (b the output); out = that where the bits are set, else 0.</summary>
    ResidualReluGradient,
}

/// <summary>Operands of an elementwise operation; those that it does not name are empty.</summary>
internal readonly record struct PointwiseArguments
{
    public Tensor A { get; init; }
    public Tensor B { get; init; }
    public Tensor Row { get; init; }

    /// <summary>One bit an element: a float holds 32.</summary>
    public Tensor Bits { get; init; }
    public required Tensor Out { get; init; }

    /// <summary>Where the rows lie, for <see cref="PointwiseOp.TimesRow"/>; null where the batch is not packed.</summary>
    public SequenceLayout? Layout { get; init; }

    /// <summary>Floats that hold one bit for each of so many elements, for any split of the work.</summary>
    public static long BitFloats(long elements) => (elements + 31) / 32 + 1;
}

/// <summary>Which rule an update follows.</summary>
internal enum OptimizerRule
{
    Sgd,
    RmsProp,
    Adam,
    AdamW,
}

/// <summary>A range of the block of parameters that is updated alike.</summary>
/// <param name="From">First value.</param>
/// <param name="To">Behind the last one.</param>
/// <param name="RateFactor">The learning rate is multiplied by it.</param>
/// <param name="Decays">The rule's weight decay acts here.</param>
internal readonly record struct OptimizerSegment(long From, long To, float RateFactor, bool Decays);

/// <summary>
/// One step of an optimizer over all parameters at once. The gradients' norm is taken first, and scales them down to
/// <see cref="Clip"/> where it is larger; where it is not finite, nothing changes but the count of skipped steps.
/// </summary>
internal readonly record struct OptimizerUpdate
{
    /// <summary>Index of values in <see cref="State"/>.</summary>
    public const int LearningRate = 0,
        Step = 1,
        Skipped = 2,
        Norm = 3,
        StateLength = 4;

    public required OptimizerRule Rule { get; init; }
    public required Tensor Parameters { get; init; }
    public required Tensor Gradients { get; init; }

    /// <summary>Momentum, or the mean square (RMSProp), or the first moment (Adam); empty where the rule has none.</summary>
    public Tensor First { get; init; }

    /// <summary>Adam's second moment.</summary>
    public Tensor Second { get; init; }

    /// <summary>Learning rate, steps taken, steps skipped, last norm: they live where the step runs.</summary>
    public required Tensor State { get; init; }

    /// <summary>Largest global norm of the gradients; infinity for no clipping.</summary>
    public required float Clip { get; init; }

    /// <summary>Momentum, RMSProp's smoothing, Adam's beta 1.</summary>
    public float Beta1 { get; init; }
    public float Beta2 { get; init; }
    public float Epsilon { get; init; }

    /// <summary>AdamW's weight decay.</summary>
    public float Decay { get; init; }

    /// <summary>Ranges that follow each other and cover all parameters.</summary>
    public required OptimizerSegment[] Segments { get; init; }

    /// <summary>The same by <see cref="Backend.PlaceSegments"/>.</summary>
    public Storage? PlacedSegments { get; init; }
}
