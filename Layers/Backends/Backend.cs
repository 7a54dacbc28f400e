using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// The device that layers run on: memory, a closed list of operations on tensors, and planned operations that are made once for a shape.
/// Layers know only this class and never which device is behind it.
/// </summary>
/// <remarks>
/// Operations are queued in order and may return before they are done; <see cref="Synchronize"/> waits for them. The layers check shapes
/// and say what is wrong with them; the operations here rely on it.
/// <para>
/// Only one thread at a time may be in a call on a backend or on what was made on it: plans, models, tensors, losses, optimizers, graphs.
/// It may be a different thread each time, as with async and await. A call from a second thread meanwhile, Dispose included, changes
/// nothing and throws an <see cref="InvalidOperationException"/>. Threads that work at the same time need a backend and a model each.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });
/// Console.WriteLine(backend.Info.Description); // processor, threads, instructions
/// using var model = new Lstm(16, 32);
/// using Plan plan = model.Plan(backend, maxLength: 50, maxBatch: 8, Mode.Training);
/// long bytes = backend.Memory.CurrentBytes; // all that the plan took, exactly
/// </code>
/// </example>
public abstract partial class Backend : IDisposable
{
    /// <summary>What this backend runs on.</summary>
    public abstract BackendInfo Info { get; }

    /// <summary>
    /// The number of bytes that can still be allocated, as far as the system tells. Other programs allocate memory too, so a plan that
    /// needs less may fail nevertheless. Null where it is not known.
    /// </summary>
    public abstract long? FreeBytes { get; }

