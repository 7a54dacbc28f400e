namespace Sequor.Layers;

/// <summary>
/// The gated recurrent unit; gates reset, update, new. The reset acts after the recurrent product:
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 - z) n + z h.
/// </summary>
public sealed class Gru : Recurrent
{
    /// <summary>A network of some layers, otherwise plain.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="layers">Layers on top of each other, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Gru(int inputSize, int hiddenSize, int layers = 1)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }) { }

    /// <summary>A network with options.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases, dropout.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for an LSTM only.</exception>
    public Gru(int inputSize, int hiddenSize, RecurrentOptions options)
        : base(RecurrentKind.Gru, inputSize, hiddenSize, options) { }
}
