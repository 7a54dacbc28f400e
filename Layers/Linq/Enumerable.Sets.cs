namespace Sequor.Layers.Linq;

// Items that are there once, and items of one key.
internal static partial class Enumerable
{
    public static IEnumerable<T> Distinct<T>(
        this IEnumerable<T> source,
        IEqualityComparer<T>? comparer = null
    ) => Fresh(source, [], comparer);

    public static IEnumerable<T> DistinctBy<T, TKey>(this IEnumerable<T> source, Func<T, TKey> key)
    {
        var seen = new HashSet<TKey>();
        foreach (T item in source)
        {
            if (seen.Add(key(item)))
                yield return item;
        }
    }

    public static IEnumerable<T> Union<T>(this IEnumerable<T> first, IEnumerable<T> second) =>
        Fresh(Concat(first, second), [], null);

    public static IEnumerable<T> Except<T>(
        this IEnumerable<T> first,
        IEnumerable<T> second,
        IEqualityComparer<T>? comparer = null
    ) => Fresh(first, second, comparer);

    public static IEnumerable<T> Intersect<T>(
        this IEnumerable<T> first,
        IEnumerable<T> second,
        IEqualityComparer<T>? comparer = null
    )
    {
        var left = new HashSet<T>(second, comparer);
        foreach (T item in first)
        {
            if (left.Remove(item))
                yield return item;
        }
    }

    // Each item once, and those not that are among the known ones.
    private static IEnumerable<T> Fresh<T>(
        IEnumerable<T> source,
        IEnumerable<T> known,
        IEqualityComparer<T>? comparer
    )
    {
        var seen = new HashSet<T>(known, comparer);
        foreach (T item in source)
        {
            if (seen.Add(item))
                yield return item;
        }
    }

    /// <summary>The items by their keys, in the order in which the keys come first.</summary>
    public static IEnumerable<Group<TKey, T>> GroupBy<T, TKey>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        IEqualityComparer<TKey>? comparer = null
    )
    {
        foreach (Group<TKey, T> group in ToLookup(source, key, comparer).Groups)
            yield return group;
    }

    /// <summary>What a function makes of each key and its items.</summary>
    public static IEnumerable<TResult> GroupBy<T, TKey, TResult>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        Func<TKey, IEnumerable<T>, TResult> selector
    )
    {
        foreach (Group<TKey, T> group in ToLookup(source, key).Groups)
            yield return selector(group.Key, group);
    }

    public static Lookup<TKey, T> ToLookup<T, TKey>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        IEqualityComparer<TKey>? comparer = null
    ) => ToLookup(source, key, static item => item, comparer);

    public static Lookup<TKey, TValue> ToLookup<T, TKey, TValue>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        Func<T, TValue> value,
        IEqualityComparer<TKey>? comparer = null
    )
    {
        var lookup = new Lookup<TKey, TValue>(comparer);
        foreach (T item in source)
            lookup.Add(key(item), value(item));
        return lookup;
    }
}
