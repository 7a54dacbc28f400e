namespace Sequor.Native;

/// <summary>A library that the search has loaded.</summary>
internal sealed class LoadedLibrary(INativeHost host, nint handle, string path) : INativeSymbols
{
    /// <summary>The library's path, or its bare name if the system does not tell.</summary>
    public string Name => path;

    public nint Find(string symbol) => host.Symbol(handle, symbol);

    public void Unload() => host.Unload(handle);
}
