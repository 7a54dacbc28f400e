using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The driver, cuDNN and cuBLAS that everything here calls: found once, the driver started once. May be used from
/// any thread.
/// </summary>
public sealed class CudaLibraries
{
    private static readonly Lazy<CudaLibraries> ForProcess = new(() => Load());
    private static CudaLibraries? s_standIn;
    private CudaDevice[]? _devices;

    private CudaLibraries(NativeLibraries native)
    {
        Native = native;
    }

    /// <summary>The libraries of this process, looked for when first asked for.</summary>
    public static CudaLibraries Shared => Volatile.Read(ref s_standIn) ?? ForProcess.Value;

    /// <summary>What was found, and how.</summary>
    public NativeLibraries Native { get; }

    /// <summary>The first reason why a GPU cannot be used here; null where it can.</summary>
    public LibraryFailure? Failure => Native.Failure;

    /// <summary>The driver's functions.</summary>
    /// <exception cref="LibraryException">There is no driver, it is too old, or it has no device.</exception>
    public CudaDriver Driver => Native.Driver.Require();

    /// <summary>cuDNN's functions.</summary>
    /// <exception cref="LibraryException">There is no cuDNN 9.</exception>
    public CuDnn CuDnn => Native.CuDnn.Require();

    /// <summary>cuBLAS's functions.</summary>
    /// <exception cref="LibraryException">There is no cuBLAS of cuDNN's CUDA version.</exception>
    public CuBlas CuBlas => Native.CuBlas.Require();

    /// <summary>The devices, in the driver's order (CUDA_VISIBLE_DEVICES).</summary>
    /// <exception cref="LibraryException">The driver cannot be used.</exception>
    public IReadOnlyList<CudaDevice> Devices =>
        _devices ??= [
            .. Enumerable
                .Range(0, CudaDevice.CountOf(Driver))
                .Select(index => new CudaDevice(this, index)),
        ];

    /// <summary>Looks for the libraries. What is missing is in <see cref="Failure"/>; nothing throws yet.</summary>
    /// <param name="options">Where they are; the default searches.</param>
    public static CudaLibraries Load(NativeLibraryOptions? options = null) =>
        new(NativeLibraries.Load(options));

    /// <summary>Takes libraries that were found before.</summary>
    public static CudaLibraries From(NativeLibraries native)
    {
        ArgumentNullException.ThrowIfNull(native);
        return new(native);
    }

    /// <summary>Takes functions from whatever stands in for the libraries; nothing else is looked for.</summary>
    /// <param name="driver">The driver's symbols.</param>
    /// <param name="cuDnn">cuDNN's; null for no cuDNN.</param>
    /// <param name="cuBlas">cuBLAS's; null for no cuBLAS.</param>
    public static CudaLibraries From(
        INativeSymbols driver,
        INativeSymbols? cuDnn = null,
        INativeSymbols? cuBlas = null
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
                        _ => new NoSymbols($"no {kind}"),
                    },
            }
        );
    }

    /// <summary>
    /// Others are <see cref="Shared"/> until the result is disposed: for tests, so that whole programs run on them. One at a
    /// time.
    /// </summary>
    internal static IDisposable StandIn(CudaLibraries libraries) =>
        Interlocked.CompareExchange(ref s_standIn, libraries, null) is null
            ? new StandInScope(libraries)
            : throw new InvalidOperationException("Other libraries stand in already.");

    /// <summary>A device by its number.</summary>
    /// <param name="index">From 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device; the message lists those there are.</exception>
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
        // A second time others may stand in.
        public void Dispose() => Interlocked.CompareExchange(ref s_standIn, null, libraries);
    }

    /// <summary>A library that the caller has not given.</summary>
    private sealed class NoSymbols(string name) : INativeSymbols
    {
        public string Name => name;

        public nint Find(string symbol) => 0;
    }
}
