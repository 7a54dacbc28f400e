namespace Sequor.Native;

/// <summary>The state that all searches share.</summary>
internal sealed class SearchContext(INativeHost host, NativeLibraryOptions options)
{
    public INativeHost Host => host;

    public NativeLibraryOptions Options => options;

    public bool Windows => host.Windows;

    public SearchFolders Folders { get; } = new(host);

    /// <summary>The library from the program's own way to it; null to search.</summary>
    public INativeSymbols? Resolved(LibraryKind kind) => options.Resolve?.Invoke(kind);

    /// <summary>The path from an option or an environment variable; null to search.</summary>
    public SearchFolder? Given(string? option, string optionName, string variable)
    {
        if (option is not null)
            return new(optionName, option);
        return host.Variable(variable) is { } path ? new(variable, path) : null;
    }
}
