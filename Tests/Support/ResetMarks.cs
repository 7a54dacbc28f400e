using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Marks of steps that begin anew, [T, B], by the names of their patterns.</summary>
internal static class ResetMarks
{
    /// <summary>
    /// Nowhere, everywhere, at the first step, at the multiples of 16 where tiles of a scan and their warps begin, counted from either end,
    /// one step beside these, and where a draw has it, in each sequence elsewhere.
    /// </summary>
    public static readonly string[] Patterns =
    [
        "none",
        "all",
        "first",
        "tiles",
        "beside tiles",
        "drawn",
    ];

    public static byte[] Of(string pattern, int steps, int batch)
    {
        float[] drawn = new Draw(9).Uniform((long)steps * batch, 0f, 1f);
        byte[] marks = new byte[steps * batch];
        for (int i = 0; i < marks.Length; i++)
        {
            int t = i / batch;
            bool marked = pattern switch
            {
                "none" => false,
                "all" => true,
                "first" => t == 0,
                "tiles" => t % 16 == 0 || (steps - t) % 16 == 0,
                // Not in all sequences alike.
                "beside tiles" => t % 16 == 1 || ((steps - t) % 16 == 1 && i % batch == 0),
                "drawn" => drawn[i] < 0.1f,
                _ => throw new ArgumentException(pattern, nameof(pattern)),
            };
            marks[i] = marked ? (byte)1 : (byte)0;
        }
        return marks;
    }

    /// <summary>Marks in memory, as a plan has them for a batch.</summary>
    /// <param name="words">The memory, of so many words.</param>
    public static StepResets Placed(
        Func<int, Tensor> words,
        byte[] marks,
        int steps,
        int batch,
        SequenceLayout? layout
    )
    {
        var resets = new StepResets(steps, batch);
        resets.Words = words(resets.Count);
        resets.Words.Write(new float[resets.Count]);
        resets.Set(marks, steps, batch);
        resets.Use(layout);
        return resets;
    }
}
