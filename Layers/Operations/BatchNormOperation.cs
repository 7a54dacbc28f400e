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
internal abstract class BatchNormOperation : PlannedOperation
{
    /// <summary>
    /// Computes the statistics of all rows of x [rows, C] and moves the running ones [C] towards them. As in PyTorch the running variance
    /// moves to the sample variance; where there is only one row it stays as it is. A channel whose statistics are not finite leaves its
    /// running ones as they are.
    /// </summary>
    public abstract void Measure(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    );

    /// <summary>Computes the statistics from the running mean and variance.</summary>
    public abstract void Recall(Tensor runningMean, Tensor runningVariance, Tensor statistics);

    /// <summary>Computes y from x; both may be the same tensor.</summary>
    public abstract void Normalise(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor bias,
        Tensor y
    );

    /// <summary>
    /// Computes, or adds to, the sums [2, C] over the rows of x and dy: the gradient of the weight, then that of the bias.
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
    /// Computes, or adds to, dx for some of the rows, given the sums over all <paramref name="rows"/> rows; dx may be dy.
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
