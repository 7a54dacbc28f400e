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

/// <summary>A weight norm: w = g v / |v|.</summary>
/// <param name="V">[O, I, k]</param>
/// <param name="G">[O]</param>
/// <param name="W">As many values as v, in the order that convolutions read.</param>
/// <param name="Norms">[O]: |v|.</param>
internal readonly record struct WeightNormTensors(Tensor V, Tensor G, Tensor W, Tensor Norms);

/// <summary>The gradients of a weight norm.</summary>
/// <param name="W">By w, read.</param>
/// <param name="Taps">Newest taps of it that count; the others are zero and not read.</param>
/// <param name="V">By v, added to.</param>
/// <param name="G">By g, added to.</param>
internal readonly record struct WeightNormGradients(Tensor W, int Taps, Tensor V, Tensor G);

/// <summary>A range of the block of parameters that is updated alike.</summary>
/// <param name="From">First value.</param>
/// <param name="To">Behind the last one.</param>
/// <param name="RateFactor">The learning rate is multiplied by it.</param>
/// <param name="Decays">The rule's weight decay acts here.</param>
internal readonly record struct OptimizerSegment(long From, long To, float RateFactor, bool Decays);

/// <summary>
/// One step of an optimizer over all parameters at once. The gradients' norm is taken first, and scales them down to
/// <see cref="MaxNorm"/> where it is larger; where it is not finite, nothing changes but the count of skipped steps.
/// </summary>
internal readonly record struct OptimizerUpdate
{
    /// <summary>Index of values in <see cref="State"/>.</summary>
    public const int LearningRate = 0,
        Step = 1,
        Skipped = 2,
        Norm = 3,
        MaxNorm = 4,
        StateLength = 5;

    /// <summary>The first of them, which a checkpoint has.</summary>
    public const int SavedLength = MaxNorm;

    public required UpdateRule Rule { get; init; }
    public required Tensor Parameters { get; init; }
    public required Tensor Gradients { get; init; }

    /// <summary>The mean of gradients; empty where the rule has none.</summary>
    public Tensor First { get; init; }

    /// <summary>The mean square; empty where the rule has none.</summary>
    public Tensor Second { get; init; }

    /// <summary>
    /// Learning rate, steps taken, steps skipped, last norm, largest norm (infinity for no clipping): they live where the step
    /// runs.
    /// </summary>
    public required Tensor State { get; init; }

    /// <summary>Ranges that follow each other and cover all parameters.</summary>
    public required OptimizerSegment[] Segments { get; init; }

    /// <summary>The same by <see cref="Backend.PlaceSegments"/>.</summary>
    public Storage? PlacedSegments { get; init; }
}
