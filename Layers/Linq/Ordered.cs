using System.Collections;

namespace Sequor.Layers.Linq;

/// <summary>Items in the order of one key or several; those with the same keys stay in the order that they have.</summary>
internal sealed class Ordered<T>(IEnumerable<T> source, Func<T[], IComparer<int>> order)
    : IEnumerable<T>
{
    /// <summary>The same, and where that leaves two items alike the order of another key.</summary>
    public Ordered<T> Then(Func<T[], IComparer<int>> next) =>
        new(
            source,
            items =>
            {
                (IComparer<int> first, IComparer<int> second) = (order(items), next(items));
                return Comparer<int>.Create(
                    (a, b) => first.Compare(a, b) is var c and not 0 ? c : second.Compare(a, b)
                );
            }
        );

    public IEnumerator<T> GetEnumerator()
    {
        T[] items = source.ToArray();
        IComparer<int> comparer = order(items);
        int[] places = new int[items.Length];
        for (int i = 0; i < places.Length; i++)
            places[i] = i;
        // The sort itself does not keep the order of what is alike.
        Array.Sort(places, (a, b) => comparer.Compare(a, b) is var c and not 0 ? c : a - b);
        foreach (int place in places)
            yield return items[place];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

internal static partial class Enumerable
{
    public static Ordered<T> Order<T>(this IEnumerable<T> source, IComparer<T>? comparer = null) =>
        new(source, By<T, T>(static item => item, comparer, 1));

    public static Ordered<T> OrderDescending<T>(this IEnumerable<T> source) =>
        new(source, By<T, T>(static item => item, null, -1));

    public static Ordered<T> OrderBy<T, TKey>(
        this IEnumerable<T> source,
        Func<T, TKey> key,
        IComparer<TKey>? comparer = null
    ) => new(source, By(key, comparer, 1));

    public static Ordered<T> OrderByDescending<T, TKey>(
        this IEnumerable<T> source,
        Func<T, TKey> key
    ) => new(source, By(key, null, -1));

    public static Ordered<T> ThenBy<T, TKey>(
        this Ordered<T> source,
        Func<T, TKey> key,
        IComparer<TKey>? comparer = null
    ) => source.Then(By(key, comparer, 1));

    public static Ordered<T> ThenByDescending<T, TKey>(this Ordered<T> source, Func<T, TKey> key) =>
        source.Then(By(key, null, -1));

    // Compares items by their places; each key is made once.
    private static Func<T[], IComparer<int>> By<T, TKey>(
        Func<T, TKey> key,
        IComparer<TKey>? comparer,
        int sign
    ) =>
        items =>
        {
            TKey[] keys = Array.ConvertAll(items, item => key(item));
            IComparer<TKey> order = comparer ?? Comparer<TKey>.Default;
            return Comparer<int>.Create(
                (a, b) =>
                    sign > 0 ? order.Compare(keys[a], keys[b]) : order.Compare(keys[b], keys[a])
            );
        };
}
