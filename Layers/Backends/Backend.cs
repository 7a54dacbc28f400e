using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// The device that layers run on: memory, a closed list of operations on tensors, and planned operations made
/// once for a shape. Layers know this class and never which device is behind it.
/// </summary>
/// <remarks>
/// Operations are queued in order and may return before they are done; <see cref="Synchronize"/> waits for them. The layers check
/// shapes and say what is wrong with them; the operations here take it that shapes fit.
/// <para>
/// Only one thread at a time may be in a call on a backend or on what was made on it: plans, models, tensors, losses, optimizers,
/// graphs. It may be a different thread each time, as with async and await. A call from a second thread meanwhile, also to
/// Dispose, changes nothing and throws an <see cref="InvalidOperationException"/>. Threads that are to work at the same time need
/// a backend and a model each.
/// </para>
/// </remarks>
public abstract partial class Backend : IDisposable
{
    /// <summary>What this backend runs on.</summary>
    public abstract BackendInfo Info { get; }

    /// <summary>
    /// Bytes that can still be allocated, as far as the system tells. Other programs allocate memory too, so a plan that needs less
    /// may fail nevertheless. Null where it is not known.
    /// </summary>
    public abstract long? FreeBytes { get; }

    /// <summary>Makes a backend.</summary>
    /// <param name="device">
    /// The device; by default the one that <see cref="Device.Auto"/> takes. <see cref="BackendInfo.Reason"/> says why it was taken.
    /// </param>
    /// <param name="cpu">Options for a CPU; by default all cores and the widest vectors are used. Null for a GPU.</param>
    /// <param name="cuda">Options for a GPU. Null for a CPU.</param>
    /// <exception cref="DeviceUnavailableException">The device asked for is not there; the message says why.</exception>
    /// <exception cref="ArgumentException">Options are those of another kind of device than the one asked for.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static Backend Create(
        Device device = default,
        CpuOptions? cpu = null,
        CudaOptions? cuda = null
    )
    {
        if (device.IsCpu && cuda is not null)
            throw new ArgumentException(
                $"The device is {device}: it takes no CudaOptions.",
                nameof(cuda)
            );
        if (device.IsCuda && cpu is not null)
            throw new ArgumentException(
                $"The device is {device}: it takes no CpuOptions.",
                nameof(cpu)
            );
        if (device.IsCuda)
            return Cuda.CudaBackend.Create(device.Index, cuda);
        return new Cpu.CpuBackend(cpu ?? new CpuOptions(), device.IsCpu ? "asked for" : CudaIsNew);
    }

    private const string CudaIsNew =
        "CUDA has to be asked for: this version of Sequor ran on a virtual GPU only, not yet on hardware";

    /// <summary>Allocates a block of memory whose contents are undefined.</summary>
    /// <param name="count">Size in floats.</param>
    /// <param name="category">What the ledger counts it under.</param>
    /// <exception cref="DeviceMemoryException">
    /// There is not that much memory. The message says how much was asked for, and which category takes how much.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Another thread is in this backend, or a layer allocates within a forward or backward pass.
    /// </exception>
    public Storage Allocate(long count, MemoryCategory category)
    {
        using OwnerScope inside = Enter("Backend.Allocate");
        if (IsInPass)
            throw new InvalidOperationException(
                $"A pass of a layer asks for {Amount.Of(count, "float")} of memory; a step allocates nothing. Take a slot where the layer is planned."
            );
        return AllocateBlock(count, category);
    }

    /// <summary>A tensor in a block of its own.</summary>
    internal Tensor Allocate(Shape shape, MemoryCategory category) =>
        Allocate(shape.Count, category).View(shape);

    /// <inheritdoc cref="Allocate(long, MemoryCategory)"/>
    private protected abstract Storage AllocateBlock(long count, MemoryCategory category);

    /// <summary>Whether a pass of a layer that is not Sequor's own runs or is rehearsed: allocations are refused then.</summary>
    internal bool IsInPass { get; set; }

    /// <summary>Makes a tensor of memory that the caller owns. The memory is neither copied nor freed.</summary>
    /// <param name="address">Where the first float lies: host memory for the CPU, device memory for a GPU.</param>
    /// <param name="shape">The sizes.</param>
    /// <exception cref="ArgumentException">The address is null or not a multiple of 4.</exception>
    public virtual Tensor Wrap(nint address, Shape shape)
    {
        RequireLive();
        if (address == 0 || address % sizeof(float) != 0)
            throw new ArgumentException(
                "An address to wrap must be a multiple of 4 and not null.",
                nameof(address)
            );
        return new Tensor(
            new Storage(this, address, shape.Count, MemoryCategory.InputOutput, owned: false),
            0,
            shape
        );
    }

    /// <summary>The most rows, length times batch, that its operations can be planned for.</summary>
    internal virtual long MostRows => 1L << 40;

    /// <summary>What the beginnings of blocks within a storage are multiples of, in floats.</summary>
    internal virtual int Alignment => 16;

    /// <summary>Floats that a block takes up, so that the one behind it begins as it has to.</summary>
    internal long Align(long count) => checked((count + Alignment - 1) / Alignment * Alignment);

    /// <summary>Bytes that a block of so many floats takes.</summary>
    internal long BytesOf(long count) => checked(Align(Math.Max(count, 1)) * sizeof(float));

    /// <summary>Refuses a size beyond the free memory, before a library is asked about it or managed memory is allocated.</summary>
    /// <exception cref="DeviceMemoryException">There is not that much memory.</exception>
    internal void RequireRoom(long bytes, MemoryCategory category)
    {
        if (bytes > FreeBytes)
            throw NoMemory(bytes, category, null);
    }

    /// <summary>The error of an allocation that failed.</summary>
    private protected DeviceMemoryException NoMemory(
        long bytes,
        MemoryCategory category,
        Exception? cause
    ) =>
        new(
            string.Create(
                CultureInfo.InvariantCulture,
                $"No memory on {Info.Description} for {bytes:N0} bytes of {category}; {Memory.CurrentBytes:N0} bytes are taken already."
            ),
            new MemoryTable(
                Memory,
                new Dictionary<MemoryCategory, long> { [category] = bytes },
                FreeBytes
            ),
            cause
        );

    /// <summary>
    /// Copies from host memory, after earlier work on the destination; the source is free again when it returns.
    /// </summary>
    /// <exception cref="NotRecordableException">Work is being recorded: a copy would give the same values at each run.</exception>
    internal abstract void Upload(ReadOnlySpan<float> source, Tensor destination);

    /// <summary>Copies to host memory; waits for earlier work on the source.</summary>
    internal abstract void Download(Tensor source, Span<float> destination);

    /// <summary>destination = source as it was before; as many values, or more places. They may overlap.</summary>
    /// <exception cref="ArgumentException">They overlap so closely that the device cannot copy one to the other.</exception>
    internal abstract void Copy(Tensor source, Tensor destination);

    /// <summary>Some columns of a matrix become columns of another, see <see cref="ColumnCopy"/>.</summary>
    internal abstract void CopyColumns(in ColumnCopy copy);

    /// <summary>Every value = value.</summary>
    internal abstract void Fill(Tensor destination, float value);

    /// <summary>Runs a caller's code, which queues what writes these tensors.</summary>
    internal virtual void RunCode(Action code, ReadOnlySpan<Tensor> written) => code();

    /// <summary>What was chosen for the shapes of the plans so far where there are several ways of computing; empty of a CPU.</summary>
    public virtual IReadOnlyList<CudaChoice> Choices => [];

    /// <summary>A plan begins to be made: what is chosen for it may be measured.</summary>
    internal virtual void BeginPlan() { }

    /// <summary>The plan is made, or is not.</summary>
    internal virtual void EndPlan() { }

    /// <summary>Told of a product that a plan will run at its largest; the tensors have shapes, and no memory.</summary>
    internal virtual void PlanProduct(in MatrixProduct product) { }

    /// <summary>C = op(A) op(B), see <see cref="MatrixProduct"/>.</summary>
    internal abstract void MatMul(in MatrixProduct product);

    /// <summary>One of the closed list of elementwise operations.</summary>
    internal abstract void Pointwise(PointwiseOp op, in PointwiseArguments arguments);

    /// <summary>sum[c] += sum over rows of a[r, c] * b[r, c], or of a[r, c] where b is empty.</summary>
    internal abstract void ColumnSum(Tensor a, Tensor b, Tensor sum);

    /// <summary>Floats of this backend's memory that a packed batch's layout takes; 0 where it is read where it is.</summary>
    internal virtual int LayoutCount(int maxLength, int maxBatch) => 0;

    /// <summary>Makes a layout that was set known to the operations that are queued from now on.</summary>
    internal virtual void Upload(SequenceLayout layout) { }

    /// <summary>packed [N, 1, C] = the rows of x [T, B, C] that are within their sequences.</summary>
    internal abstract void Pack(Tensor x, SequenceLayout layout, Tensor packed);

    /// <summary>x [T, B, C] = the packed rows [N, 1, C], and 0 beyond the sequences' ends.</summary>
    internal abstract void Unpack(Tensor packed, SequenceLayout layout, Tensor x);

    /// <summary>
    /// mean[b, c] = average of sequence b's steps in x, which is [T, B, C] or packed. b counts as the caller's sequences.
    /// </summary>
    internal abstract void MeanOverTime(Tensor x, SequenceLayout? layout, Tensor mean);

    /// <summary>The steps of sequence b in dx = dmean[b, c] / number of them.</summary>
    internal abstract void MeanOverTimeGradient(Tensor dmean, SequenceLayout? layout, Tensor dx);

    /// <summary>y[b, c] = sequence b's last step in x, packed. b counts as the caller's sequences.</summary>
    internal abstract void LastSteps(Tensor x, SequenceLayout layout, Tensor y);

    /// <summary>dx, packed: dy[b, c] at each sequence's last step, 0 elsewhere.</summary>
    internal abstract void LastStepsGradient(Tensor dy, SequenceLayout layout, Tensor dx);

    /// <summary>
    /// value[0] = sum(mask * sum over a row's K columns of squared errors) / (sum(mask) * K); gradient by the prediction
    /// [rows, K]. An empty mask is all ones; a mask of only zeros gives 0. Rows of weight 0 are not looked at.
    /// </summary>
    internal abstract void MeanSquaredError(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );

    /// <summary>
    /// value[0] = sum(mask * nll) / sum(mask) over rows; gradient by the logits [rows, K]. Classes are whole numbers
    /// kept as floats; an empty mask is all ones. A mask of only zeros gives 0. Rows of weight 0 are not looked at.
    /// </summary>
    internal abstract void SoftmaxCrossEntropy(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );

    /// <summary>
    /// value[0] = sum(mask * bce) / sum(mask) over rows, where bce is a row's sum of
    /// max(x, 0) - x y + log(1 + exp(-|x|)), x a logit and y its target in [0, 1]; gradient by the logits. Logits, targets
    /// and gradient are [rows, K], the mask [rows]. An empty mask is all ones; a mask of only zeros gives 0. Rows of
    /// weight 0 are not looked at.
    /// </summary>
    internal abstract void BinaryCrossEntropy(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );

    /// <summary>What an update's segments take of this backend's memory; null where they are read where they are.</summary>
    internal virtual Storage? PlaceSegments(OptimizerSegment[] segments) => null;

    /// <summary>The global norm of the gradients, and the update that it scales; see <see cref="OptimizerUpdate"/>.</summary>
    internal abstract void Optimize(in OptimizerUpdate update);

    /// <summary>Convolutions read filters as [O, k, I] rather than as [O, I, k], in which parameters are kept.</summary>
    internal virtual bool FilterInputsLast => false;

    /// <summary>
    /// w[o] = g[o] v[o] / |v[o]| for each output o of each filter; norms keeps |v[o]|. w is as this backend's convolutions read
    /// it.
    /// </summary>
    internal abstract void WeightNorm(ReadOnlySpan<WeightNormTensors> filters);

    /// <summary>Adds to the gradients by v and g what that by w gives by the chain rule of <see cref="WeightNorm"/>.</summary>
    internal abstract void WeightNormGradient(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    );

    /// <summary>Writes the matrices that an LRU's parameters come to; see <see cref="LruMatrices"/>.</summary>
    internal abstract void LruParametrization(in LruTensors parameters, in LruMatrices matrices);

    /// <summary>Adds to the gradients by the parameters what those by the matrices give by the chain rule.</summary>
    internal abstract void LruParametrizationGradient(
        in LruTensors parameters,
        in LruMatrices matrices,
        in LruTensors gradients
    );

    /// <summary>Floats that hold a bit for each value of [T, B, C], and of any smaller T and B.</summary>
    internal virtual long BitCount(Shape shape) => checked(shape.Count + 31) / 32;

    /// <summary>
    /// A product adds its bias while it is written. Where not, that is a pass of its own, which is better joined to the one
    /// that follows.
    /// </summary>
    internal virtual bool AddsBiasInProducts => true;

    /// <summary>Random numbers that advance where the step runs.</summary>
    internal abstract RandomStream CreateRandom(ulong seed);

    /// <summary>Prepares a recurrent network for its largest shape.</summary>
    internal abstract RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor);

    /// <summary>A recurrent network's backward pass wants the gradient of all steps of y, zeros too.</summary>
    internal virtual bool RecurrentBackwardNeedsAllSteps => false;

    /// <summary>How the parameters of a recurrent network lie in their block.</summary>
    internal abstract ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor);

    /// <summary>Prepares a causal dilated convolution for its largest shape.</summary>
    internal abstract ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor);

    /// <summary>Prepares a complex diagonal scan for its largest shape.</summary>
    internal abstract DiagonalScanOperation PlanDiagonalScan(in DiagonalScanDescriptor descriptor);

    /// <summary>Prepares a layer normalisation for its largest shape.</summary>
    internal abstract LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor);

    /// <summary>Prepares a batch normalisation.</summary>
    internal abstract BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor);

    /// <summary>Prepares an embedding for its largest shape.</summary>
    internal abstract EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor);

    /// <summary>
    /// Rows that a chain of operations is best run on at a time, when it touches so many floats a row.
    /// </summary>
    /// <remarks>A CPU wants them to stay in its cache; a GPU wants all.</remarks>
    internal abstract long PreferredRows(long floatsPerRow);

    /// <summary>Makes a mark, which can be put into the queue of work to take the time there.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in this backend.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    public TimeMark CreateMark()
    {
        using OwnerScope inside = Enter("Backend.CreateMark");
        RequireLive();
        return MakeMark();
    }

    /// <inheritdoc cref="CreateMark"/>
    private protected abstract TimeMark MakeMark();

    /// <summary>Why this backend records no work; null where it does.</summary>
    internal virtual string? RecordsNothing => "only a GPU records steps";

    /// <summary>Records what an action queues, without running it.</summary>
    /// <exception cref="NotRecordableException">The action did what cannot be recorded, such as reading a value back.</exception>
    internal virtual RecordedWork Record(Action work) =>
        throw new NotRecordableException(RecordsNothing!);

    /// <summary>Counts the operations that an action queues, without running it.</summary>
    /// <exception cref="NotRecordableException">As of <see cref="Record"/>.</exception>
    internal virtual long CountRecorded(Action work) =>
        throw new NotRecordableException(RecordsNothing!);

    /// <summary>Whether what is queued now is recorded, by this backend or by a caller whose stream it uses.</summary>
    internal virtual bool IsRecording => false;

    /// <summary>Says that the operations that follow depend on values that only the host knows, and so cannot be recorded.</summary>
    /// <param name="reason">Why recorded work cannot contain them.</param>
    /// <exception cref="NotRecordableException">Work is being recorded.</exception>
    internal virtual void RequireNotRecording(string reason) { }

    /// <summary>Notes the calls of the step that is running; null outside of a <see cref="StepGraph"/>.</summary>
    internal StepTracer? Tracer { get; set; }

    /// <summary>
    /// Whether the tracer puts a call off, so that it must not be queued now. If not, the caller queues it and then calls
    /// <see cref="Queued"/>.
    /// </summary>
    internal bool PutsOff(in StepCall call, out Tensor result)
    {
        if (Tracer is { } tracer)
            return tracer.PutOff(call, out result);
        result = default;
        return false;
    }

    /// <summary>Notes a call that was queued.</summary>
    internal void Queued(in StepCall call, Tensor result = default) => Tracer?.Queued(call, result);

    /// <summary>A copy that a caller asks for.</summary>
    internal void CopyCalled(Tensor source, Tensor destination)
    {
        var call = new StepCall(StepCallKind.Copy, this, source, destination);
        if (!PutsOff(call, out _))
        {
            Copy(source, destination);
            Queued(call);
        }
        destination.Storage.NoteWrite(destination.Offset, destination.Count);
    }

    /// <summary>Waits until all work queued so far is done.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in this backend.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    public void Synchronize()
    {
        using OwnerScope inside = Enter("Backend.Synchronize");
        RequireLive();
        Wait();
    }

    /// <summary>Returns a task that ends when all work queued so far is done; the calling thread does not wait.</summary>
    /// <param name="cancellation">Ends the waiting, not the work.</param>
    /// <exception cref="InvalidOperationException">Another thread is in this backend, or a step is being captured.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task WaitAsync(CancellationToken cancellation = default)
    {
        using OwnerScope inside = Enter("Backend.WaitAsync");
        RequireLive();
        return cancellation.IsCancellationRequested
            ? Task.FromCanceled(cancellation)
            : WaitForQueue(cancellation);
    }

    /// <inheritdoc cref="Synchronize"/>
    private protected abstract void Wait();

    /// <inheritdoc cref="WaitAsync"/>
    private protected virtual Task WaitForQueue(CancellationToken cancellation)
    {
        // A CPU's work is done when its call returns.
        Wait();
        return Task.CompletedTask;
    }

    /// <summary>Copies to host memory as values are behind the work queued by now, without holding up the calling thread.</summary>
    internal virtual Task<float[]> DownloadAsync(Tensor source, CancellationToken cancellation)
    {
        float[] values = new float[source.Count];
        Download(source, values);
        return Task.FromResult(values);
    }

    /// <summary>Whether <see cref="Dispose()"/> was called.</summary>
    internal bool IsDisposed => _closed;

    /// <summary>Raises an error once the backend was disposed.</summary>
    internal void RequireLive() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    /// <summary>
    /// Frees the threads and memory of the backend; a second call does nothing. Afterwards plans on it can only be disposed.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in this backend; nothing was freed.</exception>
    public void Dispose()
    {
        using OwnerScope inside = Enter("Backend.Dispose");
        if (IsDisposed)
            return;
        Close();
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the backend holds.</summary>
    /// <param name="disposing">True when called by <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
