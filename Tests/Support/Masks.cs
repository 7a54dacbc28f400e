using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Dropout masks read back from a backend, as the first training step of a plan draws them.</summary>
internal static class Masks
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<(int, float, int), double[]> Drawn = [];

    /// <summary>The mask of a stream at step 1, drawn with <see cref="GradientCase.PlanSeed"/>.</summary>
    public static double[] Mask(int stream, float probability, int count)
    {
        lock (Gate)
        {
            if (!Drawn.TryGetValue((stream, probability, count), out double[]? mask))
            {
                float[] values = Read(
                    Backends.Get(128, 1),
                    GradientCase.PlanSeed,
                    1,
                    stream,
                    probability,
                    count
                );
                mask = Array.ConvertAll(values, value => (double)value);
                Drawn[(stream, probability, count)] = mask;
            }
            return mask;
        }
    }

    /// <summary>The mask of a stream at a step.</summary>
    public static float[] Read(
        Backend backend,
        ulong seed,
        ulong step,
        int stream,
        float probability,
        int count
    )
    {
        using RandomStream random = backend.CreateRandom(seed);
        using Storage storage = backend.Allocate(count, MemoryCategory.InputOutput);
        var mask = new Tensor(storage, 0, new Shape(count));
        random.Step = step;
        random.Dropout(default, mask, probability, stream);
        return mask.ToArray();
    }
}
