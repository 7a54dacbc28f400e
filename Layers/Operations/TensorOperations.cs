namespace Sequor.Layers;

/// <summary>
/// The operations on tensors that a layer or a loss can use. They check their arguments and call the backend. They run in the order of the
/// calls, allocate nothing, and may return before they are done. Tensors are seen as matrices [<see cref="Shape.Rows"/>,
/// <see cref="Shape.Columns"/>], so that [T, B, C] has T * B rows; a GPU takes up to 2^31 - 1 rows. A tensor that is written must not overlap
/// one that is read, unless the operation allows it.
/// </summary>
public sealed class TensorOperations
{
    private readonly Backend _backend;

    internal TensorOperations(Backend backend) => _backend = backend;

    /// <summary>
    /// c = op(a) op(b), plus c where it accumulates, plus a bias row where there is one. op transposes its matrix or leaves it.
    /// </summary>
    /// <param name="a">[M, K], or [K, M] where transposed.</param>
    /// <param name="b">[K, N], or [N, K] where transposed.</param>
    /// <param name="c">[M, N]</param>
    /// <param name="transposeA">Whether a is transposed; not together with b, nor with a bias.</param>
    /// <param name="transposeB">Whether b is transposed.</param>
    /// <param name="accumulate">Whether the product is added to c; not together with a bias.</param>
    /// <param name="bias">[N], added to each row of c; empty for none.</param>
    /// <exception cref="ArgumentException">The shapes or options do not fit each other, or c overlaps a or b.</exception>
    public void MatMul(
        Tensor a,
        Tensor b,
        Tensor c,
        bool transposeA = false,
        bool transposeB = false,
        bool accumulate = false,
        Tensor bias = default
    )
    {
        Require(a, nameof(a));
        Require(b, nameof(b));
        RequireApart(c, nameof(c), a, b);
        (long m, long k) = Sizes(a, transposeA);
        (long inner, long n) = Sizes(b, transposeB);
        if (k != inner || c.Shape.Rows != m || c.Shape.Columns != n)
            throw new ArgumentException(
                $"MatMul of a {Of(a, transposeA)} and b {Of(b, transposeB)} to c {c.Shape}: a's columns must be b's rows, and c has a's rows and b's columns."
            );
        if (transposeA && transposeB)
            throw new ArgumentException("MatMul transposes a or b, not both.", nameof(transposeB));
        RequireRows(a, nameof(a));
        RequireRows(b, nameof(b));
        RequireRows(c, nameof(c));
        if (!bias.IsEmpty)
        {
            RequireCount(bias, n, nameof(bias));
            if (transposeA || accumulate)
                throw new ArgumentException(
                    "MatMul adds a bias only where a is not transposed and c is written anew.",
                    nameof(bias)
                );
        }
        _backend.MatMul(
            new MatrixProduct
            {
                A = a,
                B = b,
                C = c,
                TransposeA = transposeA,
                TransposeB = transposeB,
                Accumulate = accumulate,
                Bias = bias,
            }
        );
    }

    /// <summary>result = a + b, element by element; result may be a or b.</summary>
    /// <param name="a">Values of any shape.</param>
    /// <param name="b">As many values as a.</param>
    /// <param name="result">As many values as a.</param>
    /// <exception cref="ArgumentException">The numbers of values differ, or the result overlaps a or b in part.</exception>
    public void Add(Tensor a, Tensor b, Tensor result)
    {
        Require(a, nameof(a));
        RequireCount(b, a.Count, nameof(b));
        RequireCount(result, a.Count, nameof(result));
        RequireSameOrApart(result, a, nameof(result));
        RequireSameOrApart(result, b, nameof(result));
        _backend.Pointwise(
            PointwiseOp.Add,
            new PointwiseArguments
            {
                A = a,
                B = b,
                Out = result,
            }
        );
    }

    /// <summary>
    /// result = result + a * row, element by element. A row [C] is repeated over all rows of a; it may also have as many values as a.
    /// result may be a.
    /// </summary>
    /// <param name="a">Values of any shape.</param>
    /// <param name="row">As many values as a has columns, or as many as a has values.</param>
    /// <param name="result">As many values as a; added to.</param>
    /// <exception cref="ArgumentException">The numbers of values do not fit, or the result overlaps an operand.</exception>
    public void MultiplyAdd(Tensor a, Tensor row, Tensor result)
    {
        Require(a, nameof(a));
        RequireRows(a, nameof(a));
        RequireRow(row, a);
        RequireCount(result, a.Count, nameof(result));
        RequireSameOrApart(result, a, nameof(result));
        RequireApart(result, nameof(result), row);
        _backend.MultiplyAdd(a, row, result);
    }

