namespace Sequor.Layers;

/// <summary>
/// Long short-term memory; gates input, forget, cell, output. Its output may be projected and its cell state clipped.
/// </summary>
public sealed class Lstm : Recurrent
{
    /// <summary>A network of some layers, otherwise plain.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="layers">Layers on top of each other, 1 to <see cref="Layer.MostLayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Lstm(int inputSize, int hiddenSize, int layers = 1)
        : this(inputSize, hiddenSize, new RecurrentOptions { Layers = layers }) { }

    /// <summary>A network with options.</summary>
    /// <param name="inputSize">Channels in, at least 1.</param>
    /// <param name="hiddenSize">Hidden units, at least 1.</param>
    /// <param name="options">Layers, directions, biases, dropout, projection, clipping.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or an option is out of range, or they come to more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Lstm(int inputSize, int hiddenSize, RecurrentOptions options)
        : base(RecurrentKind.Lstm, inputSize, hiddenSize, options) { }
}
