namespace Sequor.Native;

/// <summary>Finds the libraries that Sequor can do without: cuBLASLt, NVRTC and NVML.</summary>
internal sealed unsafe class CompanionFinder(SearchContext context)
{
    private const string BesideCuBlas = "beside cuBLAS";

    /// <summary>
    /// Finds the cuBLASLt that the cuBLAS which was found stands on: the file beside it, or the one that the system knows by that name
    /// now that cuBLAS is loaded. It has to be of the very same version.
    /// </summary>
    public LibraryResult<CuBlasLt> CuBlasLt(LibraryResult<CuBlas> cublas)
    {
        var search = new LibrarySearch(LibraryKind.CuBlasLt, context);
        if (cublas.Table is null)
            return search.Failed<CuBlasLt>(
                FailureKind.NotLookedFor,
                "cuBLASLt was not looked for: it has to be the one of cuBLAS, which cannot be used"
            );
        int major = int.Parse(
            cublas.Version.Split('.')[0],
            System.Globalization.CultureInfo.InvariantCulture
        );
        string name = LibraryNames.CuBlasLt(context.Windows, major);
        INativeSymbols? library =
            context.Resolved(LibraryKind.CuBlasLt)
            ?? Beside(search, cublas.Path, name)
            ?? search.Try(LibrarySearch.ByName, name);
        if (library is null)
            return search.Failed<CuBlasLt>(
                FailureKind.NotFound,
                $"cuBLASLt {major} was not found, neither beside {cublas.Path} nor by its name"
            );
        var table = new CuBlasLt(library);
        if (table.Missing.Contains("cublasLtGetProperty"))
            return search.Failed<CuBlasLt>(
                FailureKind.NotTheLibrary,
                $"{table.Source} is not cuBLASLt: it has no cublasLtGetProperty",
                table.Source
            );
        var parts = new int[3];
        for (int i = 0; i < parts.Length; i++)
        {
            int value;
            cublasStatus_t status = table.cublasLtGetProperty((libraryPropertyType)i, &value);
            if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
                return search.Failed<CuBlasLt>(
                    FailureKind.NotTheLibrary,
                    $"{table.Source} does not tell its version: cublasLtGetProperty gave {status}",
                    table.Source
                );
            parts[i] = value;
        }
        string version = string.Join('.', parts);
        if (version != cublas.Version)
            return search.Failed<CuBlasLt>(
                FailureKind.UnsupportedVersion,
                $"{table.Source} is cuBLASLt {version}, but cuBLAS {cublas.Version} ({cublas.Path}) has to have its own",
                table.Source,
                version
            );
        return table.Missing.Count == 0
            ? search.Found(table, version)
            : search.Failed<CuBlasLt>(
                FailureKind.UnsupportedVersion,
                $"{table.Source} lacks {string.Join(", ", table.Missing)}",
                table.Source,
                version
            );
    }

    private LoadedLibrary? Beside(LibrarySearch search, string cublas, string name)
    {
        if (context.Folders.FolderOf(cublas) is not { } folder)
            return null;
        string path = context.Folders.Join(folder, name);
        return context.Host.FileExists(path) ? search.Try(BesideCuBlas, path) : null;
    }

    /// <summary>Finds NVRTC of cuBLAS's CUDA major version.</summary>
    public LibraryResult<Nvrtc> Nvrtc(int major)
    {
        var search = new LibrarySearch(LibraryKind.Nvrtc, context);
        if (major == 0)
            return search.Failed<Nvrtc>(
                FailureKind.NotLookedFor,
                "NVRTC was not looked for: neither cuDNN nor the driver tells which version"
            );
        INativeSymbols? library =
            context.Resolved(LibraryKind.Nvrtc)
            ?? search.Anywhere(
                LibraryNames.Nvrtc(context.Windows, major),
                context.Folders.For(LibraryKind.Nvrtc, major)
            );
        if (library is null)
            return search.Failed<Nvrtc>(FailureKind.NotFound, $"NVRTC {major} was not found");
        var nvrtc = new Nvrtc(library);
        if (nvrtc.Missing.Contains("nvrtcVersion"))
            return search.Failed<Nvrtc>(
                FailureKind.NotTheLibrary,
                $"{nvrtc.Source} is not NVRTC: it has no nvrtcVersion",
                nvrtc.Source
            );
        int first = 0;
        int second = 0;
        nvrtcResult result = nvrtc.nvrtcVersion(&first, &second);
        return result == nvrtcResult.NVRTC_SUCCESS
            ? search.Found(nvrtc, $"{first}.{second}")
            : search.Failed<Nvrtc>(
                FailureKind.NotTheLibrary,
                $"{nvrtc.Source} does not tell its version: nvrtcVersion gave {result}",
                nvrtc.Source
            );
    }

    /// <summary>Finds NVML, without starting it.</summary>
    public LibraryResult<Nvml> Nvml()
    {
        var search = new LibrarySearch(LibraryKind.Nvml, context);
        INativeSymbols? library =
            context.Resolved(LibraryKind.Nvml)
            ?? search.Anywhere(
                LibraryNames.Nvml(context.Windows),
                SearchFolders.OfDrivers(context.Windows)
            );
        if (library is null)
            return search.Failed<Nvml>(FailureKind.NotFound, "NVML was not found");
        var nvml = new Nvml(library);
        return nvml.Missing.Contains("nvmlInit_v2")
            ? search.Failed<Nvml>(
                FailureKind.NotTheLibrary,
                $"{nvml.Source} is not NVML: it has no nvmlInit_v2",
                nvml.Source
            )
            : search.Found(nvml, "");
    }
}
