namespace Sequor.Layers;

/// <summary>The simple recurrent network: h = tanh or relu of W_ih x + b_ih + W_hh h + b_hh.</summary>
public sealed class Rnn : Recurrent
{
    /// <summary>A network of some layers, otherwise plain.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="layers">Layers on top of each other, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="relu">Relu instead of tanh.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Rnn(int inputSize, int hiddenSize, int layers = 1, bool relu = false)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }, relu) { }

    /// <summary>A network with options.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases, dropout.</param>
    /// <param name="relu">Relu instead of tanh.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for an LSTM only.</exception>
    public Rnn(int inputSize, int hiddenSize, RecurrentOptions options, bool relu = false)
        : base(relu ? RecurrentKind.Relu : RecurrentKind.Tanh, inputSize, hiddenSize, options) { }
}
