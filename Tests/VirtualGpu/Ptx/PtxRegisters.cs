using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// The registers that one pair of braces declares. Of <c>%r&lt;1000000&gt;</c> only those come into being that an
/// instruction names: a line of text asks for no memory but its own.
/// </summary>
internal sealed class PtxRegisters
{
    /// <summary>The most that one declaration may make, beyond what any compiler writes.</summary>
    public const long Most = 1 << 24;

    private readonly Dictionary<string, PtxType> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (PtxType Type, long Count)> _ranges = new(
        StringComparer.Ordinal
    );
    private readonly Dictionary<string, PtxRegister> _used = new(StringComparer.Ordinal);

    // The least number that is taken behind the beginning of a name.
    private readonly Dictionary<string, long> _least = new(StringComparer.Ordinal);

    /// <summary>Declares one; false where it is there already.</summary>
    public bool Declare(string name, PtxType type)
    {
        if (TypeOf(name) is not null)
            return false;
        _names.Add(name, type);
        foreach ((string stem, long number) in Numbered(name))
            Take(stem, number);
        return true;
    }

    /// <summary>Declares stem0, stem1 and so on; false where one of them is there already.</summary>
    public bool Declare(string stem, long count, PtxType type)
    {
        if (count == 0)
            return true;
        // Its first is there, or is declared with a lesser beginning, or one with a longer beginning is.
        if (
            TypeOf($"{stem}0") is not null
            || _least.GetValueOrDefault(stem, long.MaxValue) < count
            || !_ranges.TryAdd(stem, (type, count))
        )
            return false;
        foreach ((string shorter, long number) in Numbered($"{stem}0"))
            if (shorter != stem)
                Take(shorter, number);
        return true;
    }

    /// <summary>A register by its name, made by the first who asks for it; null where none is declared.</summary>
    /// <param name="name">The name.</param>
    /// <param name="all">The kernel's registers, to which a new one is added.</param>
    public PtxRegister? Find(string name, List<PtxRegister> all)
    {
        if (_used.TryGetValue(name, out PtxRegister? register))
            return register;
        if (TypeOf(name) is not { } type)
            return null;
        register = new PtxRegister(name, type, all.Count);
        all.Add(register);
        _used.Add(name, register);
        return register;
    }

    /// <summary>Whether a register of this name is declared.</summary>
    public bool Has(string name) => TypeOf(name) is not null;

    /// <summary>Whether a name is one of stem0, stem1 and so on.</summary>
    public static bool IsOf(string name, string stem, long count) =>
        name.StartsWith(stem, StringComparison.Ordinal)
        && Numbered(name).Any(n => n.Stem == stem && n.Number < count);

    private PtxType? TypeOf(string name)
    {
        if (_names.TryGetValue(name, out PtxType type))
            return type;
        foreach ((string stem, long number) in Numbered(name))
            if (_ranges.TryGetValue(stem, out var range) && number < range.Count)
                return range.Type;
        return null;
    }

    private void Take(string stem, long number)
    {
        if (number < _least.GetValueOrDefault(stem, long.MaxValue))
            _least[stem] = number;
    }

    // %r10 is number 10 of %r and number 0 of %r1.
    private static IEnumerable<(string Stem, long Number)> Numbered(string name)
    {
        for (int at = name.Length - 1; at > 0 && char.IsAsciiDigit(name[at]); at--)
        {
            ReadOnlySpan<char> digits = name.AsSpan(at);
            if (digits.Length > 10)
                yield break;
            if (digits.Length == 1 || digits[0] != '0')
                yield return (
                    name[..at],
                    long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture)
                );
        }
    }
}
