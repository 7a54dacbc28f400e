namespace Sequor.Tool;

/// <summary>
/// The exact test of Wilcoxon's signed ranks (Wilcoxon 1945, Individual comparisons by ranking methods): values that lie as
/// probably this far above zero as this far below it have a sum of the positive ones' ranks as large as theirs with the
/// probability that it tells. Of two programs that are the same each value is the one or the other by who was called the head,
/// so it holds whatever the distribution is, with tails as heavy as they like.
/// </summary>
internal static class SignedRanks
{
    /// <summary>How probably as large a sum would come about by chance.</summary>
    /// <param name="values">Differences; one that is zero, or is no number, counts as the smallest below zero does.</param>
    public static double Above(IReadOnlyList<double> values)
    {
        // Equal ones have the mean of their ranks: twice it, to count in whole numbers.
        double[] sizes = [.. values.Select(value => double.IsNaN(value) ? 0 : Math.Abs(value))];
        int[] ranks =
        [
            .. sizes.Select(size => sizes.Count(s => s < size) + sizes.Count(s => s <= size) + 1),
        ];
        int sum = values.Select((value, i) => value > 0 ? ranks[i] : 0).Sum();
        double[] probabilities = new double[ranks.Sum() + 1];
        probabilities[0] = 1;
        int most = 0;
        foreach (int rank in ranks)
        {
            most += rank;
            for (int s = most; s >= 0; s--)
                probabilities[s] =
                    (probabilities[s] + (s >= rank ? probabilities[s - rank] : 0)) / 2;
        }
        // From the side where the small ones are.
        double above = 0;
        for (int s = most; s >= sum; s--)
            above += probabilities[s];
        return Math.Min(above, 1);
    }

    /// <summary>Values that have to be there for that to be as small as an error, where all of them are positive.</summary>
    public static int Least(double error) => (int)Math.Ceiling(-Math.Log2(error));
}