    /// <summary>
    /// sum = sum + a * row, with the row repeated over all rows, then result = gelu(sum) in its tanh form (Hendrycks and Gimpel 2016).
    /// </summary>
    /// <param name="a">[rows, C]</param>
    /// <param name="row">[C]</param>
    /// <param name="sum">As many values as a; added to.</param>
    /// <param name="result">As many values as a; may be sum.</param>
    /// <exception cref="ArgumentException">The numbers of values do not fit, or tensors overlap that must not.</exception>
    public void MultiplyAddGelu(Tensor a, Tensor row, Tensor sum, Tensor result)
    {
        Require(a, nameof(a));
        RequireRows(a, nameof(a));
        RequireCount(row, a.Shape.Columns, nameof(row));
        RequireCount(sum, a.Count, nameof(sum));
        RequireCount(result, a.Count, nameof(result));
        RequireApart(sum, nameof(sum), a, row);
        RequireApart(result, nameof(result), a, row);
        RequireSameOrApart(result, sum, nameof(result));
        _backend.Pointwise(
            PointwiseOp.MultiplyAddGelu,
            new PointwiseArguments
            {
                A = a,
                B = sum,
                Row = row,
                Out = result,
            }
        );
    }

    /// <summary>
    /// The gradients of <see cref="MultiplyAddGelu"/>: dsum = dresult * gelu'(sum), which is the gradient of what its sum held before, and
    /// drow = drow + the sums over rows of dsum * a. The gradient of its a is dsum * row, which <see cref="MultiplyAdd"/> computes.
    /// </summary>
    /// <param name="dresult">The gradient of its result, [rows, C].</param>
    /// <param name="sum">Its sum, as the call left it.</param>
    /// <param name="a">Its a.</param>
    /// <param name="dsum">As many values as dresult, written; may be dresult.</param>
    /// <param name="drow">[C], added to.</param>
    /// <exception cref="ArgumentException">The numbers of values do not fit, or tensors overlap that must not.</exception>
    public void MultiplyAddGeluGradient(
        Tensor dresult,
        Tensor sum,
        Tensor a,
        Tensor dsum,
        Tensor drow
    )
    {
        Require(dresult, nameof(dresult));
        RequireCount(sum, dresult.Count, nameof(sum));
        RequireCount(a, dresult.Count, nameof(a));
        RequireCount(dsum, dresult.Count, nameof(dsum));
        RequireRows(dsum, nameof(dsum));
        RequireCount(drow, dsum.Shape.Columns, nameof(drow));
        RequireSameOrApart(dsum, dresult, nameof(dsum));
        RequireApart(dsum, nameof(dsum), sum, a);
        RequireApart(drow, nameof(drow), dresult, sum, a, dsum);
        _backend.Pointwise(
            PointwiseOp.MultiplyAddGeluGradient,
            new PointwiseArguments
            {
                A = dresult,
                B = sum,
                C = a,
                Out = dsum,
                Sum = drow,
            }
        );
    }

    /// <summary>sum[c] = sum[c] + the sum over rows of a[r, c], or of a[r, c] * b[r, c] where there is a b.</summary>
    /// <param name="a">[rows, C]</param>
    /// <param name="sum">[C], added to.</param>
    /// <param name="b">As many values as a, or empty.</param>
    /// <exception cref="ArgumentException">The numbers of values do not fit, or the sum overlaps an operand.</exception>
    public void ColumnSum(Tensor a, Tensor sum, Tensor b = default)
    {
        Require(a, nameof(a));
        RequireRows(a, nameof(a));
        RequireCount(sum, a.Shape.Columns, nameof(sum));
        RequireApart(sum, nameof(sum), a);
        if (!b.IsEmpty)
        {
            RequireCount(b, a.Count, nameof(b));
            RequireApart(sum, nameof(sum), b);
        }
        _backend.ColumnSum(a, b, sum);
    }

    /// <summary>Copies the source to the destination. They may overlap: the destination gets the values from before the call.</summary>
    /// <param name="source">Values of any shape.</param>
    /// <param name="destination">As many values as the source.</param>
    /// <exception cref="ArgumentException">
    /// The numbers of values differ; or, on a GPU, the two overlap at so small a distance that more than 4096 copies would be needed.
    /// </exception>
    public void Copy(Tensor source, Tensor destination)
    {
        Require(source, nameof(source));
        RequireCount(destination, source.Count, nameof(destination));
        _backend.Copy(source, destination);
    }

    /// <summary>Copies a range of columns of a matrix into another matrix, whose other columns stay as they are.</summary>
    /// <param name="source">[rows, C]</param>
    /// <param name="sourceColumn">The first column that is copied, from 0.</param>
    /// <param name="destination">[rows, D]</param>
    /// <param name="destinationColumn">The first column that is written, from 0.</param>
    /// <param name="columns">How many columns, at least 1.</param>
    /// <exception cref="ArgumentException">The numbers of rows differ, there are not so many columns, or the two overlap.</exception>
    public void CopyColumns(
        Tensor source,
        int sourceColumn,
        Tensor destination,
        int destinationColumn,
        int columns
    )
    {
        Require(source, nameof(source));
        RequireRows(source, nameof(source));
        RequireApart(destination, nameof(destination), source);
        if (destination.Shape.Rows != source.Shape.Rows)
            throw new ArgumentException(
                $"The destination is {destination.Shape} and must have as many rows as the source {source.Shape}.",
                nameof(destination)
            );
        RequireColumns(source, sourceColumn, columns, nameof(source));
        RequireColumns(destination, destinationColumn, columns, nameof(destination));
        _backend.CopyColumns(
            new ColumnCopy
            {
                From = source,
                FromColumn = sourceColumn,
                To = destination,
                ToColumn = destinationColumn,
                Columns = columns,
            }
        );
    }

