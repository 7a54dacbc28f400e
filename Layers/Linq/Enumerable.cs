namespace Sequor.Layers.Linq;

/// <summary>
/// What these sources need of System.Linq, under its names and with its meaning: lazy where it is lazy, with the same order, the same
/// exceptions' types and the same sums. System.Linq itself has for each pair of types a class with thirty methods, most of them virtual and
/// generic, which a program of machine code has to hold all of; here a pair has one class, which the compiler makes of a loop.
/// Arguments are not looked at: no other assembly's sources call this, and null fails in its first use.
/// </summary>
internal static partial class Enumerable
{
    /// <summary>Whole numbers that follow each other, from <paramref name="start"/>.</summary>
    public static IEnumerable<int> Range(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count - 1, int.MaxValue);
        return Numbers(start, count);

        static IEnumerable<int> Numbers(int start, int count)
        {
            for (int i = 0; i < count; i++)
                yield return start + i;
        }
    }

    /// <summary>The same item <paramref name="count"/> times.</summary>
    public static IEnumerable<T> Repeat<T>(T item, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Items(item, count);

        static IEnumerable<T> Items(T item, int count)
        {
            for (int i = 0; i < count; i++)
                yield return item;
        }
    }

    /// <summary>What a function makes of each item.</summary>
    public static IEnumerable<TResult> Select<T, TResult>(
        this IEnumerable<T> source,
        Func<T, TResult> selector
    )
    {
        foreach (T item in source)
            yield return selector(item);
    }

    /// <summary>What a function makes of each item and its number, from 0.</summary>
    public static IEnumerable<TResult> Select<T, TResult>(
        this IEnumerable<T> source,
        Func<T, int, TResult> selector
    )
    {
        int index = 0;
        foreach (T item in source)
            yield return selector(item, index++);
    }

    /// <summary>The items of what a function makes of each item.</summary>
    public static IEnumerable<TResult> SelectMany<T, TResult>(
        this IEnumerable<T> source,
        Func<T, IEnumerable<TResult>> selector
    )
    {
        foreach (T item in source)
        {
            foreach (TResult result in selector(item))
                yield return result;
        }
    }

    /// <summary>The items of what a function makes of each item and its number, from 0.</summary>
    public static IEnumerable<TResult> SelectMany<T, TResult>(
        this IEnumerable<T> source,
        Func<T, int, IEnumerable<TResult>> selector
    )
    {
        int index = 0;
        foreach (T item in source)
        {
            foreach (TResult result in selector(item, index++))
                yield return result;
        }
    }

    /// <summary>What a function makes of each item and each of those that another makes of it.</summary>
    public static IEnumerable<TResult> SelectMany<T, TOther, TResult>(
        this IEnumerable<T> source,
        Func<T, IEnumerable<TOther>> others,
        Func<T, TOther, TResult> selector
    )
    {
        foreach (T item in source)
        {
            foreach (TOther other in others(item))
                yield return selector(item, other);
        }
    }

    /// <summary>The items that a condition is true of.</summary>
    public static IEnumerable<T> Where<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (predicate(item))
                yield return item;
        }
    }

    /// <summary>The items that a condition is true of, which gets their number, from 0, too.</summary>
    public static IEnumerable<T> Where<T>(this IEnumerable<T> source, Func<T, int, bool> predicate)
    {
        int index = 0;
        foreach (T item in source)
        {
            if (predicate(item, index++))
                yield return item;
        }
    }

    /// <summary>The items that are of a type; null is of none.</summary>
    public static IEnumerable<T> OfType<T>(this System.Collections.IEnumerable source)
    {
        foreach (object? item in source)
        {
            if (item is T found)
                yield return found;
        }
    }

    /// <summary>The items as those of a type.</summary>
    /// <exception cref="InvalidCastException">One is of another.</exception>
    public static IEnumerable<T> Cast<T>(this System.Collections.IEnumerable source)
    {
        foreach (object? item in source)
            yield return (T)item!;
    }

    /// <summary>The items without the first ones.</summary>
    public static IEnumerable<T> Skip<T>(this IEnumerable<T> source, int count)
    {
        foreach (T item in source)
        {
            if (--count < 0)
                yield return item;
        }
    }

    /// <summary>The first items; no more than these are asked for.</summary>
    public static IEnumerable<T> Take<T>(this IEnumerable<T> source, int count)
    {
        if (count <= 0)
            yield break;
        foreach (T item in source)
        {
            yield return item;
            if (--count == 0)
                break;
        }
    }

    /// <summary>The items up to the first that a condition is false of.</summary>
    public static IEnumerable<T> TakeWhile<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        foreach (T item in source)
        {
            if (!predicate(item))
                break;
            yield return item;
        }
    }

    /// <summary>The items from the first on that a condition is false of.</summary>
    public static IEnumerable<T> SkipWhile<T>(this IEnumerable<T> source, Func<T, bool> predicate)
    {
        bool skips = true;
        foreach (T item in source)
        {
            skips = skips && predicate(item);
            if (!skips)
                yield return item;
        }
    }

    /// <summary>The items without the last ones.</summary>
    public static IEnumerable<T> SkipLast<T>(this IEnumerable<T> source, int count)
    {
        var last = new Queue<T>();
        foreach (T item in source)
        {
            last.Enqueue(item);
            if (last.Count > count)
                yield return last.Dequeue();
        }
    }

    /// <summary>The items of one and then those of the other.</summary>
    public static IEnumerable<T> Concat<T>(this IEnumerable<T> first, IEnumerable<T> second)
    {
        foreach (T item in first)
            yield return item;
        foreach (T item in second)
            yield return item;
    }

    /// <summary>The items and one more.</summary>
    public static IEnumerable<T> Append<T>(this IEnumerable<T> source, T item) =>
        Concat(source, [item]);

    /// <summary>One more and then the items.</summary>
    public static IEnumerable<T> Prepend<T>(this IEnumerable<T> source, T item) =>
        Concat([item], source);

    /// <summary>The items, or one of no value where there are none.</summary>
    public static IEnumerable<T?> DefaultIfEmpty<T>(this IEnumerable<T> source) =>
        DefaultIfEmpty<T?>(source, default);

    /// <summary>The items, or the given one where there are none.</summary>
    public static IEnumerable<T> DefaultIfEmpty<T>(this IEnumerable<T> source, T item)
    {
        bool empty = true;
        foreach (T found in source)
        {
            empty = false;
            yield return found;
        }
        if (empty)
            yield return item;
    }

    /// <summary>What a function makes of the items of two with the same number, up to the end of the shorter one.</summary>
    public static IEnumerable<TResult> Zip<T, TOther, TResult>(
        this IEnumerable<T> first,
        IEnumerable<TOther> second,
        Func<T, TOther, TResult> selector
    )
    {
        using IEnumerator<TOther> other = second.GetEnumerator();
        foreach (T item in first)
        {
            if (!other.MoveNext())
                break;
            yield return selector(item, other.Current);
        }
    }

    /// <summary>Pairs of the items of two with the same number, up to the end of the shorter one.</summary>
    public static IEnumerable<(T First, TOther Second)> Zip<T, TOther>(
        this IEnumerable<T> first,
        IEnumerable<TOther> second
    ) => Zip(first, second, static (a, b) => (a, b));

    /// <summary>The items from the last to the first.</summary>
    public static IEnumerable<T> Reverse<T>(this IEnumerable<T> source)
    {
        var items = new List<T>(source);
        for (int i = items.Count - 1; i >= 0; i--)
            yield return items[i];
    }

    /// <summary>The same of an array, which System's own would turn around in place.</summary>
    public static IEnumerable<T> Reverse<T>(this T[] source) => Reverse((IEnumerable<T>)source);

    /// <summary>Arrays of so many items each, of which the last may have fewer.</summary>
    public static IEnumerable<T[]> Chunk<T>(this IEnumerable<T> source, int size)
    {
        var items = new List<T>();
        foreach (T item in source)
        {
            items.Add(item);
            if (items.Count == size)
            {
                yield return items.ToArray();
                items.Clear();
            }
        }
        if (items.Count > 0)
            yield return items.ToArray();
    }
}
