using Perfolizer.Mathematics.Cpd;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Where a figure changed for good. Times are cut by ED-PELT (Haynes, Fearnhead and Eckley 2017, A computationally efficient
/// nonparametric approach for changepoint detection, Statistics and Computing 27), which assumes no distribution, as Perfolizer
/// has it. It finds places and not whether they are more than noise: a cut is kept where compare's bounds say that the values
/// around it differ, at an error that is shared by all places. Counts change where they are another number.
/// </summary>
internal static class ChangePoints
{
    // Fewer commits than this on one side of a change tell noise from nothing.
    private const int LeastDistance = 5;

    // A change of a time below this fraction is none, as for compare.
    private const double Threshold = 0.01;

    // How often, at most, a history of nothing but noise has a change.
    private const double Error = 0.01;

    // So many values on each side of a cut tell whether it is one.
    private const int Around = 30;

    // The detector's time and memory grow with the square of the commits: more are cut in overlapping parts.
    private const int Part = 500;

    /// <summary>The changes of a time.</summary>
    /// <param name="values">Values above 0, oldest first.</param>
    /// <returns>Places of first values after a change, with the medians of what lies on both sides, until other changes.</returns>
    public static IReadOnlyList<(int At, double Before, double After)> OfTimes(double[] values)
    {
        List<int> cuts = Cuts(values);
        while (cuts.Count > 0)
        {
            // Those that are no change are taken away, the smallest first: what lies on both sides of it then grows.
            double[] medians = Medians(values, cuts);
            int least = Enumerable
                .Range(0, cuts.Count)
                .Where(i => !IsChange(values, cuts, i, medians[i + 1] / medians[i]))
                .OrderBy(i => Math.Abs(Math.Log(medians[i + 1] / medians[i])))
                .FirstOrDefault(-1);
            if (least < 0)
                return [.. cuts.Select((at, i) => (at, medians[i], medians[i + 1]))];
            cuts.RemoveAt(least);
        }
        return [];
    }

    private static bool IsChange(double[] values, List<int> cuts, int i, double ratio)
    {
        int from = Math.Max(i == 0 ? 0 : cuts[i - 1], cuts[i] - Around);
        int to = Math.Min(i + 1 == cuts.Count ? values.Length : cuts[i + 1], cuts[i] + Around);
        return Math.Abs(Math.Log(ratio)) > Math.Log(1 + Threshold)
            && RatioBounds.Of(values[from..cuts[i]], values[cuts[i]..to], Error / values.Length)
                is { } bounds
            && (bounds.Low > 1 || bounds.High < 1);
    }

    /// <summary>The changes of a count.</summary>
    public static IReadOnlyList<(int At, double Before, double After)> OfCounts(double[] values) =>
        [
            .. Enumerable
                .Range(1, Math.Max(values.Length - 1, 0))
                .Where(i => values[i] != values[i - 1])
                .Select(i => (i, values[i - 1], values[i])),
        ];

    private static List<int> Cuts(double[] values)
    {
        var cuts = new List<int>();
        for (int from = 0; from + (2 * LeastDistance) <= values.Length; )
        {
            int count = Math.Min(Part, values.Length - from);
            int begin = from;
            int[] found =
            [
                .. EdPeltChangePointDetector
                    .Instance.GetChangePointIndexes(values[from..(from + count)], LeastDistance)
                    // What it gives is the last value before a change.
                    .Select(i => begin + i + 1),
            ];
            bool last = from + count == values.Length;
            // What lies beyond three quarters is looked at once more with what follows it.
            int until = last ? values.Length : from + (3 * Part / 4);
            cuts.AddRange(found.Where(cut => cut < until));
            if (last)
                break;
            from = Math.Max(cuts.Count > 0 ? cuts[^1] : 0, from + (Part / 2));
        }
        return cuts;
    }

    private static double[] Medians(double[] values, List<int> cuts)
    {
        int[] ends = [0, .. cuts, values.Length];
        return
        [
            .. Enumerable
                .Range(0, ends.Length - 1)
                .Select(i => Statistics.Median(values[ends[i]..ends[i + 1]])),
        ];
    }
}