    /// <summary>Makes a backend.</summary>
    /// <param name="device">
    /// The device; by default the one that <see cref="Device.Auto"/> stands for. <see cref="BackendInfo.Reason"/> says why it was chosen.
    /// </param>
    /// <param name="cpu">Options for a CPU; by default all cores and the widest vectors are used. Must be null for a GPU.</param>
    /// <param name="cuda">
    /// Options for a GPU. Must be null for a CPU. <see cref="CudaOptions.SelfCheck"/> says what a GPU has to show before it is used.
    /// </param>
    /// <exception cref="DeviceUnavailableException">The requested device is not available; the message says why.</exception>
    /// <exception cref="ArgumentException">The options are for another kind of device than the requested one.</exception>
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
        return DeviceSelection.Take(device, cpu, cuda);
    }

    /// <summary>Allocates a block of memory whose contents are undefined.</summary>
    /// <param name="count">The size in floats.</param>
    /// <param name="category">The category under which the ledger counts it.</param>
    /// <exception cref="DeviceMemoryException">
    /// There is not enough memory. The message says how much was asked for, and which category takes how much.
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

    /// <summary>Allocates a tensor in a block of its own.</summary>
    internal Tensor Allocate(Shape shape, MemoryCategory category) =>
        Allocate(shape.Count, category).View(shape);

    /// <inheritdoc cref="Allocate(long, MemoryCategory)"/>
    private protected abstract Storage AllocateBlock(long count, MemoryCategory category);

    /// <summary>Whom memory is allocated for now; null for the backend itself, or a caller.</summary>
    internal MemoryOwner? AllocatesFor { get; private set; }

    /// <summary>Has memory be allocated for an owner until the scope's end.</summary>
    internal OwnedScope AllocateFor(MemoryOwner? owner)
    {
        var scope = new OwnedScope(this, AllocatesFor);
        AllocatesFor = owner;
        return scope;
    }

    /// <summary>Ends the allocation for an owner.</summary>
    internal readonly struct OwnedScope(Backend backend, MemoryOwner? before) : IDisposable
    {
        public void Dispose() => backend.AllocatesFor = before;
    }

    /// <summary>Whether a pass of a layer that is not Sequor's own runs or is rehearsed; allocations are then refused.</summary>
    internal bool IsInPass { get; set; }

    /// <summary>Sees memory that the caller owns as a tensor. The memory is neither copied nor freed.</summary>
    /// <param name="address">The address of the first float: in host memory for the CPU, in device memory for a GPU.</param>
    /// <param name="shape">The tensor's sizes.</param>
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

    /// <summary>The most rows, length times batch, for which its operations can be planned.</summary>
    internal virtual long MostRows => 1L << 40;

    /// <summary>The alignment of blocks within a storage, in floats.</summary>
    internal virtual int Alignment => 16;

    /// <summary>The floats that a block occupies, so that the next one is aligned.</summary>
    internal long Align(long count) => checked((count + Alignment - 1) / Alignment * Alignment);

    /// <summary>The bytes that a block of so many floats occupies.</summary>
    internal long BytesOf(long count) => checked(Align(Math.Max(count, 1)) * sizeof(float));

    /// <summary>Refuses a size above the free memory before a library is asked about it or managed memory is allocated.</summary>
    /// <exception cref="DeviceMemoryException">There is not enough memory.</exception>
    internal void RequireRoom(long bytes, MemoryCategory category)
    {
        if (bytes > FreeBytes)
            throw NoMemory(bytes, category, null);
    }

    /// <summary>Makes the error for an allocation that failed.</summary>
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

    /// <summary>What was chosen for the shapes of the plans so far where there are several ways of computing; empty of a CPU.</summary>
    public virtual IReadOnlyList<CudaChoice> Choices => [];

    /// <summary>A plan begins to be made: what is chosen for it may be measured.</summary>
    internal virtual void BeginPlan() { }

    /// <summary>
    /// Told that there is no memory for the plan: has it take the first guesses in place of what was measured, which may want more. False
    /// where that would change nothing.
    /// </summary>
    internal virtual bool ChoosesByRule() => false;

    /// <summary>The plan is made, or is not.</summary>
    internal virtual void EndPlan() { }

    /// <summary>Told of a product that a plan will run at its largest; the tensors have shapes, and no memory.</summary>
    /// <returns>Null, or why it is not carried out as was asked for.</returns>
    internal virtual string? PlanProduct(in MatrixProduct product) => null;

    /// <summary>
    /// Whether this backend computes the sums of a product (<see cref="MatrixProduct.Sums"/>) within it, where its tensors lie; else
    /// <see cref="ColumnSum"/> does. To be asked before the product.
    /// </summary>
    internal virtual bool JoinsSums(in MatrixProduct product) => false;

    /// <summary>The floats of this backend's memory that a packed batch's layout takes; 0 if it is read in host memory.</summary>
    internal virtual int LayoutCount(int maxLength, int maxBatch) => 0;

    /// <summary>
    /// Whether values that a training plan is given, so many at most, are copied in beside the step before, by way of memory of as many floats.
    /// </summary>
    internal virtual bool StagesUploads(long count) => false;

    /// <summary>Has values be copied to a block beside other work from now on, where <see cref="StagesUploads"/>.</summary>
    /// <param name="destination">A block that callers write to between steps.</param>
    /// <param name="memory">The memory by way of which; null to allocate it, for whom <see cref="AllocatesFor"/> says.</param>
    /// <returns>Ends it, before the block and the memory are freed; null where nothing is to end.</returns>
    /// <exception cref="DeviceMemoryException">There is too little memory, on the device or pinned; nothing remains allocated.</exception>
    internal virtual IDisposable? StageUploads(Storage destination, Storage? memory = null) => null;

    /// <summary>The bytes of an upload of so many values to a block that go by way of other memory of the device.</summary>
    internal virtual long StagedBytes(Storage destination, long count) => 0;

    /// <summary>Copies an update's segments to this backend's memory; null if they are read in host memory.</summary>
    internal virtual Storage? PlaceSegments(OptimizerSegment[] segments) => null;

    /// <summary>
    /// The floats of a product's B [depth, columns] as its kernels read it, where it pays to keep that for further products; else 0.
    /// </summary>
    internal virtual long FactorCount(int depth, int columns) => 0;

    /// <summary>Whether convolutions read filters as [O, k, I] instead of [O, I, k], which is how parameters are stored.</summary>
    internal virtual bool FilterInputsLast => false;

    /// <summary>The floats that hold a bit for each value of [T, B, C], and for any smaller T and B.</summary>
    internal virtual long BitCount(Shape shape) => checked(shape.Count + 31) / 32;

    /// <summary>
    /// Whether a product adds its bias while it is written. Otherwise that is a pass of its own, which is better joined to the next one.
    /// </summary>
    internal virtual bool AddsBiasInProducts => true;

    /// <summary>Makes a stream of random numbers whose step advances in the backend's own order of work.</summary>
    internal abstract RandomStream CreateRandom(ulong seed);

    /// <summary>Prepares a recurrent network for its largest shape.</summary>
    internal abstract RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor);

    /// <summary>Whether a recurrent network's backward pass needs the gradient of all steps of y, including zeros.</summary>
    internal virtual bool RecurrentBackwardNeedsAllSteps => false;

    /// <summary>How the parameters of a recurrent network lie in their block.</summary>
    internal abstract ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor);

    /// <summary>Prepares a causal dilated convolution for its largest shape.</summary>
    internal abstract ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor);

    /// <summary>Prepares a complex diagonal scan for its largest shape.</summary>
    internal abstract DiagonalScanOperation PlanDiagonalScan(in DiagonalScanDescriptor descriptor);

    /// <summary>Prepares a scan of systems with one input and one output each for its largest shape.</summary>
    internal abstract StateSpaceScanOperation PlanStateSpaceScan(
        in StateSpaceScanDescriptor descriptor
    );

    /// <summary>Prepares a layer normalisation for its largest shape.</summary>
    internal abstract LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor);

    /// <summary>Prepares a batch normalisation.</summary>
    internal abstract BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor);

    /// <summary>Prepares an embedding for its largest shape.</summary>
    internal abstract EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor);

    /// <summary>How many rows a chain of operations should run on at a time, if it touches so many floats for each row.</summary>
    /// <remarks>On a CPU they should stay in its cache; a GPU takes all at once.</remarks>
    internal abstract long PreferredRows(long floatsPerRow);

    /// <summary>Makes a mark, which can be put into the queue of work to measure time there.</summary>
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

    /// <summary>Why this backend cannot record work; null if it can.</summary>
    internal virtual string? RecordsNothing => "only a GPU records steps";

    /// <summary>Records what an action queues, without running it.</summary>
    /// <exception cref="NotRecordableException">The action did something that cannot be recorded, such as reading a value back.</exception>
    internal virtual RecordedWork Record(Action work) =>
        throw new NotRecordableException(RecordsNothing!);

    /// <summary>Counts the operations that an action queues, without running it.</summary>
    /// <exception cref="NotRecordableException">As for <see cref="Record"/>.</exception>
    internal virtual long CountRecorded(Action work) =>
        throw new NotRecordableException(RecordsNothing!);

    /// <summary>Whether work that is queued now is recorded, by this backend or by a caller whose stream it uses.</summary>
    internal virtual bool IsRecording => false;

    /// <summary>Says that the following operations depend on values that only the host knows, and so cannot be recorded.</summary>
    /// <param name="reason">Why recorded work cannot contain them.</param>
    /// <exception cref="NotRecordableException">Work is being recorded.</exception>
    internal virtual void RequireNotRecording(string reason) { }

    /// <summary>Says that operations are going to be used, so that a step, or the capture of one, has nothing to load for them.</summary>
    internal virtual void Prepare(OperationKind kind) { }

    /// <summary>Notes the calls of the current step; null outside of a <see cref="StepGraph"/>.</summary>
    internal StepTracer? Tracer { get; set; }

    /// <summary>
    /// Whether the tracer puts a call off, so that it must not be queued now. Otherwise the caller must queue it and then call
    /// <see cref="Queued"/>.
    /// </summary>
    internal bool PutsOff(in StepCall call, out Tensor result)
    {
        if (Tracer is { } tracer)
            return tracer.PutOff(call, out result);
        result = default;
        return false;
    }

    /// <summary>Notes a call that has been queued.</summary>
    internal void Queued(in StepCall call, Tensor result = default) => Tracer?.Queued(call, result);

    /// <summary>Makes a copy that a caller asked for.</summary>
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
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
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
        // On a CPU, work is done when its call returns.
        Wait();
        return Task.CompletedTask;
    }

    /// <summary>Whether <see cref="Dispose()"/> has been called.</summary>
    internal bool IsDisposed => _closed;

    /// <summary>Throws once the backend has been disposed.</summary>
    internal void RequireLive() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    /// <summary>
    /// Frees the threads and memory of the backend; a second call does nothing. Afterwards plans on it can only be disposed.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in this backend; nothing was freed.</exception>
    public void Dispose()
    {
        using (Enter("Backend.Dispose"))
        {
            if (IsDisposed)
                return;
            _clock?.Dispose();
            Close();
            Dispose(true);
            GC.SuppressFinalize(this);
        }
        // What another thread gave back meanwhile found this one inside.
        FreeIfNobodyIsInside();
    }

    /// <summary>Frees what the backend holds.</summary>
    /// <param name="disposing">True when called by <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