    private static void RequireColumns(Tensor tensor, int first, int count, string name)
    {
        if (first < 0 || count < 1 || first > tensor.Shape.Columns - count)
            throw new ArgumentException(
                $"{Amount.Of(count, "column")} from {first} on are not among the {tensor.Shape.Columns} of {tensor.Shape}.",
                name
            );
    }

    /// <summary>Sets every value of the destination to a value.</summary>
    /// <param name="destination">A tensor of any shape.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentException">The tensor is empty or belongs to another backend.</exception>
    public void Fill(Tensor destination, float value)
    {
        Require(destination, nameof(destination));
        _backend.Fill(destination, value);
    }

    /// <summary>
    /// Runs the caller's own code in the order of the operations. It finds tensors by <see cref="Tensor.Address"/>, which is in host memory
    /// on a CPU. On a GPU the code queues kernels on the backend's stream, and a <see cref="StepGraph"/> records them with everything else.
    /// </summary>
    /// <remarks>
    /// While a plan is made, its passes are rehearsed without memory. The code is not called then; the rehearsal knows what it would write
    /// from <paramref name="written"/>. A delegate that is kept in a field avoids an allocation at each step.
    /// </remarks>
    /// <param name="code">The code to run.</param>
    /// <param name="written">The tensors that it writes or adds to.</param>
    /// <exception cref="ArgumentException">One of the tensors is empty or belongs to another backend.</exception>
    public void Run(Action code, params ReadOnlySpan<Tensor> written)
    {
        ArgumentNullException.ThrowIfNull(code);
        foreach (Tensor tensor in written)
            Require(tensor, nameof(written));
        _backend.RunCode(code, written);
    }

    /// <summary>Checks the operands of an operation from one tensor to another of as many values, or in place.</summary>
    internal void RequireAlike(Tensor input, Tensor result)
    {
        Require(input, nameof(input));
        RequireCount(result, input.Count, nameof(result));
        RequireSameOrApart(result, input, nameof(result));
    }

    private static (long Rows, long Columns) Sizes(Tensor tensor, bool transposed) =>
        transposed
            ? (tensor.Shape.Columns, tensor.Shape.Rows)
            : (tensor.Shape.Rows, tensor.Shape.Columns);

    private static string Of(Tensor tensor, bool transposed) =>
        transposed ? $"{tensor.Shape} transposed" : $"{tensor.Shape}";

    private void Require(Tensor tensor, string name)
    {
        if (tensor.IsEmpty)
            throw new ArgumentException(
                "The tensor is empty: a gradient that was not asked for, or a slot before the plan is made.",
                name
            );
        if (tensor.Backend != _backend)
            throw new ArgumentException(
                "The tensor is not of this plan: it lies on another backend, or is one that was made beside the plan.",
                name
            );
    }

    private void RequireCount(Tensor tensor, long count, string name)
    {
        Require(tensor, name);
        if (tensor.Count != count)
            throw new ArgumentException(
                $"The tensor is {tensor.Shape} and must have {Amount.Of(count, "value")}.",
                name
            );
    }

    // A kernel counts a thread's rows by 32 bits, and would leave out those beyond.
    private void RequireRows(Tensor tensor, string name)
    {
        if (tensor.Shape.Rows > _backend.MostRows)
            throw new ArgumentException(
                $"The tensor is {tensor.Shape} and has {tensor.Shape.Rows} rows, more than the {_backend.MostRows} that {_backend.Info.Description} can take.",
                name
            );
    }

    private void RequireRow(Tensor row, Tensor a)
    {
        Require(row, nameof(row));
        if (row.Count != a.Shape.Columns && row.Count != a.Count)
            throw new ArgumentException(
                $"The row is {row.Shape} and must have {Amount.Of(a.Shape.Columns, "value")}, as a {a.Shape} has columns, or {a.Count}, as it has values.",
                nameof(row)
            );
    }

    private void RequireApart(Tensor written, string name, params ReadOnlySpan<Tensor> read)
    {
        Require(written, name);
        foreach (Tensor tensor in read)
        {
            if (Overlap(written, tensor))
                throw Overlaps(name);
        }
    }

    private static void RequireSameOrApart(Tensor written, Tensor read, string name)
    {
        if (Overlap(written, read) && written.Offset != read.Offset)
            throw Overlaps(name);
    }

    private static ArgumentException Overlaps(string name) =>
        new("The tensor is written, and overlaps one that is read.", name);

    // Offsets within a block are compared rather than addresses, since a rehearsal has none.
    private static bool Overlap(Tensor a, Tensor b) =>
        a.Storage == b.Storage && a.Offset < b.Offset + b.Count && b.Offset < a.Offset + a.Count;
}
