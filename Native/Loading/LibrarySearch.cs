namespace Sequor.Native;

/// <summary>Tries one place after the other for one library, and records what it tried.</summary>
internal sealed class LibrarySearch(LibraryKind kind, SearchContext context)
{
    private readonly INativeHost _host = context.Host;
    private readonly SearchFolders _folders = context.Folders;
    private readonly List<SearchAttempt> _attempts = [];
    private readonly HashSet<string> _tried = [];

    public IReadOnlyList<SearchAttempt> Attempts => _attempts;

    /// <summary>Loads a library from a given path, which may also be its folder. No other place is tried then.</summary>
    /// <param name="given">The path and where it comes from.</param>
    /// <param name="name">The versioned file name, for a folder.</param>
    /// <param name="companion">A file that is loaded first if it lies beside the library.</param>
    public LoadedLibrary? At(SearchFolder given, string name, string? companion = null) =>
        Try(
            given.Place,
            _host.FolderExists(given.Path) ? _folders.Join(given.Path, name) : given.Path,
            companion
        );

    /// <summary>Loads a library by its name, or from one of several folders.</summary>
    /// <param name="name">The versioned file name.</param>
    /// <param name="places">The folders, in order; those that do not exist are skipped.</param>
    /// <param name="companion">A file that is loaded first if it lies beside the library.</param>
    public LoadedLibrary? Anywhere(
        string name,
        IEnumerable<SearchFolder> places,
        string? companion = null
    )
    {
        if (Try("system loader", name) is { } known)
            return known;
        foreach (SearchFolder place in places)
        {
            bool there = _host.FolderExists(place.Path);
            string path = there ? _folders.Join(place.Path, name) : place.Path;
            // The same folder may come up twice: the Python on PATH may be that of VIRTUAL_ENV.
            if (!_tried.Add(path))
                continue;
            if (!there)
                _attempts.Add(new(kind, place.Place, path, false, "no such folder"));
            else if (Try(place.Place, path, companion) is { } library)
                return library;
        }
        return null;
    }

    /// <summary>The result of a search that succeeded.</summary>
    public LibraryResult<T> Found<T>(T table, string version)
        where T : FunctionTable => new(kind, _attempts, table, version, table.Source, null);

    /// <summary>The result of a search that failed.</summary>
    /// <param name="failure">The kind of reason.</param>
    /// <param name="reason">The reason, as a sentence without a full stop.</param>
    /// <param name="path">The file that was refused; empty if none was loaded.</param>
    /// <param name="version">The version of that file, if it is known.</param>
    public LibraryResult<T> Failed<T>(
        FailureKind failure,
        string reason,
        string path = "",
        string version = ""
    )
        where T : FunctionTable =>
        new(kind, _attempts, null, version, path, new LibraryFailure(kind, failure, reason));

    /// <summary>Loads one file, or a library by its name.</summary>
    public LoadedLibrary? Try(string place, string path, string? companion = null)
    {
        if (companion is not null && _folders.FolderOf(path) is { } folder)
        {
            string beside = _folders.Join(folder, companion);
            if (_host.FileExists(beside))
                Try(place, beside);
        }
        LoadOutcome outcome = _host.Load(path);
        bool loaded = outcome.Library != 0;
        string real = loaded ? Located(path) : path;
        _attempts.Add(new(kind, place, real, loaded, outcome.Reason));
        return loaded ? new LoadedLibrary(_host, outcome.Library, real) : null;
    }

    /// <summary>
    /// The path at which the system found a bare name. Usually libcudnn.so.9 is a link to a file such as libcudnn.so.9.6.0, and
    /// libcuda.so.1 to one such as libcuda.so.535.183.01.
    /// </summary>
    private string Located(string path)
    {
        if (_folders.FolderOf(path) is not null)
            return path;
        IReadOnlyList<string> files = _host.LoadedFiles();
        int at = path.IndexOf(".so.", StringComparison.Ordinal);
        return Beginning(files, path)
            ?? (at < 0 ? null : Beginning(files, path[..(at + ".so.".Length)]))
            ?? path;
    }

    private string? Beginning(IReadOnlyList<string> files, string name) =>
        files.FirstOrDefault(file =>
            _folders
                .FileOf(file)
                .StartsWith(
                    name,
                    _host.Windows ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal
                )
        );
}
