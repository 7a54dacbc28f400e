using System.Diagnostics.CodeAnalysis;

namespace Sequor.Native;

/// <summary>
/// A vendor's functions, by addresses that are looked up once. A function that the library lacks does no harm until it is called.
/// </summary>
public abstract unsafe class FunctionTable
{
    private readonly FunctionName[] _functions;
    private readonly nint[] _addresses;

    private protected FunctionTable(INativeSymbols symbols, FunctionName[] functions)
    {
        _functions = functions;
        Source = symbols.Name;
        _addresses = [.. functions.Select(f => symbols.Find(f.Symbol))];
        Missing = [.. functions.Where((_, i) => _addresses[i] == 0).Select(f => f.Symbol)];
    }

    /// <summary>Where the addresses come from.</summary>
    public string Source { get; }

    /// <summary>All functions of the table.</summary>
    public IReadOnlyList<FunctionName> All => _functions;

    /// <summary>The symbols that the library lacks; calling one throws <see cref="MissingSymbolException"/>.</summary>
    public IReadOnlyList<string> Missing { get; }

    private protected void* At(int index)
    {
        nint address = _addresses[index];
        if (address == 0)
            ThrowMissing(index);
        return (void*)address;
    }

    [DoesNotReturn]
    private void ThrowMissing(int index) =>
        throw new MissingSymbolException(_functions[index], Source);
}
