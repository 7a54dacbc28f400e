namespace Sequor.Layers.Linq;

// Single items, conditions on all of them, and collections of them.
internal static partial class Enumerable
{
    public static bool Any<T>(this IEnumerable<T> source)
    {
        using IEnumerator<T> items = source.GetEnumerator();
        return items.MoveNext();
    }

    public static bool Any<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
                return true;
        }
        return false;
    }

    public static bool All<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (!predicate(item))
                return false;
        }
        return true;
    }

    public static int Count<T>(this IEnumerable<T> source)
    {
        if (source is ICollection<T> collection)
            return collection.Count;
        int count = 0;
        foreach (T _ in source)
            checked
            {
                count++;
            }
        return count;
    }

    public static int Count<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        int count = 0;
        foreach (T item in source)
        {
            if (predicate(item))
                checked
                {
                    count++;
                }
        }
        return count;
    }

    public static bool Contains<T>(this IEnumerable<T> source, T value) =>
        source is ICollection<T> collection
            ? collection.Contains(value)
            : Contains(source, value, null);

    public static bool Contains<T>(
        this IEnumerable<T> source,
        T value,
        IEqualityComparer<T>? comparer
    )
    {
        comparer ??= EqualityComparer<T>.Default;
        foreach (T item in source)
        {
            if (comparer.Equals(item, value))
                return true;
        }
        return false;
    }

    public static bool SequenceEqual<T>(this IEnumerable<T> first, IEnumerable<T> second)
    {
        EqualityComparer<T> comparer = EqualityComparer<T>.Default;
        using IEnumerator<T> other = second.GetEnumerator();
        foreach (T item in first)
        {
            if (!other.MoveNext() || !comparer.Equals(item, other.Current))
                return false;
        }
        return !other.MoveNext();
    }

    public static T First<T>(this IEnumerable<T> source)
    {
        foreach (T item in source)
            return item;
        throw None();
    }

    public static T First<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
                return item;
        }
        throw None();
    }

    public static T? FirstOrDefault<T>(this IEnumerable<T> source)
    {
        foreach (T item in source)
            return item;
        return default;
    }

    public static T? FirstOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
                return item;
        }
        return default;
    }

    public static T FirstOrDefault<T>(this IEnumerable<T> source, T otherwise)
    {
        foreach (T item in source)
            return item;
        return otherwise;
    }

    public static T FirstOrDefault<T>(
        this IEnumerable<T> source,
        Func<T, bool> predicate,
        T otherwise
    ) => FirstOrDefault(Where(source, predicate), otherwise);

    public static T Last<T>(this IEnumerable<T> source)
    {
        if (source is IReadOnlyList<T> { Count: > 0 } list)
            return list[list.Count - 1];
        return TryLast(source, out T? last) ? last! : throw None();
    }

    public static T Last<T>(this IEnumerable<T> source, Func<T, bool> predicate) =>
        TryLast(Where(source, predicate), out T? last) ? last! : throw None();

    public static T? LastOrDefault<T>(this IEnumerable<T> source)
    {
        TryLast(source, out T? last);
        return last;
    }

    public static T? LastOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        TryLast(Where(source, predicate), out T? last);
        return last;
    }

    private static bool TryLast<T>(IEnumerable<T> source, out T? last)
    {
        bool found = false;
        last = default;
        foreach (T item in source)
        {
            last = item;
            found = true;
        }
        return found;
    }

    public static T Single<T>(this IEnumerable<T> source)
    {
        using IEnumerator<T> items = source.GetEnumerator();
        if (!items.MoveNext())
            throw None();
        T item = items.Current;
        return items.MoveNext() ? throw Several() : item;
    }

    public static T Single<T>(this IEnumerable<T> source, Func<T, bool> predicate) =>
        Single(Where(source, predicate));

    public static T? SingleOrDefault<T>(this IEnumerable<T> source)
    {
        using IEnumerator<T> items = source.GetEnumerator();
        if (!items.MoveNext())
            return default;
        T item = items.Current;
        return items.MoveNext() ? throw Several() : item;
    }

    public static T? SingleOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate) =>
        SingleOrDefault(Where(source, predicate));

    public static T ElementAt<T>(this IEnumerable<T> source, int index)
    {
        foreach (T item in source)
        {
            if (index-- == 0)
                return item;
        }
        throw new ArgumentOutOfRangeException(nameof(index));
    }

    public static TResult Aggregate<T, TResult>(
        this IEnumerable<T> source,
        TResult seed,
        Func<TResult, T, TResult> function
    )
    {
        foreach (T item in source)
            seed = function(seed, item);
        return seed;
    }

    public static T Aggregate<T>(this IEnumerable<T> source, Func<T, T, T> function)
    {
        using IEnumerator<T> items = source.GetEnumerator();
        if (!items.MoveNext())
            throw None();
        T result = items.Current;
        while (items.MoveNext())
            result = function(result, items.Current);
        return result;
    }

    public static T[] ToArray<T>(this IEnumerable<T> source)
    {
        if (source is not ICollection<T> collection)
            return new List<T>(source).ToArray();
        if (collection.Count == 0)
            return [];
        var items = new T[collection.Count];
        collection.CopyTo(items, 0);
        return items;
    }

    public static List<T> ToList<T>(this IEnumerable<T> source) => new(source);

    public static HashSet<T> ToHashSet<T>(
        this IEnumerable<T> source,
        IEqualityComparer<T>? comparer = null
    ) => new(source, comparer);

    public static Dictionary<TKey, TValue> ToDictionary<T, TKey, TValue>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        Func<T, TValue> value,
        IEqualityComparer<TKey>? comparer = null
    )
        where TKey : notnull
    {
        var items = new Dictionary<TKey, TValue>(comparer);
        foreach (T item in source)
            items.Add(key(item), value(item));
        return items;
    }

    public static Dictionary<TKey, T> ToDictionary<T, TKey>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        IEqualityComparer<TKey>? comparer = null
    )
        where TKey : notnull
    {
        var items = new Dictionary<TKey, T>(comparer);
        foreach (T item in source)
            items.Add(key(item), item);
        return items;
    }

    public static Dictionary<TKey, TValue> ToDictionary<TKey, TValue>(
        this IEnumerable<KeyValuePair<TKey, TValue>> source,
        IEqualityComparer<TKey>? comparer = null
    )
        where TKey : notnull => new(source, comparer);

    public static Dictionary<TKey, TValue> ToDictionary<TKey, TValue>(
        this IEnumerable<(TKey Key, TValue Value)> source,
        IEqualityComparer<TKey>? comparer = null
    )
        where TKey : notnull
    {
        var items = new Dictionary<TKey, TValue>(comparer);
        foreach ((TKey key, TValue value) in source)
            items.Add(key, value);
        return items;
    }

    private static InvalidOperationException None() => new("Sequence contains no elements");

    private static InvalidOperationException Several() =>
        new("Sequence contains more than one element");
}
