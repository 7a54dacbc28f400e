using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Sequor.Layers.Cpu;

/// <summary>
/// The processor as a backend: vectors of 512, 256 or 128 bits and a pool of threads. Every result depends on the inputs and the number of
/// threads alone.
/// </summary>
internal sealed unsafe partial class CpuBackend : Backend
{
    // Blocks are padded to this many bytes, so that no two blocks share a cache line.
    private const int BlockAlignment = 64;

    // Bytes of second-level cache for each core: a common size among the processors of recent years.
    private const long SecondLevelCache = 1 << 20;

    // More floats than this cannot be addressed.
    private const long MostFloats = long.MaxValue / sizeof(float) - BlockAlignment;

    private readonly WorkerPool _pool;
    private readonly Scratch _scratch;
    private readonly PointwiseJob _pointwise;
    private readonly MatMulJob _matMul;
    private readonly BlockedMatMulJob _blockedMatMul;
    private readonly ReductionJob _reduction;
    private readonly SequenceJob _sequences;
    private readonly WeightNormJob _weightNorm;
    private readonly OptimizerJob _optimizer;
    private readonly StateSpaceJob _stateSpace;

    public CpuBackend(CpuOptions options, string reason)
    {
        if (options.Threads is < 0 or > 1024)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Threads,
                "Threads must be 0 (all cores) to 1024."
            );
        int bits = options.VectorBits == 0 ? CpuInstructions.VectorBits : options.VectorBits;
        if (bits is not (128 or 256 or 512))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                bits,
                "Vector bits must be 0, 128, 256 or 512."
            );
        Lanes = bits / 32;
        string instructions = CpuInstructions.Describe(bits);
        int cores = Environment.ProcessorCount;
        Threads = options.Threads == 0 ? cores : options.Threads;
        // More threads than cores would take the cores from each other, and spin where others compute.
        _pool = new WorkerPool(Math.Min(Threads, cores));
        SliceGroups = _pool.Threads;
        _scratch = new Scratch(this);
        _pointwise = new PointwiseJob(this);
        _matMul = new MatMulJob(this);
        _blockedMatMul = new BlockedMatMulJob(this);
        _reduction = new ReductionJob(this);
        _sequences = new SequenceJob(this);
        _weightNorm = new WeightNormJob(this);
        _optimizer = new OptimizerJob(this);
        _stateSpace = new StateSpaceJob(this);
        Info = new BackendInfo(
            "cpu",
            string.Create(
                CultureInfo.InvariantCulture,
                $"CPU, {Amount.Of(Threads, "thread")}{(Threads > cores ? $" on {Amount.Of(cores, "core")}" : "")}, {bits}-bit vectors, {instructions}"
            ),
            Threads,
            bits,
            reason
        )
        {
            Instructions = instructions,
        };
        StepMeter.Add(this);
        if (options.Nvtx && NvtxRanges.Create() is { } ranges)
            AddProbe(ranges);
    }

    public override BackendInfo Info { get; }

    /// <summary>The floats of a vector: 16, 8 or 4.</summary>
    public int Lanes { get; }

    /// <summary>How many parts work is split into at most, which decides the order of sums.</summary>
    public int Threads { get; }

    /// <summary>How many parts run at a time: no more than there are cores.</summary>
    public int Concurrency => _pool.Threads;

    /// <summary>
    /// The largest recurrent weights of a layer, in bytes, that each thread reads for its share of the batch; where they are larger, threads
    /// share the units. Up to three caches full, reading them again takes less time than threads that wait for each other after each step,
    /// and have unequal shares of few panels. Tests of either way set it.
    /// </summary>
    public long LargestSharedWeights { get; init; } = 3 * SecondLevelCache;

    /// <summary>
    /// How many groups the slices of a batch are taken in at most, where they have few sequences: as many as run at a time. Bits do not
    /// depend on it. Tests set it.
    /// </summary>
    public int SliceGroups { get; init; }

    /// <summary>
    /// How often something that depends on parameters alone was prepared for kernels: a matrix or filter laid out in panels, or a scan's
    /// factors spread over lanes. A step of a stream with the parameters of the one before it adds nothing.
    /// </summary>
    public long Preparations { get; set; }

    public IReadOnlyList<Thread> Workers => _pool.Workers;

    public void Run(ParallelJob job, int parts)
    {
        RequireLive();
        _pool.Run(job, parts);
    }

    /// <summary>
    /// The number of parts to split work into: at most one for each thread, and none with less than a few microseconds of work.
    /// </summary>
    public int Parts(long elements, long least = 8192) =>
        // A step of a stream has some ten operations of so few elements, and a division takes as long as a vector of them.
        elements < 2 * least
        || Threads == 1
            ? 1
            : (int)Math.Min(elements / least, Threads);

    /// <summary>The range of units that a part takes when <paramref name="count"/> of them are split evenly.</summary>
    public static (long From, long To) Share(long count, int part, int parts) =>
        parts == 1
            ? (count * part, count * (part + 1))
            : (count * part / parts, count * (part + 1) / parts);

    // What this process may use at all, by the size of the machine or the limit of its container. Free memory would say less: systems
    // promise more memory than they have, so an allocation succeeds and the process is killed once it writes there.
    public override long? FreeBytes =>
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes is > 0 and var all
            ? Math.Max(0, all - Memory.CurrentBytes)
            : null;

    private protected override Storage AllocateBlock(long count, MemoryCategory category)
    {
        RequireLive();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > MostFloats)
            throw new DeviceMemoryException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"No memory for {count:N0} floats of {category}."
                )
            );
        // Every storage takes whole cache lines, and the ledger counts what is really taken.
        nuint bytes = Bytes(count);
        // The system would promise more than it has and kill the process once the memory is written, so the room is checked here.
        RequireRoom((long)bytes, category);
        void* memory;
        try
        {
            memory = NativeMemory.AlignedAlloc(bytes, BlockAlignment);
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory((long)bytes, category, e);
        }
        HugePages.Advise(memory, bytes);
        Memory.Add(category, (long)bytes, AllocatesFor);
        return new Storage(this, (nint)memory, count, category, owned: true);
    }

    private static nuint Bytes(long count) =>
        ((nuint)Math.Max(count, 1) * sizeof(float) + BlockAlignment - 1)
        / BlockAlignment
        * BlockAlignment;

    internal override void Free(Storage storage, bool forgotten)
    {
        Memory.Remove(storage.Category, (long)Bytes(storage.Count), storage.Owner);
        NativeMemory.AlignedFree((void*)storage.BlockAddress);
    }

    private protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination) =>
        source.CopyTo(Span(destination));

    private protected override void DownloadCore(Tensor source, Span<float> destination) =>
        Span(source).CopyTo(destination);

    private protected override void CopyCore(Tensor source, Tensor destination) =>
        NativeMemory.Copy(
            (void*)source.Address,
            (void*)destination.Address,
            (nuint)source.Count * sizeof(float)
        );

    private protected override void CopyColumnsCore(in ColumnCopy copy)
    {
        float* from = Pointer(copy.From) + copy.FromColumn;
        float* to = Pointer(copy.To) + copy.ToColumn;
        for (long row = copy.From.Shape.Rows; row > 0; row--)
        {
            new ReadOnlySpan<float>(from, copy.Columns).CopyTo(new Span<float>(to, copy.Columns));
            from += copy.From.Shape.Columns;
            to += copy.To.Shape.Columns;
        }
    }

    private protected override void FillCore(Tensor destination, float value)
    {
        const int Most = 1 << 30;
        float* to = Pointer(destination);
        for (long done = 0; done < destination.Count; done += Most)
        {
            int count = (int)Math.Min(Most, destination.Count - done);
            new Span<float>(to + done, count).Fill(value);
        }
    }

    private static Span<float> Span(Tensor tensor) =>
        new((void*)tensor.Address, checked((int)tensor.Count));

    /// <summary>The address of a tensor's first value; null for an empty tensor.</summary>
    public static float* Pointer(Tensor tensor) => tensor.IsEmpty ? null : (float*)tensor.Address;

    internal override RandomStream CreateRandom(ulong seed) => new CpuRandom(this, seed);

    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor) =>
        new CpuRecurrent(this, descriptor);

    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        descriptor.PlainLayout();

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor) =>
        new CpuConvolution(this, descriptor);

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => new CpuDiagonalScan(this, descriptor);

    internal override StateSpaceScanOperation PlanStateSpaceScan(
        in StateSpaceScanDescriptor descriptor
    ) => new CpuStateSpaceScan(this, descriptor);

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        new CpuLayerNorm(this, descriptor);

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        new CpuBatchNorm(this, descriptor);

    internal override EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor) =>
        new CpuEmbedding(this, descriptor);

    internal override long PreferredRows(long floatsPerRow) =>
        Math.Max(1, Threads * SecondLevelCache / (floatsPerRow * sizeof(float)));

    private protected override TimeMark MakeMark() => new CpuMark(this);

    private protected override void Wait() { }

    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        _pool.Dispose();
        _scratch.Dispose();
    }

    private sealed class CpuMark(CpuBackend backend) : TimeMark(backend)
    {
        private long _ticks;

        private protected override void Place() => PlaceNow();

        internal override void PlaceNow() => _ticks = Stopwatch.GetTimestamp();

        internal override long NanosecondsSince(TimeMark earlier) =>
            (long)(
                (Int128)(_ticks - ((CpuMark)earlier)._ticks) * 1_000_000_000 / Stopwatch.Frequency
            );

        internal override bool IsReached => true;

        private protected override double Elapsed(TimeMark earlier) =>
            Stopwatch.GetElapsedTime(((CpuMark)earlier)._ticks, _ticks).TotalMilliseconds;

        private protected override void Free() { }
    }

    /// <summary>Memory that operations without a plan need within one call. It grows to the largest need and is kept.</summary>
    internal sealed class Scratch(CpuBackend backend) : IDisposable
    {
        private Storage? _storage;

        public float* Take(long count)
        {
            if (_storage is null || _storage.Count < count)
            {
                _storage?.Dispose();
                _storage = null;
                // The public call would first free forgotten storages, which must not happen once an operation has begun.
                _storage = backend.AllocateBlock(count, MemoryCategory.Workspace);
            }
            return (float*)_storage.Address;
        }

        public void Dispose() => _storage?.Dispose();
    }
}
