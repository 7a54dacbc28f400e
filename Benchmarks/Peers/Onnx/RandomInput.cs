namespace Sequor.Peers;

/// <summary>What models are given: values evenly from 0 to 1, the same ones for the same seed.</summary>
internal static class RandomInput
{
    public static void Fill(float[] values, int seed)
    {
        // CA5394 is about secrets, and these are none.
#pragma warning disable CA5394
        var random = new Random(seed);
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextSingle();
#pragma warning restore CA5394
    }
}
