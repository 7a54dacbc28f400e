using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Converts filters [O, I, k] to the order in which a backend's convolutions read and write them.</summary>
internal static class Filters
{
    /// <summary>A filter in the order in which the backend reads it.</summary>
    public static float[] For(Backend backend, float[] filter, Shape shape)
    {
        float[] values = new float[filter.Length];
        foreach ((int kept, int read, _) in Places(backend, shape))
            values[read] = filter[kept];
        return values;
    }

    /// <summary>A gradient as [O, I, k], of which the backend has written the newest taps.</summary>
    public static float[] From(Backend backend, float[] gradient, Shape shape, int taps)
    {
        float[] values = new float[gradient.Length];
        foreach ((int kept, int read, int tap) in Places(backend, shape))
            values[kept] = tap < taps ? gradient[read] : 0f;
        return values;
    }

    private static IEnumerable<(int Kept, int Read, int Tap)> Places(Backend backend, Shape shape)
    {
        (int outputs, int inputs, int taps) = (shape.First, shape[1], shape[2]);
        for (int o = 0; o < outputs; o++)
        for (int i = 0; i < inputs; i++)
        for (int j = 0; j < taps; j++)
        {
            int kept = (o * inputs + i) * taps + j;
            int read = backend.FilterInputsLast ? (o * taps + j) * inputs + i : kept;
            yield return (kept, read, taps - 1 - j);
        }
    }
}
