using System.Security.Cryptography;

namespace Sequor.Workloads;

/// <summary>Many expressions one behind the other in memory, with their values; those that repeat are known.</summary>
internal sealed class ListOpsStore
{
    private readonly List<byte> _values = [];

    // Where each begins, and where the last one ends.
    private readonly List<int> _starts = [0];
    private readonly HashSet<int> _known;
    private byte[] _tokens = new byte[1 << 12];

    public ListOpsStore() => _known = new HashSet<int>(new Content(this));

    public int Count => _values.Count;

    public ReadOnlySpan<byte> TokensOf(int expression) =>
        _tokens.AsSpan(_starts[expression].._starts[expression + 1]);

    public int ValueOf(int expression) => _values[expression];

    /// <summary>Adds an expression.</summary>
    public void Add(ReadOnlySpan<byte> tokens, int value)
    {
        int end = _starts[^1];
        int needed = checked(end + tokens.Length);
        if (needed > _tokens.Length)
            Array.Resize(
                ref _tokens,
                (int)Math.Min(Math.Max(needed, 2L * _tokens.Length), Array.MaxLength)
            );
        tokens.CopyTo(_tokens.AsSpan(end));
        _starts.Add(needed);
        _values.Add((byte)value);
    }

    /// <summary>Adds an expression, unless one that this method added is the same.</summary>
    /// <returns>Whether it was added.</returns>
    public bool AddNew(ReadOnlySpan<byte> tokens, int value)
    {
        Add(tokens, value);
        if (_known.Add(Count - 1))
            return true;
        _starts.RemoveAt(_starts.Count - 1);
        _values.RemoveAt(_values.Count - 1);
        return false;
    }

    /// <summary>Puts all expressions from one on into a hash.</summary>
    public void AppendTo(IncrementalHash hash, int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            hash.AppendData(TokensOf(i));
            hash.AppendData([ListOps.Padding, (byte)ValueOf(i)]);
        }
    }

    private sealed class Content(ListOpsStore store) : IEqualityComparer<int>
    {
        public bool Equals(int a, int b) => store.TokensOf(a).SequenceEqual(store.TokensOf(b));

        public int GetHashCode(int expression)
        {
            var hash = default(HashCode);
            hash.AddBytes(store.TokensOf(expression));
            return hash.ToHashCode();
        }
    }
}
