namespace Sequor.Native;

/// <summary>Finds the libraries that Sequor can do without: NVRTC and NVML.</summary>
internal sealed unsafe class CompanionFinder(SearchContext context)
{
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
