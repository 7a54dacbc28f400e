using System.Globalization;

namespace Sequor.Native;

/// <summary>Finds cuBLAS of the CUDA major version that cuDNN or the driver requires.</summary>
internal sealed unsafe class CuBlasFinder(SearchContext context)
{
    private const LibraryKind Kind = LibraryKind.CuBlas;
    private readonly LibrarySearch _search = new(Kind, context);

    /// <summary>Searches for it.</summary>
    /// <param name="majors">The CUDA major versions that are suitable, best first.</param>
    /// <param name="why">What requires these versions.</param>
    public LibraryResult<CuBlas> Find(IReadOnlyList<int> majors, string why)
    {
        if (majors.Count == 0)
            return _search.Failed<CuBlas>(
                FailureKind.NotLookedFor,
                "cuBLAS was not looked for: neither cuDNN nor the driver tells which version"
            );
        INativeSymbols? library = context.Resolved(Kind) ?? Search(majors);
        if (library is not null)
            return Check(new CuBlas(library), majors, why);
        string wanted = string.Join(" or ", majors);
        int[] others = [.. Known().Except(majors)];
        foreach (int major in others)
        {
            if (!Explicit && Anywhere(major) is { } other)
            {
                other.Unload();
                return _search.Failed<CuBlas>(
                    FailureKind.CudaMajorMismatch,
                    $"only cuBLAS {major} was found, {other.Name}, but {why} asks for {wanted}",
                    other.Name,
                    major.ToString(CultureInfo.InvariantCulture)
                );
            }
        }
        return _search.Failed<CuBlas>(
            FailureKind.NotFound,
            $"cuBLAS {wanted}, which {why} asks for, was not found"
        );
    }

    private static IEnumerable<int> Known() =>
        Enumerable.Range(
            LibraryNames.OldestCudaMajor,
            LibraryNames.NewestCudaMajor - LibraryNames.OldestCudaMajor + 1
        );

    private SearchFolder? Given =>
        context.Given(context.Options.CuBlasPath, "option", "SEQUOR_CUBLAS_PATH");

    private bool Explicit => Given is not null;

    private LoadedLibrary? Search(IReadOnlyList<int> majors)
    {
        foreach (int major in majors)
        {
            LoadedLibrary? library = Given is { } given
                ? _search.At(
                    given,
                    LibraryNames.CuBlas(context.Windows, major),
                    LibraryNames.CuBlasLt(context.Windows, major)
                )
                : Anywhere(major);
            if (library is not null)
                return library;
        }
        return null;
    }

    private LoadedLibrary? Anywhere(int major) =>
        _search.Anywhere(
            LibraryNames.CuBlas(context.Windows, major),
            context.Folders.For(Kind, major),
            LibraryNames.CuBlasLt(context.Windows, major)
        );

    private LibraryResult<CuBlas> Check(CuBlas cublas, IReadOnlyList<int> majors, string why)
    {
        if (cublas.Missing.Contains("cublasGetProperty"))
            return _search.Failed<CuBlas>(
                FailureKind.NotTheLibrary,
                $"{cublas.Source} is not cuBLAS: it has no cublasGetProperty",
                cublas.Source
            );
        var parts = new int[3];
        for (int i = 0; i < parts.Length; i++)
        {
            int value;
            cublasStatus_t status = cublas.cublasGetProperty((libraryPropertyType)i, &value);
            if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
                return _search.Failed<CuBlas>(
                    FailureKind.NotTheLibrary,
                    $"{cublas.Source} does not tell its version: cublasGetProperty gave {status}",
                    cublas.Source
                );
            parts[i] = value;
        }
        string version = string.Join('.', parts);
        return majors.Contains(parts[0])
            ? _search.Found(cublas, version)
            : _search.Failed<CuBlas>(
                FailureKind.CudaMajorMismatch,
                $"{cublas.Source} is cuBLAS {version}, but {why} asks for {string.Join(" or ", majors)}",
                cublas.Source,
                version
            );
    }
}
