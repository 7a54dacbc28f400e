namespace Sequor.Native;

/// <summary>Finds the CUDA driver, and says whether it is new enough and has a device.</summary>
internal sealed unsafe class DriverFinder(SearchContext context)
{
    private readonly LibrarySearch _search = new(LibraryKind.CudaDriver, context);

    /// <summary>The newest CUDA version that the driver supports, major * 1000 + minor * 10; 0 if not known.</summary>
    public int CudaVersion { get; private set; }

    /// <summary>The number of devices.</summary>
    public int Devices { get; private set; }

    public LibraryResult<CudaDriver> Find()
    {
        INativeSymbols? library = context.Resolved(LibraryKind.CudaDriver) ?? Search();
        if (library is null)
            return _search.Failed<CudaDriver>(
                FailureKind.NotFound,
                "no CUDA driver library was found"
            );
        return Start(new CudaDriver(library));
    }

    private LoadedLibrary? Search()
    {
        string name = LibraryNames.Driver(context.Windows);
        string? option = context.Options.CudaDriverPath;
        return context.Given(option, "option", "SEQUOR_CUDA_DRIVER_PATH") is { } given
            ? _search.At(given, name)
            : _search.Anywhere(name, SearchFolders.OfDrivers(context.Windows));
    }

    private LibraryResult<CudaDriver> Start(CudaDriver driver)
    {
        string path = driver.Source;
        if (driver.Missing.Contains("cuDriverGetVersion") || driver.Missing.Contains("cuInit"))
            return _search.Failed<CudaDriver>(
                FailureKind.NotTheLibrary,
                $"{path} is no CUDA driver: it has no cuDriverGetVersion or no cuInit",
                path
            );
        int version;
        CUresult result = driver.cuDriverGetVersion(&version);
        if (result != CUresult.CUDA_SUCCESS)
            return NotStarted(path, "cuDriverGetVersion", result);
        CudaVersion = version;
        string said = Versions.Cuda(version);
        if (version < CudaDriver.EntryVersion || driver.Missing.Contains("cuGetProcAddress_v2"))
            return _search.Failed<CudaDriver>(
                FailureKind.DriverTooOld,
                $"the CUDA driver {path} is too old: it supports CUDA {said}, and 12.0 is needed",
                path,
                said
            );
        if (driver.Missing.Contains("cuDeviceGetCount"))
            return _search.Failed<CudaDriver>(
                FailureKind.NotTheLibrary,
                $"{path} is no CUDA driver: it has no cuDeviceGetCount",
                path,
                said
            );
        result = driver.cuInit(0);
        int devices = 0;
        if (result == CUresult.CUDA_SUCCESS)
            result = driver.cuDeviceGetCount(&devices);
        if (result == CUresult.CUDA_ERROR_NO_DEVICE || (result == 0 && devices == 0))
            return _search.Failed<CudaDriver>(
                FailureKind.NoDevice,
                $"there is no CUDA device; the driver library {path} (CUDA {said}) is there",
                path,
                said
            );
        if (result != CUresult.CUDA_SUCCESS)
            return NotStarted(path, "cuInit", result, said);
        Devices = devices;
        return _search.Found(driver, said);
    }

    private LibraryResult<CudaDriver> NotStarted(
        string path,
        string call,
        CUresult result,
        string version = ""
    ) =>
        _search.Failed<CudaDriver>(
            FailureKind.DriverFailed,
            $"the CUDA driver {path} does not start: {call} gave {result} ({(int)result})"
                + (
                    result == CUresult.CUDA_ERROR_STUB_LIBRARY
                        ? ": it is the toolkit's stub, made for linking only"
                        : ""
                ),
            path,
            version
        );
}
