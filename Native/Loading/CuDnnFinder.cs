namespace Sequor.Native;

/// <summary>Finds cuDNN 9, all libraries of which must be in one folder.</summary>
internal sealed class CuDnnFinder(SearchContext context)
{
    private const LibraryKind Kind = LibraryKind.CuDnn;
    private readonly LibrarySearch _search = new(Kind, context);
    private readonly SearchFolders _folders = context.Folders;

    /// <summary>Searches for it.</summary>
    /// <param name="driverVersion">The driver's CUDA version, major * 1000 + minor * 10; 0 if not known.</param>
    public LibraryResult<CuDnn> Find(int driverVersion)
    {
        if (context.Resolved(Kind) is { } resolved)
            return Check(new CuDnn(resolved), driverVersion);
        int newest = driverVersion > 0 ? driverVersion / 1000 : LibraryNames.NewestCudaMajor;
        string name = LibraryNames.CuDnn(context.Windows, LibraryNames.CuDnnMajor);
        string? option = context.Options.CuDnnPath;
        LoadedLibrary? library = context.Given(option, "option", "SEQUOR_CUDNN_PATH") is { } given
            ? _search.At(given, name)
            : _search.Anywhere(name, _folders.For(Kind, newest)) ?? Older(newest);
        if (library is null)
            return _search.Failed<CuDnn>(FailureKind.NotFound, "cuDNN 9 was not found");
        var cudnn = new CuDnn(library);
        // Calls load the parts, so they must be there before. Parts of another version report that themselves.
        return (IsNine(library.Name) ? Parts(library.Name) : null) ?? Check(cudnn, driverVersion);
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

    private LibraryResult<CuDnn>? Mixed(string main)
    {
        string[] names = [.. LibraryNames.AllOfCuDnn(context.Windows)];
        string[] loaded =
        [
            .. context
                .Host.LoadedFiles()
                .Where(f => names.Any(n => _folders.FileOf(f).StartsWith(n, Comparison))),
        ];
        return
            loaded
                .Select(_folders.FolderOf)
                .Distinct(StringComparer.FromComparison(Comparison))
                .Count() < 2
            ? null
            : _search.Failed<CuDnn>(
                FailureKind.SublibrariesMixed,
                $"this process has parts of cuDNN from several folders: {string.Join(", ", loaded)}",
                main
            );
    }

    private LibraryResult<CuDnn> Check(CuDnn cudnn, int driverVersion)
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
