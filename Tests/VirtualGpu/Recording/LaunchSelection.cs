namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// Which of the remembered launches are recorded: of each kernel as many as execute every instruction that any of them does,
/// small ones first, and then others up to a number, spread over all shapes.
/// </summary>
internal static class LaunchSelection
{
    /// <summary>Launches a kernel, where there are so many.</summary>
    private const int Fewest = 8;

    /// <summary>Words of a launch that is taken beside those that are needed.</summary>
    private const int MostMoreWords = 1 << 15;

    public static IEnumerable<Candidate> Of(IEnumerable<Candidate> candidates) =>
        candidates
            .GroupBy(c => c.Launch.Kernel, StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .SelectMany(OfKernel);

    private static IEnumerable<Candidate> OfKernel(IEnumerable<Candidate> candidates)
    {
        List<Candidate> left =
        [
            .. candidates.OrderBy(c => c.Words).ThenBy(c => c.Content, StringComparer.Ordinal),
        ];
        HashSet<int> missing = [.. left.SelectMany(c => c.Launch.Sites)];
        var chosen = new List<Candidate>();
        while (missing.Count > 0)
        {
            Candidate best = left.MaxBy(c => c.Launch.Sites.Count(missing.Contains))!;
            missing.ExceptWith(best.Launch.Sites);
            left.Remove(best);
            chosen.Add(best);
        }
        // The digest is as good as a draw, and the same every time.
        chosen.AddRange(
            left.Where(c => c.Words <= MostMoreWords)
                .OrderBy(c => c.Content, StringComparer.Ordinal)
                .Take(Math.Max(0, Fewest - chosen.Count))
        );
        return chosen.OrderBy(c => c.Words).ThenBy(c => c.Content, StringComparer.Ordinal);
    }
}
