namespace Sequor.Interop;

/// <summary>
/// The sizes of a causal dilated convolution over time: y[t] = sum over r of w[:, r, :] x[t - (Kernel - 1 - r) * Dilation], where x
/// is 0 before the first step.
/// </summary>
/// <param name="Steps">T, the number of time steps.</param>
/// <param name="BatchSize">B, the number of sequences.</param>
/// <param name="Inputs">The number of channels of x [T, B, Inputs].</param>
/// <param name="Outputs">The number of channels of y [T, B, Outputs].</param>
/// <param name="Kernel">The number of taps of w [Outputs, Kernel, Inputs]; the last tap is for the current step.</param>
/// <param name="Dilation">The number of steps between taps.</param>
public readonly record struct ConvolutionShape(
    int Steps,
    int BatchSize,
    int Inputs,
    int Outputs,
    int Kernel,
    int Dilation
)
{
    /// <summary>The number of elements of x.</summary>
    public long InputCount => (long)Steps * BatchSize * Inputs;

    /// <summary>The number of elements of y.</summary>
    public long OutputCount => (long)Steps * BatchSize * Outputs;

    /// <summary>The number of elements of w.</summary>
    public long FilterCount => (long)Outputs * Kernel * Inputs;

    internal void Require()
    {
        ReadOnlySpan<int> sizes = [Steps, BatchSize, Inputs, Outputs, Kernel, Dilation];
        foreach (int size in sizes)
            if (size <= 0)
                throw new ArgumentOutOfRangeException(
                    nameof(Steps),
                    $"A convolution's sizes are above 0: {this}."
                );
        // cuDNN's engines count elements in 32 bits.
        if (Math.Max(InputCount, OutputCount) > int.MaxValue)
            throw new ArgumentOutOfRangeException(
                nameof(Steps),
                $"A convolution has at most {int.MaxValue} elements on either side; split {this}."
            );
    }
}
