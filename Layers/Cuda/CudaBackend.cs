using System.Globalization;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>
/// An NVIDIA GPU as a backend: cuDNN computes recurrent networks, cuBLAS computes products, and Sequor's own kernels do the rest. Work is
/// queued on one stream, in order, and calls return before it is done. On a second stream a training plan's next batch comes to the device
/// meanwhile, where it is large.
/// </summary>
/// <remarks>
/// As every <see cref="Backend"/>, it is for one thread at a time. A caller's context and stream are used as they are and never destroyed.
/// The host waits for the stream only where values are read back, and when the backend is disposed.
/// </remarks>
/// <example>
/// <code>
/// using CudaBackend gpu = CudaBackend.Create(
///     device: 0,
///     new CudaOptions { Math = FloatMath.Fp32 }
/// );
/// using var lstm = new Lstm(inputSize: 4, hiddenSize: 8);
/// using Plan plan = lstm.Plan(gpu, maxLength: 5, maxBatch: 2, Mode.Training);
/// float[] y = plan.Forward(new float[5 * 2 * 4], length: 5, batch: 2).ToArray();
/// nint address = plan.Output.Address; // of device memory, for other work on gpu.Stream
/// Console.WriteLine(gpu.Info.Gpu); // the GPU, the driver's version, cuDNN's and cuBLAS's
/// </code>
/// </example>
public sealed partial class CudaBackend : Backend
{
    // What cuBLAS recommends for the newest devices; older ones need less of it.
    private const long ProductScratchBytes = 32L << 20;

    // 256 bytes: the alignment that cuBLAS asks of its workspace and that the driver gives to allocations.
    internal const int AlignmentFloats = 64;

    private readonly List<IDisposable> _owned = [];
    private readonly bool _graphs;
    private BackendInfo _info;
    private long _libraryCalls;
    private readonly CudaOptions _options;

    /// <summary>Makes a backend on a device's primary context, with a new stream; it owns both.</summary>
    /// <param name="device">The device's number, from 0.</param>
    /// <param name="options">Arithmetic, method of convolutions and graphs; null for the defaults.</param>
    /// <param name="libraries">The driver, cuDNN and cuBLAS; null for <see cref="CudaLibraries.Shared"/>.</param>
    /// <exception cref="DeviceUnavailableException">The device or a library is missing or does not work; the message says why.</exception>
    /// <exception cref="DeviceMemoryException">The device has too little free memory for the backend itself.</exception>
    public static CudaBackend Create(
        int device = 0,
        CudaOptions? options = null,
        CudaLibraries? libraries = null
    )
    {
        CudaContext? context = null;
        CudaStream? stream = null;
        return WhereAvailable(
            device,
            () =>
            {
                context = CudaContext.Primary((libraries ?? CudaLibraries.Shared).Device(device));
                stream = context.CreateStream();
                var backend = new CudaBackend(context, stream, options, "asked for");
                backend._owned.AddRange([stream, context]);
                return backend;
            },
            () =>
            {
                stream?.Dispose();
                context?.Dispose();
            }
        );
    }

