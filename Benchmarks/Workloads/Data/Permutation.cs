using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>An order of things that a seed decides, on every machine the same.</summary>
public static class Permutation
{
    // Far from the streams that parameters and orders of sequences are drawn from.
    private const ulong Stream = 3UL << 61;

    /// <summary>A random order of the numbers from 0 on, by the shuffle of Fisher and Yates.</summary>
    /// <param name="count">How many, at least 0.</param>
    /// <param name="seed">Decides the order.</param>
    /// <returns>Which number stands at each place.</returns>
    public static int[] Of(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var random = new Philox(seed, Stream);
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = count - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (order[i], order[other]) = (order[other], order[i]);
        }
        return order;
    }
}
