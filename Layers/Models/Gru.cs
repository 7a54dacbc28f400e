namespace Sequor.Layers;

/// <summary>
/// The gated recurrent unit with the gates reset, update and new. The reset gate acts after the recurrent product: n = tanh(W_in x + b_in +
/// r (W_hn h + b_hn)), h = (1 - z) n + z h.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var gru = new Gru(inputSize: 1, hiddenSize: 16);
/// using Plan stream = gru.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Streaming);
/// for (int t = 0; t &lt; 100; t++)
/// {
///     Tensor h = stream.Forward([MathF.Sin(t)], length: 1, batch: 1); // goes on from step to step
///     float first = h.ToArray()[0];
/// }
/// </code>
/// </example>
public sealed class Gru : Recurrent
{
    /// <summary>Makes a network with default options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="layers">The number of stacked layers, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Gru(int inputSize, int hiddenSize, int layers = 1)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }) { }

    /// <summary>Makes a network with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases and dropout.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for another kind of network.</exception>
    public Gru(int inputSize, int hiddenSize, RecurrentOptions options)
        : base(RecurrentKind.Gru, inputSize, hiddenSize, options) { }
}
