namespace Sequor.Layers;

/// <summary>What a model gave for a batch: a copy, which later calls leave as it is.</summary>
public sealed class Prediction
{
    private readonly float[] _values;

    internal Prediction(Tensor output)
    {
        Shape = output.Shape;
        _values = output.ToArray();
    }

    /// <summary>[T, B, C]; T is 1 if the model pools over time.</summary>
    public Shape Shape { get; }

    /// <summary>All values, row-major.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The channels of one sequence at one step.</summary>
    /// <param name="step">Below T.</param>
    /// <param name="sequence">Below B.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such step or sequence.</exception>
    public ReadOnlySpan<float> At(int step, int sequence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(step, Shape.First);
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sequence, Shape[1]);
        int channels = Shape.Columns;
        return _values.AsSpan((step * Shape[1] + sequence) * channels, channels);
    }
}
