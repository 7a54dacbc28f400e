namespace Sequor.Layers;

/// <summary>The recurrences that cuDNN knows.</summary>
public enum RecurrentKind
{
    /// <summary>h = tanh(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Tanh,

    /// <summary>h = relu(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Relu,

    /// <summary>Gates input, forget, cell, output.</summary>
    Lstm,

    /// <summary>Gates reset, update, new; the reset acts after the recurrent product.</summary>
    Gru,
}

/// <summary>A recurrent network of one direction, for its largest shape.</summary>
internal readonly record struct RecurrentDescriptor(
    RecurrentKind Kind,
    int InputSize,
    int HiddenSize,
    int Layers,
    int MaxLength,
    int MaxBatch,
    bool Training,
    bool InputGradient
)
{
    public int Gates =>
        Kind switch
        {
            RecurrentKind.Lstm => 4,
            RecurrentKind.Gru => 3,
            _ => 1,
        };

    public int LayerInput(int layer) => layer == 0 ? InputSize : HiddenSize;
}

/// <summary>Where each parameter lies in its block.</summary>
/// <param name="Count">Size of the block in floats, gaps included.</param>
/// <param name="Offsets">Offset in floats by the parameter's name.</param>
internal sealed record ParameterLayout(long Count, IReadOnlyDictionary<string, long> Offsets);

/// <summary>A prepared operation: says what memory it wants before it runs, and allocates none when it does.</summary>
internal abstract class PlannedOperation : IDisposable
{
    /// <summary>Floats of scratch, free between calls.</summary>
    public abstract long WorkspaceCount { get; }

    public virtual void Dispose() { }
}

/// <summary>
/// y [T, B, H] of the top layer from x [T, B, I]. The reserve passes from forward to backward.
/// </summary>
internal abstract class RecurrentOperation : PlannedOperation
{
    /// <summary>Floats that forward leaves for backward, beside x and y.</summary>
    public abstract long ReserveCount { get; }

    /// <summary>Parameters are the block laid out by <see cref="Backend.RecurrentLayout"/>.</summary>
    public abstract void Forward(
        Tensor x,
        Tensor parameters,
        Tensor y,
        Tensor reserve,
        Tensor workspace
    );

    /// <summary>
    /// Adds to the parameters' gradients; writes dx [T, B, I] unless it is empty. A dy of fewer steps than y is the
    /// gradient of the last ones, the others' being zero.
    /// </summary>
    public abstract void Backward(
        Tensor x,
        Tensor parameters,
        Tensor y,
        Tensor dy,
        Tensor dx,
        Tensor dparameters,
        Tensor reserve,
        Tensor workspace
    );
}

/// <summary>A causal convolution: output t sees inputs t, t - d, ..., t - (k-1) d; zero before time 0.</summary>
internal readonly record struct ConvolutionDescriptor(
    int InputSize,
    int OutputSize,
    int Kernel,
    int Dilation,
    int MaxLength,
    int MaxBatch,
    bool Relu
);

/// <summary>
/// y [T, B, O] = (relu of) w * x + b. w is [O, I, k] with the current step last, as in torch.nn.Conv1d.
/// </summary>
internal abstract class ConvolutionOperation : PlannedOperation
{
    public abstract void Forward(Tensor x, Tensor w, Tensor b, Tensor y, Tensor workspace);

    /// <summary>dx = (dx +) gradient by x, without the relu, which the caller applies to dy.</summary>
    public abstract void BackwardData(
        Tensor dy,
        Tensor w,
        Tensor dx,
        bool accumulate,
        Tensor workspace
    );

    /// <summary>dw = gradient by w; db += gradient by b unless it is empty.</summary>
    public abstract void BackwardFilter(
        Tensor x,
        Tensor dy,
        Tensor dw,
        Tensor db,
        Tensor workspace
    );
}

/// <summary>N complex channels with x_t = lambda x_{t-1} + u_t, and the LRU's parameters that make lambda.</summary>
internal readonly record struct DiagonalScanDescriptor(
    int ModelSize,
    int StateSize,
    int MaxLength,
    int MaxBatch
);

/// <summary>The parameters of an LRU, or their gradients. Shapes: nu, theta, gamma [N]; B [N, d]; C [d, N].</summary>
internal readonly record struct LruTensors(
    Tensor NuLog,
    Tensor ThetaLog,
    Tensor GammaLog,
    Tensor BReal,
    Tensor BImaginary,
    Tensor CReal,
    Tensor CImaginary
);

/// <summary>
/// The scan and the real matrices around it. States are interleaved (re, im) pairs, [T, B, 2N]: then u = z B' and
/// y = x C' are single real products with B' [2N, d] = interleaved gamma B and C' [d, 2N] = interleaved (C_re, -C_im).
/// </summary>
internal abstract class DiagonalScanOperation : PlannedOperation
{
    /// <summary>Writes lambda [N, 2], B' [2N, d] and C' [d, 2N].</summary>
    public abstract void Prepare(in LruTensors p, Tensor lambda, Tensor b, Tensor c);

    /// <summary>Adds to the parameters' gradients what those of lambda, B' and C' give by the chain rule.</summary>
    public abstract void PrepareGradient(
        in LruTensors p,
        Tensor lambda,
        Tensor dlambda,
        Tensor db,
        Tensor dc,
        in LruTensors gradients
    );

    /// <summary>
    /// In place over steps first .. first + count - 1: states [T, B, 2N] hold u and then x. The steps before were done.
    /// </summary>
    public abstract void Forward(
        Tensor lambda,
        Tensor states,
        int first,
        int count,
        Tensor workspace
    );

    /// <summary>
    /// In place: gradient [count, B, 2N] of steps first .. first + count - 1 holds dx and then du. Ranges of steps follow each
    /// other from the end to step 0; with the last of them dlambda [N, 2] is written.
    /// </summary>
    public abstract void Backward(
        Tensor lambda,
        Tensor states,
        Tensor gradient,
        int first,
        Tensor dlambda,
        Tensor workspace
    );
}

/// <summary>Normalisation over the channels of each row.</summary>
internal readonly record struct LayerNormDescriptor(
    int Size,
    int MaxLength,
    int MaxBatch,
    float Epsilon
);

/// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias; statistics [rows, 2]: mean, 1 / deviation.</summary>
internal abstract class LayerNormOperation : PlannedOperation
{
    /// <summary>Where <paramref name="reuse"/>, the statistics are read, not computed.</summary>
    public abstract void Forward(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    );

    /// <summary>dx = (dx +) gradient by x; adds to the gradients of weight and bias.</summary>
    public abstract void Backward(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace
    );
}
