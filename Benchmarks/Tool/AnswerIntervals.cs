using Perfolizer.Mathematics.Distributions.ContinuousDistributions;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// How sure the order of models is that answered the same questions: intervals of the differences between their shares of right answers,
/// which hold together with 95% for all pairs of a table (Bonferroni). For one pair Agresti and Min's "Wald + 2" of matched pairs
/// (Statistics in Medicine 24, 2005): half an observation more in each of the four cells, so that no interval has a width of 0.
/// </summary>
internal static class AnswerIntervals
{
    private const double Error = 0.05;

    /// <summary>One a table in which two models' answers are known, to the same questions.</summary>
    public static IReadOnlyList<AnswerDifferences> Of(ReproductionBook book) =>
        [.. book.Groups.Select(Of).OfType<AnswerDifferences>()];

    private static AnswerDifferences? Of(ResultGroup group)
    {
        var sheets = new List<(ReproductionResult Result, Dictionary<ulong, RightAnswers> Runs)>();
        foreach (ReproductionResult result in group.Results)
        {
            var runs = result
                .Runs.Where(r => r.Answers is not null)
                .DistinctBy(r => r.Seed)
                .ToDictionary(r => r.Seed, r => r.Answers!);
            if (runs.Count > 0)
                sheets.Add((result, runs));
        }
        if (sheets.Count < 2)
            return null;
        string data = sheets[0].Result.Data;
        ulong[] seeds =
        [
            .. sheets[0].Runs.Keys.Where(seed => sheets.All(s => s.Runs.ContainsKey(seed))).Order(),
        ];
        bool same =
            seeds.Length > 0
            && sheets.All(s =>
                s.Result.Data == data
                && seeds.All(seed => s.Runs[seed].Count == sheets[0].Runs[seed].Count)
            );
        if (!same)
            return null;
        // Where task and seed decide the data, each seed has questions of its own; elsewhere all have the same.
        bool drawn = data == ReproductionResult.Drawn;
        int pairs = sheets.Count * (sheets.Count - 1) / 2;
        double width = NormalDistribution.Standard.Quantile(1 - (Error / (2 * pairs)));
        var found = new List<AnswerDifference>();
        for (int i = 1; i < sheets.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                double[] differences = Differences(sheets[i].Runs, sheets[j].Runs, seeds, drawn);
                found.Add(
                    Interval(sheets[i].Result.Arch, sheets[j].Result.Arch, differences, width)
                );
            }
        }
        return new AnswerDifferences(
            group.Task,
            group.Preset,
            (drawn ? seeds : [.. seeds.Take(1)]).Sum(seed => sheets[0].Runs[seed].Count),
            seeds.Length,
            found
        );
    }

    // One a question: -1, 0 or 1, or the mean over the seeds.
    private static double[] Differences(
        Dictionary<ulong, RightAnswers> first,
        Dictionary<ulong, RightAnswers> second,
        ulong[] seeds,
        bool drawn
    )
    {
        IEnumerable<double[]> each = seeds.Select(seed =>
            Enumerable
                .Range(0, first[seed].Count)
                .Select(i => (first[seed][i] ? 1.0 : 0) - (second[seed][i] ? 1 : 0))
                .ToArray()
        );
        if (drawn)
            return [.. each.SelectMany(d => d)];
        double[][] all = [.. each];
        return [.. Enumerable.Range(0, all[0].Length).Select(i => all.Average(d => d[i]))];
    }

    private static AnswerDifference Interval(
        string first,
        string second,
        double[] differences,
        double width
    )
    {
        double sum = differences.Sum();
        double n = differences.Length + 2;
        double mean = sum / n;
        double variance = ((differences.Sum(d => d * d) + 1) / n) - (mean * mean);
        double half = width * Math.Sqrt(variance / n);
        return new AnswerDifference(
            first,
            second,
            100 * sum / differences.Length,
            100 * (mean - half),
            100 * (mean + half)
        );
    }
}