    /// <summary>Opens a device or something on it; what the libraries refuse becomes one kind of error.</summary>
    /// <param name="device">The device's number, for messages.</param>
    /// <param name="open">Opens it.</param>
    /// <param name="undo">Gives back what was taken before an error.</param>
    /// <exception cref="DeviceUnavailableException">It cannot be opened; the message says why.</exception>
    internal static T WhereAvailable<T>(int device, Func<T> open, Action? undo = null)
    {
        try
        {
            return open();
        }
        catch (Exception e)
        {
            undo?.Invoke();
            if (
                e
                is not (
                    LibraryException
                    or CudaException
                    or CudnnException
                    or CublasException
                    or ArgumentOutOfRangeException
                )
            )
                throw;
            throw new DeviceUnavailableException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"device cuda:{device} is not available: {e.Message}"
                ),
                e
            );
        }
    }

    /// <summary>Makes a backend in a caller's context and stream, both of which must outlive it.</summary>
    /// <param name="context">The context that the backend works in.</param>
    /// <param name="stream">A stream of that context.</param>
    /// <param name="options">Arithmetic, method of convolutions and graphs; null for the defaults.</param>
    /// <exception cref="LibraryException">cuDNN or cuBLAS is missing.</exception>
    /// <exception cref="CudaException">The driver cannot compile the kernels; the message contains its log.</exception>
    /// <exception cref="ArgumentException">The stream belongs to another context.</exception>
    public CudaBackend(CudaContext context, CudaStream stream, CudaOptions? options = null)
        : this(context, stream, options, "the caller's") { }

    private CudaBackend(CudaContext context, CudaStream stream, CudaOptions? options, string reason)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Context.Handle != context.Handle)
            throw new ArgumentException("The stream is of another context.", nameof(stream));
        options ??= new CudaOptions();
        if (!Enum.IsDefined(options.Math))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Math,
                $"The arithmetic must be one of {string.Join(", ", Enum.GetNames<FloatMath>())}."
            );
        Require(options.Recurrent, "The algorithm", nameof(options));
        Require(options.Convolution, "The method", nameof(options));
        Require(options.Products, "The mode", nameof(options));
        Require(options.Scan, "The split", nameof(options));
        Require(options.Epilogue, "The epilogue", nameof(options));
        if (options.Products == ProductMath.Tf32 && options.Math != FloatMath.Tf32)
            throw new ArgumentException(
                $"{nameof(ProductMath)}.{nameof(ProductMath.Tf32)} needs {nameof(CudaOptions.Math)} to be {nameof(FloatMath.Tf32)}.",
                nameof(options)
            );
        _options = options;
        Tuner = new Tuner(this, options);
        _epilogues = new CudaEpilogues(this, options.Epilogue);
        Context = context;
        Stream = stream;
        Math = options.Math;
        ConvolutionMethod = options.Convolution;
        _graphs = options.Graphs;
        CudaDevice device = context.Device;
        _info = new BackendInfo(
            string.Create(CultureInfo.InvariantCulture, $"cuda:{device.Index}"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{device.Name}, compute capability {device.ComputeCapability}, {(Math == FloatMath.Tf32 ? "TF32" : "float32")}"
            ),
            1,
            0,
            reason
        )
        {
            Gpu = Describe(device),
        };
        Storage? scratch = null;
        CuDnnHandle? cuDnn = null;
        CudaKernels? kernels = null;
        try
        {
            _uploads = new CudaUploads(context, stream);
            _uploadStream = new CudaUploadStream(context);
            kernels = new CudaKernels(context, stream);
            cuDnn = CuDnnHandle.Create(stream);
            scratch = Allocate(ProductScratchBytes / sizeof(float), MemoryCategory.Workspace);
            CuBlas = CuBlasHandle.Create(stream, Block(scratch).Span.Cast<byte>());
            _mode = ProductTuning.ModeOf(
                options.Products is { } mode
                    ? ProductTuning.NameOf(mode)
                    : ProductTuning.FirstGuess(Math)
            );
            CuBlas.MathMode = _mode;
            Scratch = new CudaScratch(this);
        }
        catch
        {
            CuBlas?.Dispose();
            scratch?.Dispose();
            cuDnn?.Dispose();
            kernels?.Dispose();
            _uploads?.Dispose();
            throw;
        }
        CuDnn = cuDnn;
        Kernels = kernels;
        // The scratch's end waits for all work, and so for copies that leave from pinned memory.
        _owned.AddRange([
            _epilogues,
            CuBlas,
            scratch,
            cuDnn,
            Scratch,
            kernels,
            _uploads,
            _uploadStream,
        ]);
        StepMeter.Add(this);
        if (options.Nvtx && NvtxRanges.Create(options.Tell) is { } ranges)
        {
            ranges.NameStream(stream, "Sequor");
            AddProbe(ranges);
        }
    }

    /// <inheritdoc/>
    public override BackendInfo Info => _info;

    /// <summary>Says why this device was taken, and what users should know of it.</summary>
    internal void Explain(string reason, string? warning) =>
        _info = _info with { Reason = reason, Warning = warning };

    /// <summary>The context that the backend works in.</summary>
    public CudaContext Context { get; }

    /// <summary>The stream that all work is queued on.</summary>
    public CudaStream Stream { get; }

    /// <summary>The arithmetic of matrix products, convolutions and recurrent networks.</summary>
    public FloatMath Math { get; }

    /// <summary>How convolutions are computed; null where it is chosen for each shape.</summary>
    public ConvolutionMethod? ConvolutionMethod { get; }

    internal CuDnnHandle CuDnn { get; }

    internal CuBlasHandle CuBlas { get; }

    internal CudaKernels Kernels { get; }

    internal override long LaunchCount => Kernels.Launches + _libraryCalls;

    /// <summary>Counts calls of cuDNN or cuBLAS that queue work.</summary>
    internal void CountCalls(int calls) => _libraryCalls += calls;

    /// <summary>Memory for the kernels' partial sums, and zeroed counters by which a launch finds its last block.</summary>
    internal CudaScratch Scratch { get; }

    internal override int Alignment => AlignmentFloats;

    // cuBLAS and cuDNN take row counts as 32-bit signed integers, and kernels count a thread's rows by as many bits.
    internal override long MostRows => int.MaxValue;

    /// <inheritdoc/>
    public override long? FreeBytes => Context.DeviceMemory.Free;

    private protected override Storage AllocateBlock(long count, MemoryCategory category)
    {
        RequireLive();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Tracer?.Memory();
        long taken = Taken(count);
        DeviceBuffer<float> buffer;
        try
        {
            buffer = Context.Allocate<float>(taken, category.ToString());
        }
        catch (CudaException e) when (e.Status == CUresult.CUDA_ERROR_OUT_OF_MEMORY)
        {
            throw NoMemory(taken * sizeof(float), category, e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new DeviceMemoryException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"No memory for {count:N0} floats of {category}."
                ),
                e
            );
        }
        Memory.Add(category, buffer.ByteCount, AllocatesFor);
        return new Storage(this, (nint)buffer.Handle.Value, count, category, owned: true, buffer);
    }

    /// <summary>Sees a caller's device memory as a tensor. The memory is neither copied nor ever freed.</summary>
    /// <param name="address">The device address of the first float.</param>
    /// <param name="shape">The tensor's sizes.</param>
    /// <exception cref="ArgumentException">
    /// The address is null or not a multiple of 4, the memory is the host's or another context's, or the allocation is shorter than the
    /// shape.
    /// </exception>
    public override Tensor Wrap(nint address, Shape shape)
    {
        RequireLive();
        DeviceBuffer<float> buffer = DeviceBuffer<float>.Wrap(Context, address, shape.Count);
        return new Tensor(
            new Storage(
                this,
                address,
                shape.Count,
                MemoryCategory.InputOutput,
                owned: false,
                buffer
            ),
            0,
            shape
        );
    }

    /// <summary>
    /// Sees device memory of Interop as a tensor: a buffer, a part of one, or memory of another device, process or API that it uses. The
    /// memory is neither copied nor freed, and must outlive the use of the tensor.
    /// </summary>
    /// <param name="span">Memory of the backend's context; a <see cref="DeviceBuffer{T}"/> converts by itself.</param>
    /// <param name="shape">The tensor's sizes, of at most as many floats as the span has.</param>
    /// <exception cref="ArgumentException">The span is no memory, of another context, or shorter than the shape.</exception>
    /// <exception cref="ObjectDisposedException">The memory or the backend was disposed.</exception>
    public Tensor Wrap(DeviceSpan<float> span, Shape shape)
    {
        RequireLive();
        if (span.Memory is not { } memory)
            throw new ArgumentException("The span is no memory.", nameof(span));
        nint address = (nint)span.Handle.Value;
        if (memory.Context.Handle != Context.Handle)
            throw new ArgumentException(
                $"The memory is of another context, on {memory.Context.Device}, than the backend's, on"
                    + $" {Context.Device}; CudaContext.EnablePeerAccess lets one use another's.",
                nameof(span)
            );
        if (shape.Count > span.Length)
            throw new ArgumentException(
                $"A tensor of {shape} has {shape.Count} floats, the span {span.Length}.",
                nameof(shape)
            );
        // Of bytes that are seen as floats there is no buffer of floats.
        if (memory is not DeviceBuffer<float> buffer)
            return Wrap(address, shape);
        nint begin = (nint)buffer.Handle.Value;
        return new Tensor(
            new Storage(
                this,
                begin,
                buffer.Length,
                MemoryCategory.InputOutput,
                owned: false,
                buffer
            ),
            (address - begin) / sizeof(float),
            shape
        );
    }

    private protected override void Wait()
    {
        RequireNotRecording(
            "waiting for the device cannot be part of a captured step: put it before the step"
        );
        Stream.Synchronize();
    }

    private protected override Task WaitForQueue(CancellationToken cancellation)
    {
        RequireNotRecording(
            "waiting for the device cannot be part of a captured step: put it before the step"
        );
        return Stream.WaitAsync(cancellation);
    }

    /// <summary>The device memory of a tensor; an empty span for an empty tensor.</summary>
    internal static DeviceSpan<float> Span(Tensor tensor) =>
        tensor.IsEmpty || tensor.Count == 0
            ? default
            : Block(tensor.Storage).Slice(tensor.Offset, tensor.Count);

    private protected override void DownloadCore(Tensor source, Span<float> destination)
    {
        RequireNotRecording(
            "reading a value back cannot be part of a captured step: put it before the step"
        );
        Span(source).CopyTo(destination, Stream);
    }

    private protected override Task<float[]> DownloadAsyncCore(
        Tensor source,
        CancellationToken cancellation
    )
    {
        RequireNotRecording(
            "reading a value back cannot be part of a captured step: put it before the step"
        );
        return Span(source).ToArrayAsync(Stream, cancellation);
    }

    private protected override void CopyCore(Tensor source, Tensor destination)
    {
        Tracer?.Memory();
        DeviceSpan<float> from = Span(source);
        DeviceSpan<float> to = Span(destination).Slice(0, source.Count);
        nint bytes = destination.Address - source.Address;
        long distance = System.Math.Abs((long)bytes) / sizeof(float);
        if (distance >= source.Count)
            to.CopyFrom(from, Stream);
        else if (distance > 0)
            CopyOverlapping(from, to, distance, bytes < 0);
    }

    // The driver copies only between ranges that do not overlap, so the copy goes in pieces as long as the distance, in an order in which
    // each piece is read before it is written over.
    private void CopyOverlapping(
        DeviceSpan<float> from,
        DeviceSpan<float> to,
        long distance,
        bool forwards
    )
    {
        const int Most = 4096;
        long pieces = (from.Length + distance - 1) / distance;
        if (pieces > Most)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The source and the destination, {distance} values from each other, overlap in {from.Length - distance}: that takes {pieces} copies on a GPU, of which it does at most {Most}. Copy to other memory first."
                ),
                nameof(to)
            );
        }
        for (long i = 0; i < pieces; i++)
        {
            long first = (forwards ? i : pieces - 1 - i) * distance;
            long count = System.Math.Min(distance, from.Length - first);
            to.Slice(first, count).CopyFrom(from.Slice(first, count), Stream);
        }
    }

    private protected override void FillCore(Tensor destination, float value)
    {
        Tracer?.Memory();
        Span(destination).Fill(value, Stream);
    }

    internal override RandomStream CreateRandom(ulong seed) => new CudaRandom(this, seed);

    private protected override TimeMark MakeMark() => new CudaMark(this);

    // A GPU is used best with all rows at once.
    internal override long PreferredRows(long floatsPerRow) => long.MaxValue;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        foreach (IDisposable owned in _owned)
            owned.Dispose();
    }

    private GpuInfo Describe(CudaDevice device)
    {
        NativeLibraries native = device.Libraries.Native;
        return new GpuInfo(
            device.Name,
            device.ComputeCapability.ToString(),
            device.TotalBytes,
            native.DisplayDriverVersion,
            native.Driver.Version,
            native.CuDnn.Version,
            native.CuBlas.Version,
            Math,
            ConvolutionMethod
        );
    }

    // Allocations are rounded up to whole blocks, so that the ledger counts what is really taken.
    private long Taken(long count) =>
        count > long.MaxValue - AlignmentFloats ? count : Align(System.Math.Max(count, 1));

    private static DeviceBuffer<float> Block(Storage storage)
    {
        // The address is read only because that throws once the storage has been freed.
        _ = storage.Address;
        return (DeviceBuffer<float>)storage.Block!;
    }

    internal override void Free(Storage storage, bool forgotten)
    {
        Tracer?.Memory();
        var buffer = (DeviceBuffer<float>)storage.Block!;
        Memory.Remove(storage.Category, buffer.ByteCount, storage.Owner);
        // Of a block that was collected the buffer may have been, too, and tells no address then.
        _epilogues.Forget(storage.BlockAddress, buffer.ByteCount, forgotten);
        if (forgotten)
            buffer.DisposeLater();
        else
            buffer.Dispose();
    }

    private sealed class CudaMark(CudaBackend backend) : TimeMark(backend)
    {
        private readonly CudaEvent _event = backend.Context.CreateEvent(timing: true);

        // Within a graph the event is recorded anew by each launch.
        private protected override void Place()
        {
            var call = new StepCall(StepCallKind.Mark, this);
            if (backend.PutsOff(call, out _))
                return;
            PlaceNow();
            backend.Queued(call);
        }

        internal override void PlaceNow() => _event.Record(backend.Stream, backend.IsRecording);

        internal override long NanosecondsSince(TimeMark earlier) =>
            (long)System.Math.Round(_event.MillisecondsSince(((CudaMark)earlier)._event) * 1e6);

        internal override bool IsReached => _event.IsDone;

        private protected override double Elapsed(TimeMark earlier) =>
            _event.MillisecondsSince(((CudaMark)earlier)._event);

        private protected override void Free() => _event.Dispose();
    }
}
