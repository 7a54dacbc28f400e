namespace Sequor.Native;

/// <summary>Finds cuDNN 9, all of it in one folder.</summary>
/// <param name="context">The search.</param>
/// <param name="driverVersion">CUDA of the driver, major * 1000 + minor * 10; 0 if not known.</param>
internal sealed class CuDnnFinder(SearchContext context, int driverVersion)
{
    private const LibraryKind Kind = LibraryKind.CuDnn;
    private readonly LibrarySearch _search = new(Kind, context);
    private readonly SearchFolders _folders = context.Folders;

    /// <summary>
    /// What is found, one after the other, each loaded when it is asked for; one at least, be it a failure. Before the next one is
    /// asked for the last has to be unloaded (<see cref="TryUnload"/>).
    /// </summary>
    public IEnumerable<LibraryResult<CuDnn>> Each()
    {
        if (context.Resolved(Kind) is { } resolved)
        {
            yield return Check(new CuDnn(resolved));
            yield break;
        }
        bool any = false;
        foreach (
            LoadedLibrary library in Given is { } given
                ? Only(_search.At(given, Name))
                : _search.Each(Name, _folders.For(Kind, Newest))
        )
        {
            any = true;
            yield return Of(library);
        }
        if (!any)
            yield return Given is null && Older(Newest) is { } older
                ? Of(older)
                : _search.Failed<CuDnn>(FailureKind.NotFound, "cuDNN 9 was not found");
    }

    /// <summary>Whether there is another one that was not tried: none where a path was given.</summary>
    public bool HasMore =>
        Given is null
        && context.Options.Resolve is null
        && _search.HasMore(Name, _folders.For(Kind, Newest));

    /// <summary>Unloads what was found last.</summary>
    /// <returns>Whether the process is rid of it: with parts of it left, another one would be mixed with them.</returns>
    public bool TryUnload()
    {
        _search.Unload();
        return !Loaded().Any();
    }

    /// <summary>Loads one again that was found and unloaded.</summary>
    public LibraryResult<CuDnn> Again(LibraryResult<CuDnn> found) =>
        found.Table is not null && _search.Try("again", found.Path) is { } library
            ? Of(library)
            : found;

    // CUDA of the newest that will do.
    private int Newest => driverVersion > 0 ? driverVersion / 1000 : LibraryNames.NewestCudaMajor;

    private string Name => LibraryNames.CuDnn(context.Windows, LibraryNames.CuDnnMajor);

    private static LoadedLibrary[] Only(LoadedLibrary? library) => library is null ? [] : [library];

    private SearchFolder? Given =>
        context.Given(context.Options.CuDnnPath, "option", "SEQUOR_CUDNN_PATH");

    // Calls load the parts, so they have to be there before; parts of another version say so themselves.
    private LibraryResult<CuDnn> Of(LoadedLibrary library)
    {
        var cudnn = new CuDnn(library);
        return (IsNine(library.Name) ? Parts(library.Name) : null) ?? Check(cudnn);
    }

    private StringComparison Comparison =>
        context.Windows ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    /// <summary>Whether a file is cuDNN 9, by its name or, if that contains no version, by its parts.</summary>
    private bool IsNine(string path) =>
        _folders
            .FileOf(path)
            .StartsWith(LibraryNames.CuDnn(context.Windows, LibraryNames.CuDnnMajor), Comparison)
        || (
            _folders.FolderOf(path) is { } folder
            && LibraryNames.CuDnnParts.Any(part =>
                context.Host.FileExists(
                    _folders.Join(folder, LibraryNames.CuDnnPart(context.Windows, part))
                )
            )
        );

    /// <summary>Searches for cuDNN 8, so that the failure can say that it is there.</summary>
    private LoadedLibrary? Older(int newest) =>
        _search.Anywhere(
            LibraryNames.CuDnn(context.Windows, LibraryNames.CuDnnMajor - 1),
            _folders.For(Kind, newest)
        );

    /// <summary>Loads cuDNN's parts by full path, so that it does not find others by itself.</summary>
    private LibraryResult<CuDnn>? Parts(string main)
    {
        if (_folders.FolderOf(main) is not { } folder)
            return null;
        foreach (string part in LibraryNames.CuDnnParts)
        {
            string name = LibraryNames.CuDnnPart(context.Windows, part);
            if (_search.Try("beside cuDNN", _folders.Join(folder, name)) is null)
                return _search.Failed<CuDnn>(
                    FailureKind.SublibrariesMixed,
                    $"{name} could not be loaded from {folder}, where cuDNN is"
                        + $" ({_search.Attempts[^1].Reason}); all of cuDNN has to be in one folder",
                    main
                );
        }
        foreach (string part in LibraryNames.CuDnnEngines)
        {
            string path = _folders.Join(folder, LibraryNames.CuDnnPart(context.Windows, part));
            if (context.Host.FileExists(path))
                _search.Try("beside cuDNN", path);
        }
        return Mixed(main);
    }

    private LibraryResult<CuDnn>? Mixed(string main) =>
        Mixture() is { } mixture
            ? _search.Failed<CuDnn>(FailureKind.SublibrariesMixed, mixture, main)
            : null;

    /// <summary>What of cuDNN this process has from several folders, as a sentence without its stop; null where it has not.</summary>
    public string? Mixture()
    {
        string[] loaded = [.. Loaded()];
        return
            loaded
                .Select(_folders.FolderOf)
                .Distinct(StringComparer.FromComparison(Comparison))
                .Count() < 2
            ? null
            : $"this process has parts of cuDNN from several folders: {string.Join(", ", loaded)}";
    }

    private IEnumerable<string> Loaded()
    {
        string[] names = [.. LibraryNames.AllOfCuDnn(context.Windows)];
        return context
            .Host.LoadedFiles()
            .Where(f => names.Any(n => _folders.FileOf(f).StartsWith(n, Comparison)));
    }

    private LibraryResult<CuDnn> Check(CuDnn cudnn)
    {
        if (
            cudnn.Missing.Contains("cudnnGetVersion")
            || cudnn.Missing.Contains("cudnnGetCudartVersion")
        )
            return _search.Failed<CuDnn>(
                FailureKind.NotTheLibrary,
                $"{cudnn.Source} is not cuDNN: it has no cudnnGetVersion"
                    + " or no cudnnGetCudartVersion",
                cudnn.Source
            );
        Version version = Versions.CuDnn(cudnn.cudnnGetVersion());
        if (version.Major != LibraryNames.CuDnnMajor)
            return _search.Failed<CuDnn>(
                FailureKind.UnsupportedVersion,
                $"{cudnn.Source} is cuDNN {version}; cuDNN 9 is needed",
                cudnn.Source,
                version.ToString()
            );
        int cuda = checked((int)cudnn.cudnnGetCudartVersion());
        string built = $"{cudnn.Source} (cuDNN {version}) was built for CUDA {Versions.Cuda(cuda)}";
        if (cuda / 1000 is < LibraryNames.OldestCudaMajor or > LibraryNames.NewestCudaMajor)
            return _search.Failed<CuDnn>(
                FailureKind.UnsupportedVersion,
                $"{built}; CUDA 12 or 13 is needed",
                cudnn.Source,
                version.ToString()
            );
        if (driverVersion > 0 && cuda / 1000 > driverVersion / 1000)
            return _search.Failed<CuDnn>(
                FailureKind.CudaMajorMismatch,
                $"{built}, but the driver supports CUDA {Versions.Cuda(driverVersion)} only",
                cudnn.Source,
                version.ToString()
            );
        return _search.Found(cudnn, version.ToString());
    }
}
