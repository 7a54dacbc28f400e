namespace Sequor.VirtualGpu.Recording;

/// <summary>How a word that a launch left is compared with the recorded one.</summary>
internal static class WordComparison
{
    /// <summary>
    /// Whether a word is the recorded one. Floats that are no numbers are the same whatever their other bits, as the PTX manual
    /// leaves those open.
    /// </summary>
    /// <param name="bound">How far floats may be off, as a fraction of the larger of 1 and the recorded size.</param>
    public static bool Matches(WordKind kind, uint word, uint recorded, double bound)
    {
        if (word == recorded)
            return true;
        if (kind != WordKind.Single)
            return false;
        float value = BitConverter.UInt32BitsToSingle(word);
        float expected = BitConverter.UInt32BitsToSingle(recorded);
        if (float.IsNaN(expected))
            return float.IsNaN(value);
        return bound > 0
            && Math.Abs((double)value - expected)
                <= bound * Math.Max(1, Math.Abs((double)expected));
    }

    /// <summary>The same of a double in two words, the lower one first.</summary>
    public static bool Matches(ulong words, ulong recorded, double bound)
    {
        if (words == recorded)
            return true;
        double value = BitConverter.UInt64BitsToDouble(words);
        double expected = BitConverter.UInt64BitsToDouble(recorded);
        if (double.IsNaN(expected))
            return double.IsNaN(value);
        return bound > 0 && Math.Abs(value - expected) <= bound * Math.Max(1, Math.Abs(expected));
    }
}
