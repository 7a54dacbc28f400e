namespace Sequor.Layers;

// The operations that are not planned. Each says to a probe what it does and costs, and calls what a backend makes of it.
public abstract partial class Backend
{
    // Layers and callers may use these operations on parameters too, of which streams keep what they made.
    private static void Changes(Tensor written) => written.Storage?.NoteChange();

    /// <summary>Copies from host memory, after earlier work on the destination. The source may be reused when the call returns.</summary>
    /// <exception cref="NotRecordableException">
    /// Work is being recorded, and a recorded copy would give the same values at each run.
    /// </exception>
    internal void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        // What goes by way of other memory is written and read there too.
        using OperationScope scope = Begin(
            Report(OperationName.Upload)
                ?.Writes(destination)
                .Moves(2 * StagedBytes(destination.Storage, destination.Count))
        );
        Changes(destination);
        UploadCore(source, destination);
    }

    /// <inheritdoc cref="Upload(ReadOnlySpan{float}, Tensor)"/>
    private protected abstract void UploadCore(ReadOnlySpan<float> source, Tensor destination);

    /// <summary>Copies to host memory, after waiting for earlier work on the source.</summary>
    internal void Download(Tensor source, Span<float> destination)
    {
        using OperationScope scope = Begin(Report(OperationName.Download)?.Reads(source));
        DownloadCore(source, destination);
    }

    /// <inheritdoc cref="Download"/>
    private protected abstract void DownloadCore(Tensor source, Span<float> destination);

    /// <summary>
    /// Copies to host memory the values as they are once the work queued so far is done, without blocking the calling thread.
    /// </summary>
    internal Task<float[]> DownloadAsync(Tensor source, CancellationToken cancellation)
    {
        using OperationScope scope = Begin(Report(OperationName.Download)?.Reads(source));
        return DownloadAsyncCore(source, cancellation);
    }

    /// <inheritdoc cref="DownloadAsync"/>
    private protected virtual Task<float[]> DownloadAsyncCore(
        Tensor source,
        CancellationToken cancellation
    )
    {
        float[] values = new float[source.Count];
        DownloadCore(source, values);
        return Task.FromResult(values);
    }

    /// <summary>
    /// Copies all values of the source to the beginning of the destination, which may be larger. They may overlap: the destination gets the
    /// values from before the call.
    /// </summary>
    /// <exception cref="ArgumentException">They overlap so closely that the device cannot copy one to the other.</exception>
    internal void Copy(Tensor source, Tensor destination)
    {
        using OperationScope scope = Begin(
            Report(OperationName.Copy)?.Reads(source).Writes(destination.View(source.Shape))
        );
        Changes(destination);
        CopyCore(source, destination);
    }

    /// <inheritdoc cref="Copy"/>
    private protected abstract void CopyCore(Tensor source, Tensor destination);

    /// <summary>Copies columns of a matrix to columns of another, see <see cref="ColumnCopy"/>.</summary>
    internal void CopyColumns(in ColumnCopy copy)
    {
        OperationReport? report = Report(OperationName.CopyColumns);
        using OperationScope scope = Begin(report is null ? null : copy.Describe(report));
        Changes(copy.To);
        CopyColumnsCore(copy);
    }

    /// <inheritdoc cref="CopyColumns"/>
    private protected abstract void CopyColumnsCore(in ColumnCopy copy);

    /// <summary>Sets every value of the destination to a value.</summary>
    internal void Fill(Tensor destination, float value)
    {
        using OperationScope scope = Begin(Report(OperationName.Fill)?.Writes(destination));
        Changes(destination);
        FillCore(destination, value);
    }

    /// <inheritdoc cref="Fill"/>
    private protected abstract void FillCore(Tensor destination, float value);

    /// <summary>Runs a caller's code, which queues work that writes these tensors.</summary>
    internal void RunCode(Action code, ReadOnlySpan<Tensor> written)
    {
        using OperationScope scope = Begin(Report(OperationName.Code)?.Updates(written).Unknown());
        foreach (Tensor tensor in written)
            Changes(tensor);
        RunCodeCore(code, written);
    }

    /// <inheritdoc cref="RunCode"/>
    private protected virtual void RunCodeCore(Action code, ReadOnlySpan<Tensor> written) => code();

    /// <summary>C = op(A) op(B), see <see cref="MatrixProduct"/>.</summary>
    internal void MatMul(in MatrixProduct product)
    {
        OperationReport? report = Report(OperationName.MatMul);
        using OperationScope scope = Begin(report is null ? null : product.Describe(report));
        Changes(product.C);
        Changes(product.Sums);
        MatMulCore(product);
    }

    /// <inheritdoc cref="MatMul"/>
    private protected abstract void MatMulCore(in MatrixProduct product);

    /// <summary>Runs one of the closed list of elementwise operations.</summary>
    internal void Pointwise(PointwiseOp op, in PointwiseArguments arguments)
    {
        OperationReport? report = Report(PointwiseArguments.NameOf(op));
        using OperationScope scope = Begin(report is null ? null : arguments.Describe(report, op));
        Changes(arguments.Out);
        Changes(arguments.Sum);
        if (PointwiseArguments.WritesB(op))
            Changes(arguments.B);
        PointwiseCore(op, arguments);
    }

    /// <summary>result += a * row: <see cref="PointwiseOp.MultiplyAdd"/>.</summary>
    internal void MultiplyAdd(Tensor a, Tensor row, Tensor result) =>
        Pointwise(
            PointwiseOp.MultiplyAdd,
            new PointwiseArguments
            {
                A = a,
                Row = row,
                Out = result,
            }
        );

    /// <inheritdoc cref="Pointwise"/>
    private protected abstract void PointwiseCore(PointwiseOp op, in PointwiseArguments arguments);

    /// <summary>sum[c] += sum over rows of a[r, c] * b[r, c], or of a[r, c] where b is empty.</summary>
    internal void ColumnSum(Tensor a, Tensor b, Tensor sum)
    {
        using OperationScope scope = Begin(
            Report(OperationName.ColumnSum)
                ?.Reads(a, b)
                .Updates(sum)
                .Costs(b.IsEmpty ? a.Count : 2 * a.Count)
        );
        Changes(sum);
        ColumnSumCore(a, b, sum);
    }

    /// <inheritdoc cref="ColumnSum"/>
    private protected abstract void ColumnSumCore(Tensor a, Tensor b, Tensor sum);

    /// <summary>Computes the global norm of the gradients and the update that it scales; see <see cref="OptimizerUpdate"/>.</summary>
    internal void Optimize(in OptimizerUpdate update)
    {
        OperationReport? report = Report(OperationName.Update);
        using OperationScope scope = Begin(report is null ? null : update.Describe(report));
        Changes(update.Parameters);
        OptimizeCore(update);
    }

    /// <inheritdoc cref="Optimize"/>
    private protected abstract void OptimizeCore(in OptimizerUpdate update);
}
