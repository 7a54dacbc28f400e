namespace Sequor.Native;

/// <summary>
/// Where a table of functions gets its addresses from: a loaded library, or whatever stands in for one.
/// </summary>
public interface INativeSymbols
{
    /// <summary>The name for messages, such as the library's path.</summary>
    string Name { get; }

    /// <summary>The address of an exported symbol such as cuMemAlloc_v2; 0 if there is none.</summary>
    nint Find(string symbol);
}
