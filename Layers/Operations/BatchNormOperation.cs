namespace Sequor.Layers;

/// <summary>The sizes and constants of a batch normalisation: of each channel over all rows (Ioffe and Szegedy 2015).</summary>
/// <param name="Size">C, the number of channels.</param>
/// <param name="Momentum">How far each batch moves the running statistics towards its own, from 0 to 1.</param>
/// <param name="Epsilon">Added to the variance.</param>
internal readonly record struct BatchNormDescriptor(int Size, float Momentum, float Epsilon);

/// <summary>
/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, with the mean and the biased variance of each channel over all rows. The
/// statistics [2, C] are the means and then 1 / sqrt(variance + epsilon). Statistics and sums are taken over all rows at once; the
/// operations that use them may run over some rows at a time.
/// </summary>
internal abstract class BatchNormOperation(Backend backend) : PlannedOperation(backend)
{
    /// <summary>
    /// Computes the statistics of all rows of x [rows, C] and moves the running ones [C] towards them. As in PyTorch the running variance
    /// moves to the sample variance; where there is only one row it stays as it is. A channel whose statistics are not finite leaves its
    /// running ones as they are.
    /// </summary>
    public void Measure(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.BatchNormStatistics)
                ?.Reads(x)
                .Writes(statistics)
                .Updates(runningMean, runningVariance)
                .Scratch(workspace)
                .Costs(3 * x.Count)
        );
        runningMean.Storage.NoteChange();
        runningVariance.Storage.NoteChange();
        MeasureCore(x, statistics, runningMean, runningVariance, workspace);
    }

    /// <inheritdoc cref="Measure"/>
    protected abstract void MeasureCore(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    );

    /// <summary>Computes the statistics from the running mean and variance.</summary>
    public void Recall(Tensor runningMean, Tensor runningVariance, Tensor statistics)
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.BatchNormRecall)
                ?.Reads(runningMean, runningVariance)
                .Writes(statistics)
                .Costs(3 * runningMean.Count)
        );
        RecallCore(runningMean, runningVariance, statistics);
    }

    /// <inheritdoc cref="Recall"/>
    protected abstract void RecallCore(
        Tensor runningMean,
        Tensor runningVariance,
        Tensor statistics
    );

    /// <summary>Computes y from x; both may be the same tensor.</summary>
    public void Normalise(Tensor x, Tensor statistics, Tensor weight, Tensor bias, Tensor y)
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.BatchNorm)
                ?.Reads(x, statistics, weight, bias)
                .Writes(y)
                .Costs(4 * x.Count)
        );
        NormaliseCore(x, statistics, weight, bias, y);
    }

    /// <inheritdoc cref="Normalise"/>
    protected abstract void NormaliseCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor bias,
        Tensor y
    );

    /// <summary>
    /// Computes, or adds to, the sums [2, C] over the rows of x and dy: the gradient of the weight, then that of the bias.
    /// </summary>
    public void Sum(
        Tensor x,
        Tensor statistics,
        Tensor dy,
        Tensor sums,
        bool accumulate,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.BatchNormSums)
                ?.Reads(x, statistics, dy)
                .Results(sums, accumulate)
                .Scratch(workspace)
                .Costs(5 * x.Count)
        );
        SumCore(x, statistics, dy, sums, accumulate, workspace);
    }

    /// <inheritdoc cref="Sum"/>
    protected abstract void SumCore(
        Tensor x,
        Tensor statistics,
        Tensor dy,
        Tensor sums,
        bool accumulate,
        Tensor workspace
    );

    /// <summary>
    /// Computes, or adds to, dx for some of the rows, given the sums over all <paramref name="rows"/> rows; dx may be dy.
    /// </summary>
    public void Backward(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor dy,
        Tensor sums,
        long rows,
        Tensor dx,
        bool accumulate
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.BatchNormGradient)
                ?.Reads(x, statistics, weight, dy, sums)
                .Results(dx, accumulate)
                .Costs(8 * x.Count)
        );
        BackwardCore(x, statistics, weight, dy, sums, rows, dx, accumulate);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor dy,
        Tensor sums,
        long rows,
        Tensor dx,
        bool accumulate
    );
}
