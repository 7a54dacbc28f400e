using System.Numerics;

namespace Sequor.Layers.Linq;

// Sums, averages and extremes.
internal static partial class Enumerable
{
    public static int Sum(this IEnumerable<int> source) => Total<int, int>(source);

    public static long Sum(this IEnumerable<long> source) => Total<long, long>(source);

    public static double Sum(this IEnumerable<double> source) => Total<double, double>(source);

    // As there, floats are added up as doubles.
    public static float Sum(this IEnumerable<float> source) => (float)Total<float, double>(source);

    public static int Sum<T>(this IEnumerable<T> source, Func<T, int> selector) =>
        Sum(Select(source, selector));

    public static long Sum<T>(this IEnumerable<T> source, Func<T, long> selector) =>
        Sum(Select(source, selector));

    public static double Sum<T>(this IEnumerable<T> source, Func<T, double> selector) =>
        Sum(Select(source, selector));

    public static float Sum<T>(this IEnumerable<T> source, Func<T, float> selector) =>
        Sum(Select(source, selector));

    /// <summary>The sum of those that are there.</summary>
    public static int? Sum<T>(this IEnumerable<T> source, Func<T, int?> selector) =>
        Sum(There(Select(source, selector)));

    public static decimal Sum<T>(this IEnumerable<T> source, Func<T, decimal> selector) =>
        Total<decimal, decimal>(Select(source, selector));

    public static double Average(this IEnumerable<int> source) => Mean<int, long>(source);

    public static double Average(this IEnumerable<long> source) => Mean<long, long>(source);

    /// <summary>The average of those that are there; null where none is.</summary>
    public static double? Average(this IEnumerable<double?> source)
    {
        List<double> there = [.. There(source)];
        return there.Count > 0 ? Average(there) : null;
    }

    public static double Average(this IEnumerable<double> source) => Mean<double, double>(source);

    public static float Average(this IEnumerable<float> source) =>
        (float)Mean<float, double>(source);

    public static double Average<T>(this IEnumerable<T> source, Func<T, int> selector) =>
        Average(Select(source, selector));

    public static double Average<T>(this IEnumerable<T> source, Func<T, long> selector) =>
        Average(Select(source, selector));

    public static double Average<T>(this IEnumerable<T> source, Func<T, double> selector) =>
        Average(Select(source, selector));

    private static IEnumerable<T> There<T>(IEnumerable<T?> source)
        where T : struct
    {
        foreach (T? item in source)
        {
            if (item is { } there)
                yield return there;
        }
    }

    // Whole numbers that do not fit throw.
    private static TSum Total<T, TSum>(IEnumerable<T> source)
        where T : struct, INumberBase<T>
        where TSum : struct, INumberBase<TSum>
    {
        TSum sum = TSum.Zero;
        foreach (T item in source)
            checked
            {
                sum += TSum.CreateChecked(item);
            }
        return sum;
    }

    private static double Mean<T, TSum>(IEnumerable<T> source)
        where T : struct, INumberBase<T>
        where TSum : struct, INumberBase<TSum>
    {
        TSum sum = TSum.Zero;
        long count = 0;
        foreach (T item in source)
        {
            checked
            {
                sum += TSum.CreateChecked(item);
            }
            count++;
        }
        return count > 0 ? double.CreateChecked(sum) / count : throw None();
    }

    /// <summary>The greatest item; the first of several. What is no number is less than all numbers, and null is left out.</summary>
    public static T Max<T>(this IEnumerable<T> source) => Extreme(source, 1);

    /// <summary>The least item; the first of several. What is no number is less than all numbers, and null is left out.</summary>
    public static T Min<T>(this IEnumerable<T> source) => Extreme(source, -1);

    public static TResult Max<T, TResult>(this IEnumerable<T> source, Func<T, TResult> selector) =>
        Max(Select(source, selector));

    public static TResult Min<T, TResult>(this IEnumerable<T> source, Func<T, TResult> selector) =>
        Min(Select(source, selector));

    private static T Extreme<T>(IEnumerable<T> source, int sign)
    {
        Comparer<T> comparer = Comparer<T>.Default;
        T? best = default;
        bool any = false;
        foreach (T item in source)
        {
            if (item is null || (any && comparer.Compare(item, best!) * sign <= 0))
                continue;
            best = item;
            any = true;
        }
        return any || default(T) is null ? best! : throw None();
    }

    /// <summary>The item with the greatest key; the first of several.</summary>
    public static T? MaxBy<T, TKey>(this IEnumerable<T> source, Func<T, TKey> key) =>
        ExtremeBy(source, key, 1);

    /// <summary>The item with the least key; the first of several.</summary>
    public static T? MinBy<T, TKey>(this IEnumerable<T> source, Func<T, TKey> key) =>
        ExtremeBy(source, key, -1);

    private static T? ExtremeBy<T, TKey>(IEnumerable<T> source, Func<T, TKey> key, int sign)
    {
        Comparer<TKey> comparer = Comparer<TKey>.Default;
        T? best = default;
        TKey? bestKey = default;
        bool any = false;
        foreach (T item in source)
        {
            TKey value = key(item);
            if (any && comparer.Compare(value, bestKey!) * sign <= 0)
                continue;
            (best, bestKey, any) = (item, value, true);
        }
        return any || default(T) is null ? best : throw None();
    }
}
