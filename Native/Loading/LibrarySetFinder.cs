namespace Sequor.Native;

/// <summary>
/// Finds cuDNN and the cuBLAS of its CUDA major version. The first cuDNN that the driver can run and that has such a cuBLAS is taken
/// before one that merely comes first: a machine may have a toolkit of one version, and PyTorch's packages of another.
/// </summary>
internal sealed class LibrarySetFinder
{
    private readonly SearchContext _context;
    private readonly int _driverVersion;
    private readonly CuDnnFinder _finder;

    /// <param name="context">The search.</param>
    /// <param name="driverVersion">CUDA of the driver, major * 1000 + minor * 10; 0 if not known.</param>
    public LibrarySetFinder(SearchContext context, int driverVersion)
    {
        (_context, _driverVersion) = (context, driverVersion);
        _finder = new CuDnnFinder(context, driverVersion);
        LibrarySet? first = null;
        LibrarySet? last = null;
        bool unloaded = false;
        bool clean = true;
        foreach (LibraryResult<CuDnn> cudnn in _finder.Each())
        {
            unloaded = false;
            last = With(cudnn);
            first ??= last;
            if (last.IsWhole)
            {
                Found = last;
                return;
            }
            if (!last.MayBeOfAnother || !_finder.HasMore)
                break;
            (unloaded, clean) = (true, _finder.TryUnload());
            if (!clean)
                break;
        }
        // None is whole: the first one says what is missing, or the one whose parts the process cannot get rid of.
        if (last != first && !unloaded)
            (unloaded, clean) = (true, _finder.TryUnload());
        LibrarySet told = clean ? first! : last!;
        Found = unloaded ? told with { CuDnn = _finder.Again(told.CuDnn) } : told;
    }

    /// <summary>The libraries.</summary>
    public LibrarySet Found { get; }

    /// <summary>As of <see cref="CuDnnFinder.Mixture"/>, at the time of the call.</summary>
    public string? Mixture() => _finder.Mixture();

    private LibrarySet With(LibraryResult<CuDnn> cudnn)
    {
        (int[] majors, string why) = CuBlasMajors(cudnn);
        return new(cudnn, new CuBlasFinder(_context).Find(majors, why), majors.FirstOrDefault());
    }

    /// <summary>Which cuBLAS will do: cuDNN's own, or else any that the driver can run, the newest first.</summary>
    private (int[] Majors, string Why) CuBlasMajors(LibraryResult<CuDnn> found)
    {
        if (found.Table is { } cudnn)
            return (
                [checked((int)cudnn.cudnnGetCudartVersion() / 1000)],
                $"cuDNN {found.Version} ({cudnn.Source})"
            );
        int newest = Math.Min(_driverVersion / 1000, LibraryNames.NewestCudaMajor);
        int count = Math.Max(0, newest - LibraryNames.OldestCudaMajor + 1);
        return (
            [.. Enumerable.Range(LibraryNames.OldestCudaMajor, count).Reverse()],
            $"the driver (CUDA {Versions.Cuda(_driverVersion)})"
        );
    }
}

/// <summary>A cuDNN, the cuBLAS that was found for it, and the CUDA major version that both and NVRTC have to be of.</summary>
internal sealed record LibrarySet(
    LibraryResult<CuDnn> CuDnn,
    LibraryResult<CuBlas> CuBlas,
    int CudaMajor
)
{
    /// <summary>Both can be used.</summary>
    public bool IsWhole => CuDnn.Failure is null && CuBlas.Failure is null;

    /// <summary>What is missing may be there for another cuDNN.</summary>
    public bool MayBeOfAnother =>
        CuDnn.Failure is { } failure
            ? failure.Kind is FailureKind.CudaMajorMismatch or FailureKind.UnsupportedVersion
            : CuBlas.Failure is { Kind: FailureKind.NotFound or FailureKind.CudaMajorMismatch };
}
