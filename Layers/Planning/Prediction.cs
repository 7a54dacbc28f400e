namespace Sequor.Layers;

/// <summary>A model's output for a batch, as a copy that later calls do not change.</summary>
public sealed class Prediction
{
    private readonly float[] _values;

    internal Prediction(Tensor output)
    {
        Shape = output.Shape;
        _values = output.ToArray();
    }

    /// <summary>The output's shape, [T, B, C]; T is 1 if the model pools over time.</summary>
    public Shape Shape { get; }

    /// <summary>All values of [T, B, C], row-major.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The C values of one sequence at one step.</summary>
    /// <param name="step">The step, from 0 to T - 1.</param>
    /// <param name="sequence">The sequence, from 0 to B - 1.</param>
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
