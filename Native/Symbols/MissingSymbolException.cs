namespace Sequor.Native;

/// <summary>A function was called that this version of its library does not have.</summary>
public sealed class MissingSymbolException : Exception
{
    internal MissingSymbolException(FunctionName function, string source)
        : base($"{function.Name} was called, but {source} has no symbol {function.Symbol}.")
    {
        Symbol = function.Symbol;
    }

    /// <summary>The missing symbol.</summary>
    public string Symbol { get; }
}
