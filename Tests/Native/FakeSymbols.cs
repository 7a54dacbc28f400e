using Sequor.Native;

namespace Sequor.Tests.Native;

/// <summary>A library made of functions of the test's own.</summary>
internal sealed class FakeSymbols(string name) : INativeSymbols
{
    private readonly Dictionary<string, nint> _addresses = [];

    public string Name => name;

    /// <summary>The symbols that were asked for, in order.</summary>
    public List<string> Asked { get; } = [];

    public nint this[string symbol]
    {
        set => _addresses[symbol] = value;
    }

    public nint Find(string symbol)
    {
        Asked.Add(symbol);
        return _addresses.GetValueOrDefault(symbol);
    }
}
