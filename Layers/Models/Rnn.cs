namespace Sequor.Layers;

/// <summary>
/// The simple recurrent network: h = tanh or relu of W_ih x + b_ih + W_hh h + b_hh, or that sum itself (<see cref="RnnActivation"/>).
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var rnn = new Rnn(inputSize: 8, hiddenSize: 16, layers: 2); // tanh; relu: true for relu
/// rnn.Initialize(backend);
/// Prediction h = rnn.Predict(new float[10 * 3 * 8], length: 10, batch: 3); // [10, 3, 16]
/// </code>
/// </example>
public sealed class Rnn : Recurrent
{
    /// <summary>Makes a network with default options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="layers">The number of stacked layers, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <param name="relu">Whether the activation is relu instead of tanh.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Rnn(int inputSize, int hiddenSize, int layers = 1, bool relu = false)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }, relu) { }

    /// <summary>Makes a network with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases and dropout.</param>
    /// <param name="relu">Whether the activation is relu instead of tanh.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for an LSTM only.</exception>
    public Rnn(int inputSize, int hiddenSize, RecurrentOptions options, bool relu = false)
        : base(relu ? RecurrentKind.Relu : RecurrentKind.Tanh, inputSize, hiddenSize, options) { }

    /// <summary>Makes a network of an activation with default options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="activation">What is applied to the sum: tanh, relu or nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is out of range, there is no such activation, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Rnn(int inputSize, int hiddenSize, RnnActivation activation)
        : this(inputSize, hiddenSize, new RecurrentOptions(), activation) { }

    /// <summary>Makes a network of an activation with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases and dropout.</param>
    /// <param name="activation">What is applied to the sum: tanh, relu or nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, there is no such activation, or the parameters have more than <see cref="Layer.MostValues"/>
    /// values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for an LSTM only.</exception>
    public Rnn(int inputSize, int hiddenSize, RecurrentOptions options, RnnActivation activation)
        : base(KindOf(activation), inputSize, hiddenSize, options) { }

    private static RecurrentKind KindOf(RnnActivation activation) =>
        activation switch
        {
            RnnActivation.Tanh => RecurrentKind.Tanh,
            RnnActivation.Relu => RecurrentKind.Relu,
            RnnActivation.Linear => RecurrentKind.Linear,
            _ => throw new ArgumentOutOfRangeException(
                nameof(activation),
                activation,
                "The activation must be Tanh, Relu or Linear."
            ),
        };
}
