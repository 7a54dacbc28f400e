namespace Sequor.Layers;

/// <summary>
/// Long short-term memory with the gates input, forget, cell and output: c = f c + i g, h = o tanh(c). Its output may be projected and its
/// cell state clipped.
/// </summary>
/// <example>
/// <code>
/// using var lstm = new Lstm(inputSize: 8, hiddenSize: 16, layers: 2);
/// foreach (NamedParameter named in lstm.NamedParameters()) // weight_ih_l0 [64, 8], as in PyTorch
///     Console.WriteLine($"{named.Name} {named.Parameter.Shape}");
///
/// var options = new RecurrentOptions { Bidirectional = true, ProjectionSize = 4 };
/// using var both = new Lstm(8, 16, options); // gives [T, B, 2 * 4]
/// </code>
/// </example>
public sealed class Lstm : Recurrent
{
    /// <summary>Makes a network with default options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="layers">The number of stacked layers, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Lstm(int inputSize, int hiddenSize, int layers = 1)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }) { }

    /// <summary>Makes a network with options.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="hiddenSize">The number of hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases, dropout, projection and clipping.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    /// <exception cref="ArgumentException">An option is for another kind of network.</exception>
    public Lstm(int inputSize, int hiddenSize, RecurrentOptions options)
        : base(RecurrentKind.Lstm, inputSize, hiddenSize, options) { }
}
