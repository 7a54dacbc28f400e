using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Workloads;

/// <summary>
/// What a machine does at most, as measured by the backend that steps run on: the rate of a copy of large arrays, that of a large
/// square product, and on a CPU that of multiplications with additions in registers. With them, bytes and operations of a step say how near the step is to what the machine can do (Williams,
/// Waterman and Patterson 2009, Roofline).
/// </summary>
/// <param name="BytesPerSecond">Bytes that a copy reads and writes in a second, both counted; the fastest of several copies.</param>
/// <param name="FlopsPerSecond">
/// Operations of a product in a second, two for each multiplication with its addition, in the backend's arithmetic: float32, or TF32
/// where it was asked for. The fastest of several products.
/// </param>
/// <param name="CopiedBytes">Bytes of each of the two arrays.</param>
/// <param name="MatrixSize">Rows and columns of the three matrices.</param>
public sealed record MachinePeaks(
    double BytesPerSecond,
    double FlopsPerSecond,
    long CopiedBytes,
    int MatrixSize
)
{
    /// <summary>
    /// Operations a second of multiplications with additions in the registers of a CPU, two for each; the fastest of several, on all threads
    /// that run at a time. Null on a GPU, and where it was not measured.
    /// </summary>
    public double? MultiplyAddsPerSecond { get; init; }

    /// <summary>The most operations a second: of multiplications with additions, else of a product.</summary>
    public double MostFlopsPerSecond => Math.Max(MultiplyAddsPerSecond ?? 0, FlopsPerSecond);

    /// <summary>
    /// Measures on all threads of a backend, which is used for nothing else meanwhile. The memory is given back at the end; the
    /// ledger's peak stays, so it is best a backend of its own.
    /// </summary>
    /// <param name="backend">Where.</param>
    /// <param name="options">How long and how large; null for the defaults, which take less than a second.</param>
    /// <exception cref="DeviceMemoryException">There is no memory for the smallest arrays.</exception>
    public static MachinePeaks Measure(Backend backend, PeakOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        options ??= new PeakOptions();
        using var timer = new PeakTimer(backend);
        (double bytes, long copied) = CopyPeak.Measure(backend, timer, options);
        (double flops, int size) = ProductPeak.Measure(backend, timer, options);
        return new MachinePeaks(bytes, flops, copied, size)
        {
            MultiplyAddsPerSecond = backend is CpuBackend cpu
                ? MultiplyAddPeak.Measure(cpu, timer, options.Time / 4)
                : null,
        };
    }

    /// <summary>
    /// The least milliseconds that work takes here: those of its bytes or those of its operations, whichever are more. Null where
    /// neither is known.
    /// </summary>
    /// <param name="bytes">Bytes that have to be read and written; null where they are not known.</param>
    /// <param name="flops">Operations; null where they are not known.</param>
    public double? FloorMilliseconds(long? bytes, long? flops)
    {
        double? moving = bytes / BytesPerSecond;
        double? computing = flops / MostFlopsPerSecond;
        return moving is null && computing is null
            ? null
            : Math.Max(moving ?? 0, computing ?? 0) * 1000;
    }
}

/// <summary>How peaks are measured.</summary>
public sealed record PeakOptions
{
    /// <summary>About the time that copies and products take together; what has begun is finished, and each is measured three times at least. The multiplications in registers take a quarter of it.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>The most bytes of an array or a matrix; 1 MiB at least.</summary>
    public long MostBytes { get; init; } = 1L << 30;
}
