using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The driver, cuDNN and cuBLAS that everything here calls. They are found once and the driver is started once. May be used from any
/// thread.
/// </summary>
/// <example>
/// <code>
/// CudaLibraries libraries = CudaLibraries.Shared; // the driver, cuDNN and cuBLAS of this machine
/// if (libraries.Failure is { } failure)
///     Console.WriteLine($"no GPU can be used: {failure.Reason}");
/// else
///     foreach (CudaDevice device in libraries.Devices)
///         Console.WriteLine(device); // 0: its name (its compute capability)
/// </code>
/// </example>
public sealed class CudaLibraries
{
    private static readonly Lazy<CudaLibraries> ForProcess = new(() => Load());
    private static CudaLibraries? s_standIn;
    private CudaDevice[]? _devices;

    private CudaLibraries(NativeLibraries native)
    {
        Native = native;
    }

    /// <summary>The libraries of this process, which are searched for when first asked for.</summary>
    public static CudaLibraries Shared => Volatile.Read(ref s_standIn) ?? ForProcess.Value;

    /// <summary>The libraries that were found, and how.</summary>
    public NativeLibraries Native { get; }

    /// <summary>The first reason why a GPU cannot be used here; null if it can.</summary>
    public LibraryFailure? Failure => Native.Failure;

    /// <summary>The driver's functions.</summary>
    /// <exception cref="LibraryException">There is no driver, it is too old, or it has no device.</exception>
    public CudaDriver Driver => Native.Driver.Require();

    /// <summary>cuDNN's functions.</summary>
    /// <exception cref="LibraryException">There is no cuDNN 9.</exception>
    public CuDnn CuDnn => Native.CuDnn.Require();

    /// <summary>cuBLAS's functions.</summary>
    /// <exception cref="LibraryException">There is no cuBLAS for cuDNN's CUDA version.</exception>
    public CuBlas CuBlas => Native.CuBlas.Require();

    /// <summary>cuBLASLt's functions; null where there is none of cuBLAS's version. <see cref="NativeLibraries.CuBlasLt"/> says why.</summary>
    public CuBlasLt? CuBlasLt => Native.CuBlasLt.Table;

    /// <summary>The devices, in the driver's order, which CUDA_VISIBLE_DEVICES determines.</summary>
    /// <exception cref="LibraryException">The driver cannot be used.</exception>
    public IReadOnlyList<CudaDevice> Devices =>
        _devices ??= [
            .. Enumerable
                .Range(0, CudaDevice.CountOf(Driver))
                .Select(index => new CudaDevice(this, index)),
        ];

    /// <summary>Searches for the libraries. What is missing is in <see cref="Failure"/>; nothing is thrown yet.</summary>
    /// <param name="options">Where the libraries are; by default they are searched for.</param>
    public static CudaLibraries Load(NativeLibraryOptions? options = null) =>
        new(NativeLibraries.Load(options));

    /// <summary>Uses libraries that were found before.</summary>
    public static CudaLibraries From(NativeLibraries native)
    {
        ArgumentNullException.ThrowIfNull(native);
        return new(native);
    }

    /// <summary>Uses functions of something that stands in for the libraries; nothing else is searched for.</summary>
    /// <param name="driver">The driver's symbols.</param>
    /// <param name="cuDnn">cuDNN's symbols; null for no cuDNN.</param>
    /// <param name="cuBlas">cuBLAS's symbols; null for no cuBLAS.</param>
    /// <param name="nvml">NVML's symbols; null for no NVML.</param>
    /// <param name="cuBlasLt">cuBLASLt's symbols; null for no cuBLASLt.</param>
    public static CudaLibraries From(
        INativeSymbols driver,
        INativeSymbols? cuDnn = null,
        INativeSymbols? cuBlas = null,
        INativeSymbols? nvml = null,
        INativeSymbols? cuBlasLt = null
    )
    {
        ArgumentNullException.ThrowIfNull(driver);
        return Load(
            new NativeLibraryOptions
            {
                Resolve = kind =>
                    kind switch
                    {
                        LibraryKind.CudaDriver => driver,
                        LibraryKind.CuDnn => cuDnn ?? new NoSymbols("no cuDNN"),
                        LibraryKind.CuBlas => cuBlas ?? new NoSymbols("no cuBLAS"),
                        LibraryKind.CuBlasLt => cuBlasLt ?? new NoSymbols("no cuBLASLt"),
                        LibraryKind.Nvml => nvml ?? new NoSymbols("no NVML"),
                        _ => new NoSymbols($"no {kind}"),
                    },
            }
        );
    }

    /// <summary>
    /// Makes <see cref="Shared"/> return other libraries until the result is disposed, so that tests can run whole programs on them. Only
    /// one such replacement can be active at a time.
    /// </summary>
    internal static IDisposable StandIn(CudaLibraries libraries) =>
        Interlocked.CompareExchange(ref s_standIn, libraries, null) is null
            ? new StandInScope(libraries)
            : throw new InvalidOperationException("Other libraries stand in already.");

    /// <summary>A device by its number.</summary>
    /// <param name="index">The device's number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device; the message lists the existing ones.</exception>
    public CudaDevice Device(int index = 0)
    {
        IReadOnlyList<CudaDevice> devices = Devices;
        return index >= 0 && index < devices.Count
            ? devices[index]
            : throw new ArgumentOutOfRangeException(
                nameof(index),
                index,
                $"There is no CUDA device {index}; there {(devices.Count == 1 ? "is" : "are")} "
                    + string.Join(", ", devices.Select(d => $"{d.Index} ({d.Name})"))
                    + "."
            );
    }

    private sealed class StandInScope(CudaLibraries libraries) : IDisposable
    {
        // A second Dispose does nothing, as other libraries may stand in by then.
        public void Dispose() => Interlocked.CompareExchange(ref s_standIn, null, libraries);
    }

    /// <summary>Stands in for a library that the caller has not given.</summary>
    private sealed class NoSymbols(string name) : INativeSymbols
    {
        public string Name => name;

        public nint Find(string symbol) => 0;
    }
}
