namespace Sequor.Layers.Linq;

/// <summary>Items of one key, in their order.</summary>
internal sealed class Group<TKey, T>(TKey key) : List<T>
{
    public TKey Key { get; } = key;
}

/// <summary>Items by their keys; null is a key as well.</summary>
internal sealed class Lookup<TKey, T>(IEqualityComparer<TKey>? comparer)
{
    // No dictionary takes null for a key.
    private readonly Dictionary<ValueTuple<TKey>, Group<TKey, T>> _groups = new(
        comparer is null ? null : new Keys(comparer)
    );

    /// <summary>The groups, in the order in which their keys came first.</summary>
    public List<Group<TKey, T>> Groups { get; } = [];

    /// <summary>The items of a key; none of one that there is not.</summary>
    public IReadOnlyList<T> this[TKey key] =>
        _groups.TryGetValue(new(key), out Group<TKey, T>? group) ? group : [];

    public bool Contains(TKey key) => _groups.ContainsKey(new(key));

    public void Add(TKey key, T item)
    {
        if (!_groups.TryGetValue(new(key), out Group<TKey, T>? group))
        {
            group = new Group<TKey, T>(key);
            _groups.Add(new(key), group);
            Groups.Add(group);
        }
        group.Add(item);
    }

    private sealed class Keys(IEqualityComparer<TKey> comparer)
        : IEqualityComparer<ValueTuple<TKey>>
    {
        public bool Equals(ValueTuple<TKey> x, ValueTuple<TKey> y) =>
            comparer.Equals(x.Item1, y.Item1);

        public int GetHashCode(ValueTuple<TKey> key) =>
            key.Item1 is { } value ? comparer.GetHashCode(value) : 0;
    }
}
