namespace Sequor.Layers;

/// <summary>Normalisation of each channel over all rows.</summary>
/// <param name="Size">C, the channels.</param>
/// <param name="Momentum">How far the running statistics move to those of a batch.</param>
/// <param name="Epsilon">Added to the variance.</param>
internal readonly record struct BatchNormDescriptor(int Size, float Momentum, float Epsilon);

/// <summary>
/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias with the mean and the biased variance of a channel over all
/// rows; statistics [2, C]: means, then 1 / deviations. Statistics and sums are of all rows; what uses them can be run on
/// some rows at a time.
/// </summary>
internal abstract class BatchNormOperation : PlannedOperation
{
    /// <summary>
    /// The statistics of all rows of x; moves the running ones [C] towards them, PyTorch's way: to the sample variance, and
    /// where there is but one row, the running variance stays. Those of a channel whose statistics are not finite stay.
    /// </summary>
    public abstract void Measure(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    );

    /// <summary>The statistics of the running mean and variance.</summary>
    public abstract void Recall(Tensor runningMean, Tensor runningVariance, Tensor statistics);

    /// <summary>y from x, which may be one.</summary>
    public abstract void Normalise(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor bias,
        Tensor y
    );

    /// <summary>
    /// sums [2, C] = (sums +) those over the rows of x and dy: the gradient by the weight, then that by the bias.
    /// </summary>
    public abstract void Sum(
        Tensor x,
        Tensor statistics,
        Tensor dy,
        Tensor sums,
        bool accumulate,
        Tensor workspace
    );

    /// <summary>
    /// dx = (dx +) gradient by x of some rows, given the sums over all <paramref name="rows"/>; dx may be dy.
    /// </summary>
    public abstract void Backward(
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
